import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Hex, hexToBytes } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { encodeMeterEvidence } from '../protocol/meterEvidence.ts'
import { signMessage } from '../protocol/signature.ts'
import { encodeSignedErc } from '../protocol/signedErc.ts'
import { wh } from '../protocol/units.ts'
import { renewFromAny } from './findCoe.ts'
import { softwareMeterModel } from './manufactureSoftwareMeter.ts'
import {
  consumer,
  consumerKey,
  later,
  makeCtp,
  makeMeter,
  market,
  now,
  standing,
} from './neighbourhood.cases.ts'
import {
  closeServices,
  makeClock,
  makeTestRelay,
  ownerBytes,
  patience,
  serveWitness,
  type TestRelay,
} from './relays.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'

let relay: TestRelay

beforeEach(() => {
  relay = makeTestRelay('north', makeClock())
})

afterEach(closeServices)

/** The next tree; keys that are left of the last one would be taken first. */
async function renew(meter: SoftwareMeter, seed: string, relays = [relay]) {
  while (meter.keysLeft(later(3600)) > 0) meter.takeKey(later(3600))
  return await renewFromAny(meter, market, relays, {
    ...{ nowSeconds: now, standing, randomBytes: ownerBytes(seed), pause: patience },
  })
}

/** Each run of 20 bytes or more in hexadecimal that stands in a text. */
const wordsOf = (value: unknown): Set<string> =>
  new Set(JSON.stringify(value).match(/[0-9a-f]{40,}/g) ?? [])

const binary = (hex: Hex): string => Buffer.from(hexToBytes(hex)).toString('latin1')

/** The sealed boxes among the messages of a relay, in order. */
function boxesOf({ traffic }: TestRelay): Hex[] {
  return [...new Set(traffic.join().match(/0x[0-9a-f]{2048}(?![0-9a-f])/g))] as Hex[]
}

describe('P9: what a relaying node handles', () => {
  it('is neither root nor requester, in no message of a renewal', async () => {
    const witness = makeMeter(2)
    await serveWitness(witness, [relay], makeClock())
    const meter = makeMeter(1)
    const { coe, coeSignature } = await renew(meter, 'a')
    const { certificate, manufacturerSignature } = meter.signedCertificate
    const handled = relay.traffic.join('\n').toLowerCase()
    const inBoxes = boxesOf(relay).map(binary).join('\n')
    const secrets: Record<string, Hex> = {
      root: coe.root,
      'signature of the CoE': coeSignature,
      'owner’s address': certificate.meter,
      'owner’s certificate': manufacturerSignature,
      'owner’s first key': meter.takeKey(later(60)).meterKey,
    }
    for (const [name, secret] of Object.entries(secrets)) {
      expect(handled, name).not.toContain(secret.slice(2))
      expect(inBoxes, name).not.toContain(binary(secret))
    }
    // The test would see them: what may be seen is.
    expect(boxesOf(relay)).toHaveLength(2)
    expect(handled).toContain(witness.identity.slice(2))
    expect(handled).toContain(witness.signedCertificate.manufacturerSignature.slice(2))
  })

  it('looks the same for one meter’s two requests as for two meters’', async () => {
    const limits = { signedPerOwner: 1 }
    await serveWitness(makeMeter(2), [relay], makeClock(), { limits })
    const meter = makeMeter(1)
    await renew(meter, 'a')
    // Even a refusal has the size of a CoE.
    await expect(renew(meter, 'b')).rejects.toThrow(
      expect.objectContaining({ code: 'meter/no-witness' }),
    )
    const boxes = boxesOf(relay).map(hexToBytes)
    expect(boxes).toHaveLength(4)
    expect(new Set(boxes.map(({ length }) => length))).toEqual(new Set([1024]))
    // No five bytes in a row stand in two boxes, wherever: nothing but the version is shared.
    const seen = new Set<string>()
    for (const box of boxes) {
      const runs = new Set<string>()
      const text = Buffer.from(box).toString('latin1')
      for (let at = 1; at + 5 <= text.length; at++) runs.add(text.slice(at, at + 5))
      for (const run of runs) {
        expect(seen.has(run)).toBe(false)
        seen.add(run)
      }
    }
  })

  it('is forgotten when the answer is through', async () => {
    await serveWitness(makeMeter(2), [relay], makeClock())
    await renew(makeMeter(1), 'a')
    expect(relay.relay.counts).toMatchObject({ posts: 1, asks: 0 })
  })
})

describe('P9: two trades that used different CoEs', () => {
  /** All that chain, gossip and gateways see of a meter in one trade. */
  async function trade(meter: SoftwareMeter, nonce: number) {
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey, { nonce })
    const ready = meter.bind(ctp, consumer, market)
    const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
    const receipt = meter.receipt(ctpId, wh(1000), now)
    meter.acknowledge(ctpId, wh(1000))
    return {
      meterKey: ctp.meterKey,
      consumerSignature: signMessage(market, 'Ctp', ctp, consumerKey),
      meterReadySignature: ready.meterReadySignature,
      evidence: encodeMeterEvidence(ready.evidence),
      receipt: encodeSignedErc(receipt),
    }
  }

  it('cannot be linked through the meter’s keys, whoever witnessed', async () => {
    const clock = makeClock()
    const south = makeTestRelay('south', clock)
    await serveWitness(makeMeter(2), [relay], clock)
    await serveWitness(makeMeter(3), [south], clock)
    const meter = makeMeter(1, { treeHeight: 2 })
    await renew(meter, 'a', [relay])
    const first = await trade(meter, 0)
    await renew(meter, 'b', [south])
    const second = await trade(meter, 1)
    const shared = [...wordsOf(first)].filter((word) => wordsOf(second).has(word))
    // All software meters are of one model.
    expect(shared).toEqual([softwareMeterModel.slice(2)])
    for (const seen of [first, second]) {
      expect(JSON.stringify(seen)).not.toContain(meter.identity.slice(2))
      expect(JSON.stringify(seen)).not.toContain(
        meter.signedCertificate.manufacturerSignature.slice(2),
      )
    }
  })

  it('share with one witness no more than trades of two meters do', async () => {
    await serveWitness(makeMeter(2), [relay], makeClock())
    const sharedBy = async (a: SoftwareMeter, b: SoftwareMeter, seed: string) => {
      await renew(a, `${seed} 1`)
      const first = await trade(a, 0)
      await renew(b, `${seed} 2`)
      const second = await trade(b, 1)
      const terms = ['notBeforeSeconds', 'notAfterSeconds'] as const
      const timesOf = ({ evidence }: typeof first) => {
        const coe = evidence.coe as Record<string, number>
        return terms.map((name) => coe[name])
      }
      expect(timesOf(first)).toEqual(timesOf(second))
      return [...wordsOf(first)].filter((word) => wordsOf(second).has(word)).sort()
    }
    const meter = makeMeter(1, { treeHeight: 2 })
    const ofOne = await sharedBy(meter, meter, 'one')
    const ofTwo = await sharedBy(makeMeter(4), makeMeter(5), 'two')
    expect(ofOne).toEqual(ofTwo)
    expect(ofOne).toContain(makeMeter(2).identity.slice(2))
  })
})
