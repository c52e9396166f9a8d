import { describe, expect, it } from 'vitest'
import { CommitteeWorld, copyStore } from '../../test/support/committeeFixture.ts'
import { codeOf, eventOf } from '../../test/support/machineFixture.ts'
import {
  idOf,
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import type { EquivocalVote, NodeMessage } from '../protocol/nodeMessages.ts'
import { signMessage } from '../protocol/signature.ts'
import { seconds, wh } from '../protocol/units.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')

function openWorld(members = 4): CommitteeWorld {
  const world = new CommitteeWorld(members)
  world.fund(consumer.address, 10_000n)
  return world
}

const deliver = (nonce = 0, amountWei = 1_000n, expirySeconds = startSeconds + 900) =>
  makeSubmission({ consumer, producer, nonce, amountWei, expirySeconds })

describe('a member on a disk that is not its newest', () => {
  it('P2: copied from earlier, it is shown a later record of its own and does not vote', () => {
    const world = openWorld()
    const old = copyStore(world.nodes[3]!.store)
    world.stop(3)
    world.start(3)
    expect(world.submit(0, deliver())).toMatchObject({ state: 'held' })
    world.stop(3)
    world.start(3, old)
    expect(world.nodes[3]!.machine.gate.reason()?.code).toBe('node/not-voting')
    world.stop(2)
    // Three are up, and one of them may not vote.
    expect(codeOf(world.submit(0, deliver(1)))).toBeUndefined()
    expect(world.nodes[3]!.state.store.get(4, new Uint8Array(24))).toBeUndefined()
    expect(world.notes.some(({ effect }) => effect.kind === 'log')).toBe(true)
    // The longest life and the grace later it votes again.
    world.block({ seconds: 86_400 + 600 + 2 })
    expect(world.nodes[3]!.machine.gate.reason()).toBeUndefined()
  })

  it('P2: wiped, it waits too, though it was told that it starts for the first time', () => {
    const world = openWorld()
    expect(world.submit(0, deliver())).toMatchObject({ state: 'held' })
    world.stop(3)
    world.start(3, createMemoryStore())
    expect(world.nodes[3]!.machine.gate.reason()?.code).toBe('node/not-voting')
  })

  it('does not vote before it has heard from 2f others', () => {
    const world = openWorld()
    for (const at of [1, 2, 3]) world.stop(at)
    world.stop(0)
    world.start(0)
    expect(world.nodes[0]!.machine.gate.reason()?.code).toBe('node/catching-up')
    world.start(1)
    expect(world.nodes[0]!.machine.gate.reason()?.code).toBe('node/catching-up')
    world.start(2)
    expect(world.nodes[0]!.machine.gate.reason()).toBeUndefined()
  })

  it('goes on at once after a crash on its own disk', () => {
    const world = openWorld()
    world.stop(3)
    world.start(3)
    expect(world.nodes[3]!.machine.gate.reason()).toBeUndefined()
  })
})

describe('a member that votes twice', () => {
  function equivocate(world: CommitteeWorld): [EquivocalVote, EquivocalVote] {
    const cheat = world.nodes[3]!.party
    const votes = [deliver(0, 1_000n), deliver(0, 2_000n)].map((submission) => {
      const tree = buildMerkleTree([idOf(submission, consumer)])
      const message = { epoch: 1, ctpsRoot: tree.root }
      const signature = signMessage(testMarket, 'HoldVote', message, cheat.key)
      const { ctp, consumerSignature } = submission
      return { ctp, consumerSignature, vote: { member: 3, signature, path: tree.pathOf(0) } }
    })
    return votes as [EquivocalVote, EquivocalVote]
  }
  const notice = (votes: [EquivocalVote, EquivocalVote], member = 3): NodeMessage => {
    return { kind: 'equivocation', epoch: 1, member, votes }
  }

  it('is shown to everybody, and its votes count no more', () => {
    const world = openWorld()
    const message = notice(equivocate(world))
    world.deliver({ from: 'peer-1', to: 'peer-0', message, isPublished: true })
    world.pump()
    for (const { machine } of world.nodes) expect(machine.equivocations.list()).toHaveLength(1)
    const answer = world.submit(0, deliver(0))
    expect(answer).toMatchObject({ certificate: { members: [0, 1, 2] } })
    world.stop(2)
    expect(world.submit(0, deliver(1))).toBeUndefined()
    world.start(0)
    expect(world.nodes[0]!.machine.equivocations.isCheat(1, 3)).toBe(true)
  })

  it('is found by a gateway that gets both votes', () => {
    const world = openWorld()
    const [first, second] = equivocate(world)
    const { equivocations } = world.nodes[0]!.machine
    const identify = (vote: EquivocalVote) => ({
      ...vote,
      consumer: consumer.address,
      ctpId: idOf({ ...deliver(), ctp: vote.ctp }, consumer),
    })
    equivocations.note(1, identify(first), first.vote)
    equivocations.note(1, identify(first), first.vote)
    expect(equivocations.list()).toEqual([])
    equivocations.note(1, identify(second), second.vote)
    expect(equivocations.isCheat(1, 3)).toBe(true)
  })

  it.each([
    ['the same CTP twice', ([one]: EquivocalVote[]) => [one!, one!]],
    ['another nonce', ([one, two]: EquivocalVote[]) => [one!, { ...two!, ...rest(deliver(1)) }]],
    ['another signer', ([one, two]: EquivocalVote[]) => [one!, { ...two!, vote: one!.vote }]],
  ] as const)('is not proved by %s: certificate/no-equivocation', (_name, change) => {
    const world = openWorld()
    const votes = change(equivocate(world)) as [EquivocalVote, EquivocalVote]
    const message = notice(votes)
    world.deliver({ from: 'peer-1', to: 'peer-0', message, isPublished: false })
    expect(world.notes.map(({ effect }) => effect)).toContainEqual({
      kind: 'blame',
      peer: 'peer-1',
      code: 'certificate/no-equivocation',
    })
    expect(world.nodes[0]!.machine.equivocations.list()).toEqual([])
  })

  const rest = ({ ctp, consumerSignature }: ReturnType<typeof deliver>) => ({
    ctp,
    consumerSignature,
  })
})

describe('an offer that closes at some members first', () => {
  it('P2: f + 1 votes of others stand in for the check', () => {
    const world = openWorld()
    const offer = {
      kind: 'OfferAdded' as const,
      ...{ offerId: 1n, producer: producer.address, energyWh: wh(10_000) },
      ...{ priceWeiPerKwh: 2_000n, isNegotiable: false, negotiationKey: '0x' as const },
      untilSeconds: seconds(startSeconds + 86_400),
    }
    world.block({ events: [eventOf(world.number + 1, offer)] })
    const closed = { kind: 'OfferWithdrawn' as const, offerId: 1n, producer: producer.address }
    const late = world.nodes.slice(2)
    world.block({ events: [eventOf(world.number + 1, closed)] }, late)
    const submission = makeSubmission({ consumer, producer, offerId: 1n, isAccepted: false })
    const answer = world.submit(0, submission)
    expect(answer).toMatchObject({ state: 'held' })
    const vouched = world.delivered.filter(
      ({ message }) =>
        message.kind === 'voteRequest' && message.items.some(({ vouches }) => vouches.length > 0),
    )
    expect(vouched.length).toBeGreaterThan(0)
    expect(codeOf(world.submit(2, { ...submission, ctp: { ...submission.ctp } }))).toMatchObject({
      state: 'held',
    })
  })
})

describe('answers that nobody asked for', () => {
  it.each<[string, NodeMessage, string]>([
    [
      'a vote reply',
      { kind: 'voteReply', id: 99, epoch: 1, accepted: [], refusals: [] },
      'nothing is blamed',
    ],
    ['a void reply', { kind: 'voidReply', id: 99, epoch: 1 }, 'nothing is blamed'],
  ])('%s is dropped: %s', (_name, message) => {
    const world = openWorld()
    world.deliver({ from: 'peer-1', to: 'peer-0', message, isPublished: false })
    expect(world.notes).toEqual([])
  })

  it('a certificate batch with a forged signature is rejected: signature/invalid', () => {
    const world = openWorld()
    world.submit(0, deliver())
    const batch = world.delivered.find(({ message }) => message.kind === 'certificates')!
    if (batch.message.kind !== 'certificates') throw new Error('no batch')
    const [first, ...others] = batch.message.ballots
    const forged = { ...first!, member: others[0]!.member }
    const message = { ...batch.message, ballots: [forged, ...others] }
    world.deliver({ ...batch, message, from: 'peer-1', to: 'peer-2', isPublished: false })
    expect(world.notes.map(({ effect }) => effect)).toContainEqual({
      kind: 'blame',
      peer: 'peer-1',
      code: 'signature/invalid',
    })
    const few = { ...batch.message, ballots: others }
    world.deliver({ ...batch, message: few, from: 'peer-1', to: 'peer-2', isPublished: false })
    expect(world.notes.map(({ effect }) => effect)).toContainEqual({
      kind: 'blame',
      peer: 'peer-1',
      code: 'certificate/too-few-votes',
    })
  })
})

describe('a member whose Ethereum client answers late', () => {
  it('counts what others said before it knew the committee', () => {
    const world = openWorld()
    world.stop(3)
    world.start(3, createMemoryStore(), false)
    expect(world.nodes[3]!.state.committee.members).toHaveLength(0)
    world.showChain(3)
    expect(world.nodes[3]!.machine.gate.reason()?.text).not.toContain('has heard from')
  })
})
