import type { Multiaddr } from '@multiformats/multiaddr'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { AddressKeeper } from './addressKeeper.ts'
import { peerIdOf } from './peerIdOf.ts'
import { trafficLimits } from './trafficLimits.ts'

const { firstRedialMs, lastRedialMs, keptAddresses } = trafficLimits
const silent = { info() {}, warn() {}, error() {} }
const [self, other] = [1, 2].map((number) => peerIdOf(new Uint8Array(32).fill(number)))
const addressOf = (port: number) => `/ip4/127.0.0.1/tcp/${port}/p2p/${other}`

function openKeeper() {
  const dials: number[] = []
  const world = { isReachable: false, isConnected: false }
  const keeper = new AddressKeeper({
    self: self!,
    log: silent,
    async dial(address: Multiaddr) {
      dials.push(Date.now())
      if (!world.isReachable) throw new Error(`Nobody at ${address}.`)
      world.isConnected = true
      return other!
    },
    isConnected: () => world.isConnected,
  })
  return { keeper, dials, world }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 0 })
})
afterEach(() => {
  vi.useRealTimers()
})

it('dials again and again, with pauses that grow to a bound', async () => {
  const { keeper, dials } = openKeeper()
  keeper.add(addressOf(1))
  keeper.start()
  await vi.advanceTimersByTimeAsync(10 * lastRedialMs)
  const pauses = dials.slice(1).map((atMs, at) => atMs - dials[at]!)
  expect(pauses.slice(0, 3)).toEqual([1, 2, 4].map((times) => times * firstRedialMs))
  expect(pauses.at(-1)).toBe(lastRedialMs)
  keeper.stop()
  const count = dials.length
  await vi.advanceTimersByTimeAsync(10 * lastRedialMs)
  expect(dials).toHaveLength(count)
})

it('dials a lost peer again, soon if it went well', async () => {
  const { keeper, dials, world } = openKeeper()
  keeper.start()
  keeper.add(addressOf(1))
  await vi.advanceTimersByTimeAsync(3 * firstRedialMs)
  world.isReachable = true
  await vi.advanceTimersByTimeAsync(lastRedialMs)
  expect(dials).toHaveLength(4)
  await vi.advanceTimersByTimeAsync(lastRedialMs)
  expect(dials).toHaveLength(4)
  keeper.noteUse(other!)
  world.isConnected = false
  keeper.noteLoss(other!)
  await vi.advanceTimersByTimeAsync(firstRedialMs)
  expect(dials).toHaveLength(5)
})

it('dials again where the peer was lost while it was dialled', async () => {
  const { keeper, dials, world } = openKeeper()
  keeper.start()
  world.isReachable = true
  keeper.add(addressOf(1))
  // The dial ends in the next microtask, when the connection is gone already.
  world.isConnected = false
  keeper.noteLoss(other!)
  await vi.advanceTimersByTimeAsync(0)
  keeper.noteLoss(other!)
  await vi.advanceTimersByTimeAsync(firstRedialMs)
  expect(dials).toHaveLength(2)
})

it('dials no address twice, nor its own, nor what is none', async () => {
  const { keeper, dials } = openKeeper()
  keeper.start()
  const texts = ['', 'x', '/ip4/1.2.3.4', `/ip4/127.0.0.1/tcp/1/p2p/${self}`, 'y'.repeat(300)]
  for (const text of [...texts, addressOf(1), addressOf(1)]) keeper.add(text)
  await vi.advanceTimersByTimeAsync(0)
  expect(dials).toHaveLength(1)
})

it('drops the oldest address without a connection for a new one', async () => {
  const { keeper, dials, world } = openKeeper()
  for (let port = 1; port <= keptAddresses + 1; port += 1) keeper.add(addressOf(port))
  keeper.start()
  expect(dials).toHaveLength(keptAddresses)
  world.isConnected = true
  keeper.add(addressOf(9_999))
  expect(dials).toHaveLength(keptAddresses)
})
