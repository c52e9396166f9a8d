import { describe, expect, it } from 'vitest'
import { CommitteeWorld } from '../../test/support/committeeFixture.ts'
import { codeOf, eventOf } from '../../test/support/machineFixture.ts'
import {
  idOf,
  makeReceipt,
  makeSubmission,
  partyOf,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type { CtpView } from '../protocol/views.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const deliver = (nonce = 0, amountWei = 1_000n) =>
  makeSubmission({ consumer, producer, nonce, amountWei })

/** Four members and an observer, which takes the place of the last one in epoch 2. */
function openWorld(): CommitteeWorld {
  const world = new CommitteeWorld(4, 1)
  world.fund(consumer.address, 10_000n)
  return world
}

function endEpoch(world: CommitteeWorld, at: number): EpochView {
  return world.ask(at, (request) => ({ kind: 'endEpoch', request })) as unknown as EpochView
}

/** The block in which the next committee opens, with the ends that a node knows. */
function openNext(world: CommitteeWorld, view: EpochView): void {
  const members = [0, 1, 2, 4].map((at) => world.nodes[at]!.party.address)
  const ends = view.ends.slice(0, 3).map(({ member, votesRoot, signature }) => {
    return { member, votesRoot, signature }
  })
  const number = world.number + 1
  world.block({
    events: [
      eventOf(number, { kind: 'EpochEnded', epoch: 1, ends }),
      eventOf(number, { kind: 'EpochOpened', epoch: 2, members }),
    ],
  })
  for (let round = 0; round < 4; round++) world.tick()
}

const reasons = (world: CommitteeWorld) =>
  world.nodes.map(({ machine }) => machine.gate.reason()?.code)

describe('a new committee', () => {
  it('P2: goes on from what a quorum of the old one handed over', () => {
    const world = openWorld()
    const old = deliver(0, 6_000n)
    expect(world.submit(0, old)).toMatchObject({ state: 'held' })
    for (const at of [0, 1, 2]) endEpoch(world, at)
    expect(reasons(world).slice(0, 3)).not.toContain(undefined)
    // Of four one still votes: nothing is certified any more.
    expect(codeOf(world.submit(3, deliver(1)))).not.toMatchObject({ state: 'held' })
    const view = world.nodes[4]!.machine.epochDesk.view()
    expect(view.ends).toHaveLength(3)
    openNext(world, view)
    expect([0, 1, 2, 4].map((at) => reasons(world)[at])).toEqual(Array(4).fill(undefined))
    // The old hold counts, and its nonce is closed.
    expect(codeOf(world.submit(4, deliver(0, 1_000n)))).not.toMatchObject({ state: 'held' })
    // Its gateway asked the new committee for the one that waited.
    expect(world.nodes[4]!.state.live.get(idOf(deliver(1), consumer))?.state).toBe('held')
    expect(codeOf(world.submit(4, deliver(2, 6_000n)))).toBe('ctp/insufficient-balance')
    const next = [2, 3].map((nonce) => codeOf(world.submit(4, deliver(nonce, 1_000n))))
    expect(next.at(-1)).toMatchObject({ state: 'held', certificate: { epoch: 2 } })
    const held = (next.at(-1) as CtpView).certificate
    expect(held?.members).toHaveLength(3)
  })

  it('P3: a receipt of an old certificate is still taken and settled', () => {
    const world = openWorld()
    const old = deliver()
    world.submit(0, old)
    for (const at of [0, 1, 2]) endEpoch(world, at)
    openNext(world, world.nodes[4]!.machine.epochDesk.view())
    const signed = makeReceipt(testMarket, idOf(old, consumer), 500, old.meterKey)
    expect(codeOf(world.ask(4, (request) => ({ kind: 'receipt', request, signed })))).toMatchObject(
      { ctp: { state: 'receipted' } },
    )
    for (let block = 0; block < 4; block++) world.block()
    const sent = world.notes.filter(({ effect }) => effect.kind === 'settle')
    expect(sent.length).toBeGreaterThan(0)
  })

  it('P3: what was certified is settled also between the two committees', () => {
    const world = openWorld()
    const old = deliver()
    world.submit(0, old)
    for (const at of [0, 1, 2]) endEpoch(world, at)
    const signed = makeReceipt(testMarket, idOf(old, consumer), 500, old.meterKey)
    world.ask(1, (request) => ({ kind: 'receipt', request, signed }))
    for (let block = 0; block < 4; block++) world.block()
    const sent = world.notes.filter(({ effect }) => effect.kind === 'settle')
    expect(sent.length).toBeGreaterThan(0)
  })
})
