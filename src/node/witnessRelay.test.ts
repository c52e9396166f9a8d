import { beforeEach, describe, expect, it } from 'vitest'
import { keyOf, market } from '../../test/protocol/tradeFixture.ts'
import { seededBytes } from '../../test/support/seededBytes.ts'
import { type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { createSealingKeys, openRequest, requestIdOf, sealRequest } from '../protocol/sealedBox.ts'
import { addressOf, signDigest, signMessage } from '../protocol/signature.ts'
import { type MeterRevocation, standingOf } from '../protocol/standing.ts'
import { maxUint40, seconds } from '../protocol/units.ts'
import { witnessLimits } from '../protocol/witnessCodecs.ts'
import { postDigestOf, tokenHashOf, type WitnessPost } from '../protocol/witnessPost.ts'
import { WitnessRelay, type WitnessRelayLimits } from './witnessRelay.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const randomBytes = seededBytes('relay')
const node = addressOf(keyOf('node'))
const startSeconds = 1_760_000_000
const dayMs = 86_400_000

let nowMs: number
let revokedMeters: MeterRevocation[]
let draws: number[]

beforeEach(() => {
  nowMs = 1000 * startSeconds
  revokedMeters = []
  draws = []
})

function makeRelay(limits: Partial<WitnessRelayLimits> = {}): WitnessRelay {
  const makers = [{ manufacturer: addressOf(keyOf('maker')), endsSeconds: seconds(maxUint40) }]
  return new WitnessRelay({
    market,
    relay: node,
    readStanding: () => standingOf({ manufacturers: makers, revokedMeters }),
    clock: { nowMs: () => nowMs },
    randomBelow(bound) {
      draws.push(bound)
      return bound - 1
    },
    limits,
  })
}

/** A meter that witnesses: its keys, token and posts. */
function makeWitness(name: string, tokenByte = 'aa') {
  const key = keyOf(name)
  const meter = addressOf(key)
  const token: Bytes32 = `0x${tokenByte.repeat(32)}`
  const keys = createSealingKeys(randomBytes(32))
  const certificate = {
    meter,
    model: node.padEnd(66, '0') as Bytes32,
    notAfterSeconds: seconds(2e9),
  }
  const post = (changes: Partial<WitnessPost> = {}): WitnessPost => {
    const terms = {
      relay: node,
      sealingKey: keys.publicKey,
      tokenHash: bytesToHex(tokenHashOf(token)),
      notAfterSeconds: seconds(Math.floor(nowMs / 1000) + 3600),
      certificate,
      ...changes,
    }
    return {
      ...terms,
      manufacturerSignature: signMessage(market, 'MeterCertificate', certificate, keyOf('maker')),
      signature: signDigest(postDigestOf(market, meter, terms), key),
    }
  }
  const seal = () => {
    const sent = sealRequest(
      randomBytes(3),
      { witness: meter, sealingKey: keys.publicKey },
      randomBytes,
    )
    const requestId = requestIdOf(sent.box)
    return { ...sent, requestId, request: { witness: meter, box: sent.box } }
  }
  const reply = (box: `0x${string}`) => {
    const answer = openRequest(box, meter, keys).sealAnswer(Uint8Array.of(9), randomBytes)
    return { requestId: requestIdOf(box), box: answer }
  }
  return { meter, token, post, seal, reply }
}

const ann = makeWitness('ann')
const bob = makeWitness('bob', 'bb')
const owner = '10.0.0.1'

/** A relay at which a witness waits, so that it can be asked. */
function makeBusyRelay(limits: Partial<WitnessRelayLimits> = {}) {
  const relay = makeRelay(limits)
  relay.post(ann.post())
  const poll = relay.fetch(ann.meter, ann.token)
  return { relay, poll }
}

/** What a wait came to; undefined where it still waits. */
async function look<Value>(outcome: Promise<Value>): Promise<Value | undefined> {
  return await Promise.race([outcome, Promise.resolve(undefined)])
}

describe('a relay', () => {
  it('passes a request to the witness that waits, and its answer to whoever asked', async () => {
    const { relay, poll } = makeBusyRelay()
    const sent = ann.seal()
    const asked = relay.ask(sent.request, owner)
    expect(await poll.outcome).toEqual([sent.box])
    expect(await look(asked.outcome)).toBeUndefined()
    relay.answer(ann.meter, ann.token, ann.reply(sent.box))
    expect(sent.openAnswer(await asked.outcome)).toEqual(Uint8Array.of(9))
    expect(relay.counts).toEqual({ posts: 1, asks: 0, polls: 0 })
  })

  it('keeps requests for a witness that is about to ask again, the oldest first', async () => {
    const { relay, poll } = makeBusyRelay()
    poll.giveUp()
    expect(await poll.outcome).toEqual([])
    const sent = [ann.seal(), ann.seal()]
    for (const { request } of sent) relay.ask(request, owner).outcome.catch(() => undefined)
    const { outcome } = relay.fetch(ann.meter, ann.token)
    expect(await outcome).toEqual(sent.map(({ box }) => box))
    expect(await look(relay.fetch(ann.meter, ann.token).outcome)).toBeUndefined()
  })

  it('says that a witness is silent when its owner gives up, and forgets the request', async () => {
    const { relay, poll } = makeBusyRelay()
    const sent = ann.seal()
    const asked = relay.ask(sent.request, owner)
    asked.giveUp()
    asked.giveUp()
    await expect(asked.outcome).rejects.toThrow(refusal('meter/witness-silent'))
    expect(relay.counts).toEqual({ posts: 1, asks: 0, polls: 0 })
    expect(await poll.outcome).toEqual([sent.box])
    expect(() => relay.answer(ann.meter, ann.token, ann.reply(sent.box))).toThrow(
      refusal('witness/not-asked'),
    )
  })

  it('ends every wait when it closes', async () => {
    const { relay } = makeBusyRelay()
    const asked = relay.ask(ann.seal().request, owner)
    const poll = relay.fetch(ann.meter, ann.token)
    relay.close()
    await expect(asked.outcome).rejects.toThrow(refusal('meter/witness-silent'))
    expect(await poll.outcome).toEqual([])
    expect(relay.counts).toEqual({ posts: 0, asks: 0, polls: 0 })
  })
})

describe('the list of a relay', () => {
  it('has those that asked for requests within a minute', () => {
    const relay = makeRelay()
    relay.post(ann.post())
    expect(relay.list()).toEqual([])
    const poll = relay.fetch(ann.meter, ann.token)
    nowMs += 90_000
    // It waits all the time.
    expect(relay.list()).toEqual([ann.post({ notAfterSeconds: seconds(startSeconds + 3600) })])
    poll.giveUp()
    nowMs += 60_000
    expect(relay.list()).toHaveLength(1)
    nowMs += 1
    expect(relay.list()).toEqual([])
    expect(() => relay.ask(ann.seal().request, owner)).toThrow(refusal('witness/unknown'))
  })

  it('drops a post that is over', () => {
    const { relay } = makeBusyRelay()
    nowMs += 3_600_000
    expect(relay.list()).toHaveLength(1)
    nowMs += 1000
    expect(relay.list()).toEqual([])
    expect(() => relay.fetch(ann.meter, ann.token)).toThrow(refusal('witness/unknown'))
  })

  it('P6: drops a witness as soon as its revocation is announced', () => {
    const { relay } = makeBusyRelay()
    revokedMeters = [{ meter: ann.meter, endsSeconds: seconds(startSeconds + 1_000_000) }]
    expect(relay.list()).toEqual([])
  })

  it('says nothing by its order: it begins anywhere', () => {
    const relay = makeRelay()
    const witnesses = ['a', 'b', 'c', 'd'].map((name) => makeWitness(name))
    for (const { meter, token, post } of witnesses) {
      relay.post(post())
      relay.fetch(meter, token)
    }
    const sorted = witnesses.map(({ meter }) => meter).sort()
    const listed = relay.list().map(({ certificate }) => certificate.meter)
    expect(draws).toEqual([4])
    expect(listed).toEqual([...sorted.slice(3), ...sorted.slice(0, 3)])
  })
})

describe('attacks through a relay', () => {
  it('a wrong token opens no mailbox and answers nothing', async () => {
    const { relay, poll } = makeBusyRelay()
    const sent = ann.seal()
    const asked = relay.ask(sent.request, owner)
    await poll.outcome
    expect(() => relay.fetch(ann.meter, bob.token)).toThrow(refusal('witness/wrong-token'))
    expect(() => relay.answer(ann.meter, bob.token, ann.reply(sent.box))).toThrow(
      refusal('witness/wrong-token'),
    )
    expect(() => relay.fetch(bob.meter, bob.token)).toThrow(refusal('witness/unknown'))
    expect(await look(asked.outcome)).toBeUndefined()
    relay.close()
    await asked.outcome.catch(() => undefined)
  })

  it('the listed post alone opens nothing, and takes no mailbox over', () => {
    const { relay } = makeBusyRelay()
    const [listed] = relay.list()
    expect(() => relay.post(listed!)).not.toThrow()
    expect(() => relay.fetch(ann.meter, listed!.tokenHash)).toThrow(refusal('witness/wrong-token'))
    expect(() => relay.fetch(ann.meter, ann.token)).not.toThrow()
  })

  it('a post for another node is refused', () => {
    const relay = makeRelay()
    const elsewhere = ann.post({ relay: addressOf(keyOf('other node')) })
    expect(() => relay.post(elsewhere)).toThrow(refusal('witness/post-invalid'))
  })

  it('a forged post is refused, and replaces nothing', () => {
    const { relay } = makeBusyRelay()
    const end = seconds(startSeconds + 3601)
    const forged = { ...ann.post(), notAfterSeconds: end, tokenHash: bob.post().tokenHash }
    expect(() => relay.post(forged)).toThrow(refusal('witness/post-invalid'))
    expect(() => relay.fetch(ann.meter, bob.token)).toThrow(refusal('witness/wrong-token'))
  })

  it('an older post, shown again, replaces nothing', async () => {
    const old = ann.post()
    nowMs += 5000
    const { relay } = makeBusyRelay()
    const again = makeWitness('ann', 'cc')
    expect(() => relay.post(old)).toThrow(refusal('witness/post-invalid'))
    // Another post of the very same end does not either.
    expect(() => relay.post(again.post())).toThrow(refusal('witness/post-invalid'))
    expect(() => relay.fetch(ann.meter, ann.token)).not.toThrow()
  })

  it('a later post takes over: what was sealed to the old key is given back', async () => {
    const { relay, poll } = makeBusyRelay()
    poll.giveUp()
    const asked = relay.ask(ann.seal().request, owner)
    nowMs += 5000
    const again = makeWitness('ann', 'cc')
    relay.post(again.post())
    await expect(asked.outcome).rejects.toThrow(refusal('meter/witness-silent'))
    expect(() => relay.fetch(ann.meter, ann.token)).toThrow(refusal('witness/wrong-token'))
    expect(await look(relay.fetch(again.meter, again.token).outcome)).toBeUndefined()
  })

  it('an answer shown again, or to a request that nobody sent, goes nowhere', async () => {
    const { relay, poll } = makeBusyRelay()
    const sent = ann.seal()
    const asked = relay.ask(sent.request, owner)
    await poll.outcome
    const answer = ann.reply(sent.box)
    relay.answer(ann.meter, ann.token, answer)
    await asked.outcome
    for (const each of [answer, ann.reply(ann.seal().box)]) {
      expect(() => relay.answer(ann.meter, ann.token, each)).toThrow(refusal('witness/not-asked'))
    }
  })

  it('a witness answers only what it was given', async () => {
    const { relay, poll } = makeBusyRelay()
    poll.giveUp()
    const sent = ann.seal()
    const asked = relay.ask(sent.request, owner)
    expect(() => relay.answer(ann.meter, ann.token, ann.reply(sent.box))).toThrow(
      refusal('witness/not-asked'),
    )
    relay.post(bob.post())
    expect(() => relay.answer(bob.meter, bob.token, ann.reply(sent.box))).toThrow(
      refusal('witness/not-asked'),
    )
    asked.giveUp()
    await expect(asked.outcome).rejects.toThrow(refusal('meter/witness-silent'))
  })

  it('a request shown again while it waits is refused, and so is what is no box', () => {
    const { relay } = makeBusyRelay()
    const sent = ann.seal()
    relay.ask(sent.request, owner).outcome.catch(() => undefined)
    expect(() => relay.ask(sent.request, owner)).toThrow(refusal('witness/repeated'))
    const cut = { ...sent.request, box: sent.box.slice(0, -2) as `0x${string}` }
    expect(() => relay.ask(cut, owner)).toThrow(refusal('witness/box-invalid'))
    relay.close()
  })
})

describe('a flood', () => {
  const flood = (relay: WitnessRelay, witness: ReturnType<typeof makeWitness>, from: string) =>
    relay.ask(witness.seal().request, from).outcome.catch(() => undefined)

  it('of requests fills one mailbox, and no other', () => {
    const { relay } = makeBusyRelay()
    for (let count = 0; count < witnessLimits.mailboxRequests; count++) flood(relay, ann, owner)
    expect(() => flood(relay, ann, owner)).toThrow(refusal('meter/witness-busy'))
    relay.post(bob.post())
    relay.fetch(bob.meter, bob.token)
    expect(() => flood(relay, bob, owner)).not.toThrow()
    relay.close()
    expect(relay.counts).toEqual({ posts: 0, asks: 0, polls: 0 })
  })

  it('of one address leaves room for others; of all of them it is bounded', () => {
    const { relay } = makeBusyRelay({ asks: 3, asksPerAddress: 2 })
    flood(relay, ann, owner)
    flood(relay, ann, owner)
    expect(() => flood(relay, ann, owner)).toThrow(refusal('node/overloaded'))
    flood(relay, ann, '10.0.0.2')
    expect(() => flood(relay, ann, '10.0.0.3')).toThrow(refusal('node/overloaded'))
    expect(relay.counts.asks).toBe(3)
    relay.close()
  })

  it('of waiting witnesses is answered at once', async () => {
    const { relay } = makeBusyRelay({ polls: 1 })
    relay.post(bob.post())
    expect(await relay.fetch(bob.meter, bob.token).outcome).toEqual([])
    expect(relay.counts.polls).toBe(1)
  })

  it('of connections of one witness leaves the newest', async () => {
    const { relay, poll } = makeBusyRelay()
    const newest = relay.fetch(ann.meter, ann.token)
    expect(await poll.outcome).toEqual([])
    expect(relay.counts.polls).toBe(1)
    poll.giveUp()
    expect(await look(newest.outcome)).toBeUndefined()
  })

  it('of posts drops those that are over or away, and then refuses', () => {
    const relay = makeRelay({ posts: 2 })
    relay.post(ann.post())
    relay.fetch(ann.meter, ann.token)
    relay.post(bob.post())
    const carl = makeWitness('carl')
    expect(() => relay.post(carl.post())).toThrow(refusal('node/overloaded'))
    // Ann waits; Bob has not been heard of.
    nowMs += 600_001
    relay.post(carl.post())
    expect(() => relay.fetch(bob.meter, bob.token)).toThrow(refusal('witness/unknown'))
    nowMs += dayMs
    relay.post(bob.post())
    expect(relay.counts.posts).toBe(1)
  })
})
