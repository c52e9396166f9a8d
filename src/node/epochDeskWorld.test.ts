import { describe, expect, it } from 'vitest'
import { CommitteeWorld } from '../../test/support/committeeFixture.ts'
import { codeOf, eventOf } from '../../test/support/machineFixture.ts'
import { makeSubmission, partyOf, startSeconds } from '../../test/support/tradeFixture.ts'
import { viewAccount } from '../ledger/ledgerViews.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type { CtpView } from '../protocol/views.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const ctpOf = (nonce: number, amountWei: bigint) =>
  makeSubmission({ consumer, producer, nonce, amountWei, expirySeconds: startSeconds + 9_000 })

/** Four members and an observer, who is to follow the last of them. */
function openWorld(): CommitteeWorld {
  const world = new CommitteeWorld(4, 1)
  world.fund(consumer.address, 10_000n)
  return world
}

/** Members end by way of their operators; the views that they answer with. */
const endAt = (world: CommitteeWorld, places: readonly number[]) =>
  places.map((at) => world.ask(at, (request) => ({ kind: 'endEpoch', request })) as EpochView)

function openNext(world: CommitteeWorld, view: EpochView, places: readonly number[]): void {
  const ends = view.ends
    .slice(0, 3)
    .map(({ member, votesRoot, signature }) => ({ member, votesRoot, signature }))
  const members = places.map((at) => world.nodes[at]!.party.address)
  const number = world.number + 1
  world.block({
    events: [
      eventOf(number, { kind: 'EpochEnded', epoch: 1, ends }),
      eventOf(number, { kind: 'EpochOpened', epoch: 2, members }),
    ],
  })
  for (let tick = 0; tick < 12; tick++) world.tick()
}

const stateOf = (answer: unknown) => (answer as CtpView).state
const accountAt = (world: CommitteeWorld, at: number) =>
  viewAccount(world.nodes[at]!.state, consumer.address)

describe('a change of committee', () => {
  it('keeps holds, and certifies with the next members', () => {
    const world = openWorld()
    expect(stateOf(world.submit(0, ctpOf(0, 4_000n)))).toBe('held')
    const views = endAt(world, [0, 1, 2])
    expect(views.at(-1)!.ends.map(({ member }) => member)).toEqual([0, 1, 2])
    // One of four still votes: nothing is certified before the next ones judge it.
    expect(world.submit(3, ctpOf(1, 50n))).toBeUndefined()
    expect(accountAt(world, 0)).toMatchObject({ heldWei: 4_000n, nextNonce: 1 })
    openNext(world, views.at(-1)!, [0, 1, 2, 4])
    for (const at of [0, 1, 2, 4]) {
      expect(world.nodes[at]!.machine.gate.reason(), `node ${at}`).toBeUndefined()
      expect(accountAt(world, at)).toMatchObject({ heldWei: 4_050n, nextNonce: 2 })
    }
    expect(stateOf(world.submit(4, ctpOf(2, 5_950n)))).toBe('held')
    expect(codeOf(world.submit(0, ctpOf(3, 20n)))).toBe('ctp/insufficient-balance')
  })

  it('P2: lets no vote of the next epoch meet an uncertified one of the last', () => {
    const world = openWorld()
    // The gateway votes, and nobody hears of it.
    world.filter = ({ message }) => message.kind !== 'voteRequest'
    const old = ctpOf(0, 9_000n)
    world.begin(0, old)
    world.pump()
    const views = endAt(world, [0, 1, 2])
    world.filter = () => true
    openNext(world, views.at(-1)!, [0, 1, 2, 4])
    for (const at of [0, 1, 2, 4]) {
      expect(accountAt(world, at)).toMatchObject({ heldWei: 9_000n, nextNonce: 0 })
    }
    for (const submission of [old, ctpOf(0, 20n)]) {
      const answer = world.submit(4, submission)
      for (let tick = 0; tick < 12; tick++) world.tick()
      expect(stateOf(answer)).not.toBe('held')
    }
    expect(codeOf(world.submit(1, ctpOf(0, 20n)))).toBe('ctp/nonce-inherited')
    for (const at of [0, 1, 2, 4]) expect(world.nodes[at]!.state.tree.size).toBe(0)
  })

  it('goes on where every node was killed in between', () => {
    const world = openWorld()
    expect(stateOf(world.submit(2, ctpOf(0, 4_000n)))).toBe('held')
    endAt(world, [0, 1])
    for (const at of [0, 1, 2, 3, 4]) {
      world.stop(at)
      world.start(at)
    }
    expect(world.nodes[0]!.machine.gate.reason()?.code).toBe('epoch/ended')
    const views = endAt(world, [2])
    openNext(world, views[0]!, [0, 1, 2, 4])
    for (const at of [4, 0]) {
      world.stop(at)
      world.start(at)
    }
    for (let tick = 0; tick < 12; tick++) world.tick()
    expect(stateOf(world.submit(0, ctpOf(1, 6_000n)))).toBe('held')
  })
})
