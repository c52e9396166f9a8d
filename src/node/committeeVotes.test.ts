import { describe, expect, it } from 'vitest'
import { CommitteeWorld } from '../../test/support/committeeFixture.ts'
import { codeOf } from '../../test/support/machineFixture.ts'
import {
  idOf,
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import type { CtpView } from '../protocol/views.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')

function openWorld(members: number, observers = 0): CommitteeWorld {
  const world = new CommitteeWorld(members, observers)
  world.fund(consumer.address, 10_000n)
  return world
}

const statesOf = (world: CommitteeWorld, ctpId: `0x${string}`) =>
  world.nodes.map(({ state }) => state.live.get(ctpId)?.state)

const deliver = (amountWei = 1_000n, nonce = 0) =>
  makeSubmission({ consumer, producer, nonce, amountWei })

/** Two members hear of one gateway's CTP first, two of another's. */
function splitVotes(world: CommitteeWorld): void {
  let isSplit = false
  world.filter = ({ from, to, message }) => {
    if (isSplit || message.kind !== 'voteRequest') return true
    isSplit = from === 'peer-0' && to === 'peer-3'
    return !isSplit
  }
}

describe('a committee certifies', () => {
  it.each([1, 4, 7, 10])('with %i members, and every node keeps the certificate', (members) => {
    const world = openWorld(members, 1)
    const submission = deliver()
    const answer = world.submit(0, submission) as CtpView
    expect(codeOf(answer)).toMatchObject({ state: 'held' })
    expect(answer.certificate?.members).toHaveLength(2 * Math.floor((members - 1) / 3) + 1)
    expect(new Set(statesOf(world, answer.ctpId))).toEqual(new Set(['held']))
    expect(world.notes).toEqual([])
  })

  it('through an observer as gateway', () => {
    const world = openWorld(4, 1)
    const answer = world.submit(4, deliver()) as CtpView
    expect(answer.state).toBe('held')
    expect(new Set(statesOf(world, answer.ctpId))).toEqual(new Set(['held']))
  })

  it('with f members down, and refuses at once with f + 1 down', () => {
    const world = openWorld(4)
    world.stop(3)
    expect(world.submit(0, deliver())).toMatchObject({ state: 'held' })
    world.stop(2)
    expect(codeOf(world.submit(0, deliver(1_000n, 1)))).toBe('node/too-few-members')
  })

  it('nonces in order, also those that a client sends at once', () => {
    const world = openWorld(4)
    const requests = [0, 1, 2, 3].map((nonce) => world.begin(0, deliver(1_000n, nonce)))
    world.pump()
    for (const request of requests) {
      expect(codeOf(world.answers.get(request))).toMatchObject({ state: 'held' })
    }
  })

  it('P2: never more than the balance, whichever gateways are asked', () => {
    const world = openWorld(4)
    expect(world.submit(0, deliver(6_000n))).toMatchObject({ state: 'held' })
    expect(codeOf(world.submit(1, deliver(6_000n, 1)))).toBe('ctp/insufficient-balance')
    expect(world.submit(2, deliver(4_000n, 1))).toMatchObject({ state: 'held' })
    for (const { state } of world.nodes) {
      expect(state.accounts.heldOf(consumer.address)).toBe(10_000n)
    }
  })

  it('P2: one of two CTPs with one nonce at most, and blames no honest member', () => {
    const world = openWorld(4)
    splitVotes(world)
    const first = world.begin(0, deliver(1_000n))
    const second = world.begin(1, deliver(2_000n))
    world.pump()
    world.tick(3)
    const answers = [first, second].map((request) => codeOf(world.answers.get(request)))
    expect(answers.filter((answer) => typeof answer === 'object')).toHaveLength(0)
    expect(answers.filter((answer) => answer === 'ctp/nonce-reused')).toHaveLength(2)
    for (const { machine } of world.nodes) expect(machine.equivocations.list()).toEqual([])
  })

  it('shows a member that missed a certificate what it lacks, and gets its vote', () => {
    const world = openWorld(4)
    world.filter = ({ to, message }) => !(to === 'peer-3' && message.kind === 'certificates')
    expect(world.submit(0, deliver(1_000n, 0))).toMatchObject({ state: 'held' })
    world.filter = () => true
    world.stop(2)
    const answer = world.submit(0, deliver(1_000n, 1)) as CtpView
    expect(codeOf(answer)).toMatchObject({ state: 'held' })
    expect(answer.certificate?.members).toEqual([0, 1, 3])
  })

  it('asks again where a request or an answer was lost', () => {
    const world = openWorld(4)
    let lost = 0
    world.filter = ({ message }) => {
      const isVote = message.kind === 'voteRequest' || message.kind === 'voteReply'
      if (!isVote || lost >= 4) return true
      lost++
      return false
    }
    const request = world.begin(0, deliver())
    world.pump()
    expect(world.answers.get(request)).toBeUndefined()
    world.tick(3)
    world.tick(3)
    expect(codeOf(world.answers.get(request))).toMatchObject({ state: 'held' })
  })
})

describe('receipts and voids of a committee', () => {
  it('a receipt at one node reaches all, also before the certificate', () => {
    const world = openWorld(4)
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.filter = ({ to, message }) => !(to === 'peer-3' && message.kind === 'certificates')
    world.submit(0, submission)
    const signed = makeReceipt(testMarket, ctpId, 500, submission.meterKey)
    world.ask(1, (request) => ({ kind: 'receipt', request, signed }))
    expect(statesOf(world, ctpId).slice(0, 3)).toEqual(['receipted', 'receipted', 'receipted'])
    expect(statesOf(world, ctpId)[3]).toBe('proposed')
    world.filter = () => true
    const batch = world.delivered.find(({ message }) => message.kind === 'certificates')
    world.deliver({ ...batch!, to: 'peer-3', isPublished: true })
    expect(statesOf(world, ctpId)[3]).toBe('receipted')
  })

  it('a nonce that got stuck is voided by a quorum, once all is over', () => {
    const world = openWorld(4)
    const one = deliver(1_000n)
    splitVotes(world)
    world.begin(0, one)
    world.begin(1, deliver(2_000n))
    world.pump()
    const shown = { ctp: one.ctp, consumerSignature: one.consumerSignature }
    const askVoid = () => world.ask(2, (request) => ({ kind: 'void', request, shown }))
    expect(codeOf(askVoid())).toBe('ctp/not-stuck')
    world.block({ seconds: 900 + 600 + 1 })
    expect(askVoid()).toMatchObject({ nonce: 0, account: consumer.address })
    expect(
      world.submit(
        3,
        makeSubmission({ consumer, producer, nonce: 1, expirySeconds: startSeconds + 3_000 }),
      ),
    ).toMatchObject({ state: 'held' })
  })
})

describe('settlement by a committee', () => {
  it('P5: one member sends a batch that a quorum signed, the others wait their turn', () => {
    const world = openWorld(4)
    // A turn begins: within it nobody else's does.
    while (world.number % 4 !== 0) world.block()
    const submission = deliver()
    world.submit(0, submission)
    const ctpId = idOf(submission, consumer)
    const signed = makeReceipt(testMarket, ctpId, 500, submission.meterKey)
    world.ask(1, (request) => ({ kind: 'receipt', request, signed }))
    world.block()
    world.block()
    world.block()
    const sent = world.notes.flatMap(({ effect }) => (effect.kind === 'settle' ? [effect] : []))
    expect(sent).toHaveLength(1)
    expect((sent[0]!.call.votes.length - 2) / 2).toBe(3 * 65)
  })
})
