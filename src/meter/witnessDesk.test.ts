import { beforeEach, describe, expect, it } from 'vitest'
import { seededBytes } from '../../test/support/seededBytes.ts'
import type { Hex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { type SentBox, sealRequest } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type CoeRequest, possessionDigestOf } from './coeRequest.ts'
import { decodeWitnessAnswer, encodeCoeRequest, type WitnessAnswer } from './coeRequestCodec.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  bytes32,
  day,
  later,
  makeMeter,
  market,
  now,
  otherMarket,
  standing,
  stranger,
} from './neighbourhood.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import { WitnessDesk, type WitnessDeskLimits } from './witnessDesk.ts'

const randomBytes = seededBytes('desk')
const witness = makeMeter(2)
const policy = { nowSeconds: now, standing }
const hourMs = 3_600_000
const node = 'north'

let nowMs: number

beforeEach(() => {
  nowMs = 1000 * now
})

function makeDesk(limits: Partial<WitnessDeskLimits> = {}, meter: SoftwareMeter = witness) {
  return new WitnessDesk({ meter, market, randomBytes, limits })
}

/** A request signed by the meter of a seed. */
function makeRequest(seedFill = 1, changes: Partial<CoeRequest> = {}): CoeRequest {
  const unsigned = {
    market,
    witness: witness.identity,
    coe: {
      root: `0x${'ab'.repeat(32)}`,
      height: 3,
      notBeforeSeconds: now,
      notAfterSeconds: later(day),
    },
    owner: makeMeter(seedFill).signedCertificate,
    ...changes,
  } as const
  const signer = createSeedSigner(bytes32(seedFill))
  const possession = signer.signAsIdentity(possessionDigestOf(unsigned))
  return { ...unsigned, possession, ...changes }
}

function seal(desk: WitnessDesk, content: Uint8Array): SentBox {
  const to = { witness: witness.identity, sealingKey: desk.sealingKey }
  return sealRequest(content, to, randomBytes)
}

async function ask(desk: WitnessDesk, content: Uint8Array): Promise<WitnessAnswer | undefined> {
  const sent = seal(desk, content)
  const answer = await desk.handle(sent.box, node, policy, nowMs)
  return answer && decodeWitnessAnswer(sent.openAnswer(answer.box))
}

const askFor = (desk: WitnessDesk, seedFill = 1, changes: Partial<CoeRequest> = {}) =>
  ask(desk, encodeCoeRequest(makeRequest(seedFill, changes)))

const refused = (code: string) => ({ kind: 'refused', code })

describe('a witness’s desk', () => {
  it('answers a sealed request with the meter’s word', async () => {
    const desk = makeDesk()
    const request = makeRequest()
    expect(await ask(desk, encodeCoeRequest(request))).toEqual({
      kind: 'signed',
      signed: witness.certify(request, policy),
    })
    expect(desk.counts).toEqual({ signed: 1, refused: 0, dropped: 0 })
  })

  it.each<[string, string, number, Partial<CoeRequest>]>([
    ['itself', 'meter/self-witnessed', 2, {}],
    [
      'a meter of an untrusted manufacturer',
      'meter/owner-untrusted',
      1,
      {
        owner: makeMeter(1, { manufacturer: stranger }).signedCertificate,
      },
    ],
    [
      'somebody who only knows a certificate',
      'signature/invalid',
      1,
      {
        possession: `0x${'11'.repeat(64)}`,
      },
    ],
    ['another market', 'meter/coe-invalid', 1, { market: otherMarket }],
  ])('P6: refuses to vouch for %s, in a sealed answer', async (_name, code, seedFill, changes) => {
    const desk = makeDesk()
    expect(await askFor(desk, seedFill, changes)).toEqual(refused(code))
    expect(desk.counts).toEqual({ signed: 0, refused: 1, dropped: 0 })
  })

  it('refuses what is sealed rightly but is no request', async () => {
    const desk = makeDesk()
    const good = encodeCoeRequest(makeRequest())
    const tooLongChain = new ByteWriter()
      .uint64(2n ** 63n)
      .bytes(good.subarray(8))
      .finish()
    const noMarket = good.slice().fill(0, 8, 28)
    const noMeter = good.slice().fill(0, 71, 91)
    const wrong = [good.subarray(1), new Uint8Array(0), Uint8Array.of(...good, 0)]
    for (const content of [...wrong, tooLongChain, noMarket, noMeter]) {
      expect(await ask(desk, content)).toEqual(refused('meter/coe-invalid'))
    }
  })

  it('keeps its own troubles to itself', async () => {
    const broken = Object.assign(makeMeter(2), {
      certify: () => {
        throw new SpbError('store/failed')
      },
    })
    expect(await askFor(makeDesk({}, broken))).toEqual(refused('meter/witness-busy'))
  })

  it('stops at a bug of its own', async () => {
    const broken = Object.assign(makeMeter(2), {
      certify: () => {
        throw new Error('bug')
      },
    })
    await expect(askFor(makeDesk({}, broken))).rejects.toThrow('bug')
  })
})

describe('what a desk drops', () => {
  it('is a box that was altered, cut, or sealed to another desk', async () => {
    const desk = makeDesk()
    const { box } = seal(desk, encodeCoeRequest(makeRequest()))
    const altered = `${box.slice(0, -1)}${box.endsWith('0') ? '1' : '0'}` as Hex
    const cut = box.slice(0, -2) as Hex
    const other = seal(makeDesk(), encodeCoeRequest(makeRequest())).box
    for (const wrong of [altered, cut, other]) {
      expect(await desk.handle(wrong, node, policy, nowMs)).toBeUndefined()
    }
    expect(desk.counts).toEqual({ signed: 0, refused: 0, dropped: 3 })
    // The forgeries did not use the true one up.
    expect(await desk.handle(box, node, policy, nowMs)).toBeDefined()
  })

  it('is a request shown again, as long as it is remembered', async () => {
    const desk = makeDesk({ rememberedRequests: 2 })
    const boxes = [1, 3, 4].map((fill) => seal(desk, encodeCoeRequest(makeRequest(fill))).box)
    for (const box of boxes) expect(await desk.handle(box, node, policy, nowMs)).toBeDefined()
    for (const box of boxes.slice(1))
      expect(await desk.handle(box, node, policy, nowMs)).toBeUndefined()
    expect(desk.counts).toMatchObject({ signed: 3, dropped: 2 })
  })

  it('is what comes too fast to be looked at', async () => {
    const desk = makeDesk({ openedPerMinute: 2 })
    for (let count = 0; count < 2; count++) expect(await askFor(desk)).toBeDefined()
    expect(desk.hasRoom(node, nowMs)).toBe(false)
    expect(await askFor(desk)).toBeUndefined()
    // A node that floods hinders no other.
    const { box } = seal(desk, encodeCoeRequest(makeRequest()))
    expect(await desk.handle(box, 'south', policy, nowMs)).toBeDefined()
    nowMs += 60_000
    expect(await askFor(desk)).toBeDefined()
  })
})

describe('how often a desk vouches', () => {
  it('is bounded for each meter in a day, and others are not hindered', async () => {
    const desk = makeDesk({ signedPerOwner: 2 })
    for (let count = 0; count < 2; count++) {
      expect(await askFor(desk)).toMatchObject({ kind: 'signed' })
    }
    expect(await askFor(desk)).toEqual(refused('meter/witness-quota'))
    expect(await askFor(desk, 3)).toMatchObject({ kind: 'signed' })
    nowMs += 24 * hourMs
    expect(await askFor(desk)).toMatchObject({ kind: 'signed' })
  })

  it('is not used up by somebody who only knows a meter’s certificate', async () => {
    const desk = makeDesk({ signedPerOwner: 1 })
    const forged = { possession: `0x${'11'.repeat(64)}` } as const
    for (let count = 0; count < 3; count++) {
      expect(await askFor(desk, 1, forged)).toEqual(refused('signature/invalid'))
    }
    expect(await askFor(desk)).toMatchObject({ kind: 'signed' })
  })

  it('is bounded for all meters in an hour', async () => {
    const desk = makeDesk({ signedPerHour: 2 })
    for (const fill of [3, 4]) expect(await askFor(desk, fill)).toMatchObject({ kind: 'signed' })
    expect(await askFor(desk, 5)).toEqual(refused('meter/witness-busy'))
    nowMs += hourMs
    expect(await askFor(desk, 5)).toMatchObject({ kind: 'signed' })
  })

  it('begins anew where the clock was set back', async () => {
    const desk = makeDesk({ signedPerHour: 1 })
    await askFor(desk, 3)
    nowMs -= 10 * hourMs
    expect(await askFor(desk, 4)).toMatchObject({ kind: 'signed' })
    expect(await askFor(desk, 5)).toEqual(refused('meter/witness-busy'))
  })
})
