import { describe, expect, it } from 'vitest'
import { accountOf, blockOf, eventOf, MachineWorld } from '../../test/support/machineFixture.ts'
import {
  makeReceipt,
  makeSubmission,
  manufacturer,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { ChainEvent } from '../ports/chain.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wei } from '../protocol/units.ts'
import type { CtpView } from '../protocol/views.ts'
import { buckets } from './buckets.ts'
import { viewAccount, viewDossier } from './ledgerViews.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const expirySeconds = startSeconds + 20_000
/** The witness of every tree of the fixture. */
const witness = makeSubmission({ consumer, producer }).evidence.witness.meter

/** Whoever buys once, to see what becomes of it. */
const buyers = Array.from({ length: 9 }, (_, index) => partyOf(`buyer ${index}`))
let bought = 0

/** A world in which the consumer and all buyers have 10,000 wei. */
function openWorld(store = createMemoryStore()): MachineWorld {
  bought = 0
  const world = new MachineWorld({ store })
  const accounts = [consumer, ...buyers].map(({ address }) =>
    accountOf(address, { balanceWei: wei(10_000n) }),
  )
  world.block({ accounts })
  return world
}

/** What becomes of the next buyer's CTP: its state, or the code of its refusal. */
function buy(world: MachineWorld, atSeconds = expirySeconds): unknown {
  const buyer = buyers[bought++]!
  const answer = world.submit(
    makeSubmission({ consumer: buyer, producer, expirySeconds: atSeconds }),
  )
  return answer instanceof SpbError ? answer.code : (answer as CtpView).state
}

const endOfManufacturer = (endsAt: number, maker = manufacturer.address) => ({
  kind: 'ManufacturerSet' as const,
  manufacturer: maker,
  endsSeconds: seconds(endsAt),
})
const endOfWitness = (endsAt: number) => ({
  kind: 'MeterRevoked' as const,
  meter: witness,
  endsSeconds: seconds(endsAt),
})
type End = ReturnType<typeof endOfManufacturer> | ReturnType<typeof endOfWitness>

function confirm(world: MachineWorld, ...ends: End[]): void {
  world.block({ events: ends.map((end) => eventOf(world.number + 1, end) as ChainEvent) })
}

/** Shows ends in a head so many blocks above the block that is confirmed next. */
function show(world: MachineWorld, above: number, ...ends: End[]): void {
  const number = world.number + 1 + above
  const headEvents = ends.map((end) => eventOf(number, end) as ChainEvent)
  world.block({ head: blockOf(number, world.nowSeconds + 1 + above), headEvents })
}

const cases = [
  { who: 'manufacturer', end: endOfManufacturer, code: 'meter/witness-untrusted' },
  { who: 'witness', end: endOfWitness, code: 'meter/revoked' },
]

describe.each(cases)('P6: the end of a $who’s standing', ({ end, code }) => {
  it('refuses CTPs that expire after it, and no others', () => {
    const world = openWorld()
    expect(buy(world)).toBe('held')
    confirm(world, end(expirySeconds - 1))
    expect(buy(world)).toBe(code)
    expect(buy(world, expirySeconds - 1)).toBe('held')
    confirm(world, end(expirySeconds))
    expect(buy(world)).toBe('held')
  })

  it('ends no live hold: its receipt counts, and it is freed by its own time alone', () => {
    const world = openWorld()
    const [first, second] = [0, 1].map((nonce) =>
      makeSubmission({ consumer, producer, nonce, expirySeconds }),
    )
    const held = world.submit(first!) as CtpView
    const other = world.submit(second!) as CtpView
    confirm(world, end(startSeconds))
    world.block({ seconds: expirySeconds - world.nowSeconds })
    expect(viewAccount(world.state, consumer.address).heldWei).toBe(2_000n)
    const receipt = makeReceipt(testMarket, held.ctpId, 500, first!.meterKey)
    expect(world.receipt(receipt)).toMatchObject({ ctp: { state: 'receipted' } })
    // Sent again, it is known: whatever became of its witness.
    expect(world.submit(second!)).toMatchObject({ number: other.number, state: 'held' })
    expect(world.block().some(({ kind }) => kind === 'settle')).toBe(true)
    world.block({ seconds: 601 })
    expect(viewDossier(world.state, other.ctpId).state).toBe('expired')
  })

  it('counts as soon as any head shows it, until that height is confirmed', () => {
    const world = openWorld()
    show(world, 2, end(startSeconds))
    expect(buy(world)).toBe(code)
    // The head was replaced by one that does not show it.
    world.block({ head: blockOf(world.number + 2, world.nowSeconds + 2, 'fork') })
    expect(buy(world)).toBe(code)
    world.block()
    expect(buy(world)).toBe('held')
  })

  it('counts the nearest of those that heads showed, and a later one when confirmed', () => {
    const world = openWorld()
    confirm(world, end(startSeconds))
    show(world, 2, end(expirySeconds))
    expect(buy(world)).toBe(code)
    confirm(world, end(expirySeconds))
    expect(buy(world)).toBe('held')
    show(world, 3, end(startSeconds + 5), end(expirySeconds + 5))
    expect(buy(world)).toBe(code)
    show(world, 2, end(expirySeconds + 5))
    expect(buy(world)).toBe(code)
  })

  it('is taken back with its block, and known again after a restart', () => {
    const store = createMemoryStore()
    const world = openWorld(store)
    confirm(world, end(startSeconds))
    const again = new MachineWorld({ store })
    again.block()
    expect(buy(again)).toBe(code)
    again.step({ kind: 'reorganised' })
    again.step({ kind: 'reorganised' })
    expect(buy(again)).toBe('held')
  })
})

describe('whom a node lists', () => {
  const other = `0x${'0a'.repeat(20)}` as const

  it('is read anew with the chain where a reorganisation was deeper than the log', () => {
    const world = openWorld()
    confirm(world, endOfManufacturer(startSeconds), endOfWitness(startSeconds))
    // As if so many blocks had come since that the log holds none of these any more.
    const keys = Array.from(world.store.entries(buckets.undo), ({ key }) => key)
    world.store.commit(keys.map((key) => ({ bucket: buckets.undo, key, value: undefined })))
    world.step({ kind: 'reorganised' })
    expect(world.state.confirmed).toBeUndefined()
    expect(world.store.count(buckets.manufacturer)).toBe(0)
    expect(world.store.count(buckets.revokedMeter)).toBe(0)
    expect(world.state.standing.listManufacturers()).toEqual([])
    expect(world.state.standing.listRevokedMeters()).toEqual([])
  })

  it('P6: trusts no manufacturer that only a head shows', () => {
    const world = openWorld()
    confirm(world, endOfManufacturer(startSeconds))
    show(world, 1, endOfManufacturer(startSeconds * 2), endOfManufacturer(startSeconds * 2, other))
    const { standing } = world.state
    expect(standing.manufacturerEndsSeconds(other)).toBeUndefined()
    expect(standing.listManufacturers()).toEqual([
      { manufacturer: manufacturer.address, endsSeconds: startSeconds },
    ])
    confirm(world, endOfManufacturer(startSeconds * 2, other))
    expect(standing.listManufacturers()).toEqual(
      [
        { manufacturer: other, endsSeconds: startSeconds * 2 },
        { manufacturer: manufacturer.address, endsSeconds: startSeconds },
      ].sort((a, b) => (a.manufacturer < b.manufacturer ? -1 : 1)),
    )
  })

  it('shows a revocation that only a head shows, with the nearer end of two', () => {
    const world = openWorld()
    const { standing } = world.state
    expect(standing.meterEndsSeconds(witness)).toBeUndefined()
    show(world, 1, endOfWitness(expirySeconds))
    expect(standing.listRevokedMeters()).toEqual([{ meter: witness, endsSeconds: expirySeconds }])
    show(world, 1, endOfWitness(startSeconds))
    expect(standing.listRevokedMeters()).toEqual([{ meter: witness, endsSeconds: startSeconds }])
  })
})
