import { describe, expect, it } from 'vitest'
import { networkCases } from '../../ports/network.compliance.ts'
import type { Network } from '../../ports/network.ts'
import { createMemoryHub, type MemoryHub } from './memoryHub.ts'
import type { LinkPolicy } from './memoryLink.ts'
import { createMemoryNetwork } from './memoryNetwork.ts'
import { trafficLimits } from './trafficLimits.ts'
import { createVirtualTime, type VirtualTime } from './virtualTime.cases.ts'

describe('a network in memory', () => {
  for (const { name, run } of networkCases) {
    it(name, () => {
      const time = createVirtualTime()
      const hub = createMemoryHub({ ...time, connectMs: 100 })
      return run({ create: (peer) => createMemoryNetwork(hub, peer), until: time.until })
    })
  }
})

type Pair = { time: VirtualTime; hub: MemoryHub; a: Network; b: Network; log: string[] }

/** Two connected networks; `log` holds what b is told. */
async function openPair(policy: LinkPolicy): Promise<Pair> {
  const time = createVirtualTime()
  const hub = createMemoryHub({ ...time, policy })
  const [a, b] = [createMemoryNetwork(hub, 'a'), createMemoryNetwork(hub, 'b')]
  const log: string[] = []
  const note = (bytes: Uint8Array) => log.push(`${time.nowMs()} ${bytes[0]}`)
  await a.start({ onPeer() {}, onDirect() {}, onPublished: async () => 'ignore' })
  await b.start({
    onPeer: (_, isConnected) => log.push(isConnected ? 'up' : 'down'),
    onDirect: (_, bytes) => note(bytes),
    async onPublished(_, bytes) {
      note(bytes)
      return 'accept'
    },
  })
  a.connect('/memory/b')
  await time.pass(0)
  log.length = 0
  return { time, hub, a, b, log }
}

const one = (value: number) => Uint8Array.of(value)

describe('faults of links in memory', () => {
  it('loses, delays and repeats as the policy says', async () => {
    const delays = [[], [5], [1, 8]]
    const policy: LinkPolicy = {
      arrivalsOf: ({ bytes }) => (delays[bytes[0]!] ?? []).map((delayMs) => ({ delayMs })),
    }
    const { time, a, log } = await openPair(policy)
    for (const value of [0, 1, 2]) expect(a.send('b', one(value))).toBe(true)
    await time.pass(20)
    // The second is held back by the first: one connection keeps order.
    expect(log).toEqual(['5 1', '5 2', '8 2'])
  })

  it('reorders only where the policy lets messages overtake', async () => {
    const { time, a, log } = await openPair({
      arrivalsOf: ({ bytes }) => [{ delayMs: 9 - bytes[0]!, mayOvertake: bytes[0]! > 1 }],
    })
    for (const value of [0, 1, 2, 3]) a.send('b', one(value))
    await time.pass(20)
    expect(log).toEqual(['6 3', '7 2', '9 0', '9 1'])
  })

  it('tells the policy who sends what to whom', async () => {
    const seen: string[] = []
    const policy: LinkPolicy = {
      arrivalsOf({ from, to, kind, bytes }) {
        seen.push(`${from}${to} ${kind} ${bytes[0]}`)
        return []
      },
    }
    const { a, b } = await openPair(policy)
    a.send('b', one(1))
    b.publish(one(2))
    expect(seen).toEqual(['ab direct 1', 'ba published 2'])
  })

  it('cuts connections at a partition, with all that is on its way, and heals', async () => {
    let isWhole = true
    const policy: LinkPolicy = {
      canConnect: () => isWhole,
      arrivalsOf: () => [{ delayMs: 10 }],
    }
    const { time, hub, a, b, log } = await openPair(policy)
    a.send('b', one(1))
    isWhole = false
    hub.review()
    expect([a.peers(), b.peers(), log]).toEqual([[], [], ['down']])
    isWhole = true
    hub.review()
    await time.pass(0)
    expect(a.send('b', one(2))).toBe(true)
    await time.pass(20)
    expect(log).toEqual(['down', 'up', '10 2'])
  })

  it('lets a refused peer in again when the refusal is over', async () => {
    const { time, a, log } = await openPair({})
    for (let times = 0; times < trafficLimits.blame; times += 1) a.report('b', 'input/shape')
    await time.pass(trafficLimits.refusalMs - 1)
    expect(log).toEqual(['down'])
    await time.pass(2)
    expect(log).toEqual(['down', 'up'])
  })

  it('ignores what comes while too many published messages are looked at', async () => {
    const time = createVirtualTime()
    const hub = createMemoryHub(time)
    const [a, b] = [createMemoryNetwork(hub, 'a'), createMemoryNetwork(hub, 'b')]
    let looked = 0
    let open: (() => void) | undefined
    const gate = new Promise<void>((resolve) => {
      open = resolve
    })
    await a.start({ onPeer() {}, onDirect() {}, onPublished: async () => 'ignore' })
    await b.start({
      onPeer() {},
      onDirect() {},
      async onPublished() {
        looked += 1
        await gate
        return 'accept'
      },
    })
    b.connect('/memory/a')
    await time.pass(0)
    const publish = (from: number, to: number) => {
      for (let at = from; at < to; at += 1) a.publish(Uint8Array.of(at >> 8, at))
    }
    publish(0, trafficLimits.validatingPerPeer + 7)
    await time.pass(0)
    expect(looked).toBe(trafficLimits.validatingPerPeer)
    open?.()
    await time.pass(0)
    publish(5_000, 5_003)
    await time.pass(0)
    expect(looked).toBe(trafficLimits.validatingPerPeer + 3)
  })

  it('holds one network a name', async () => {
    const { hub, a } = await openPair({})
    const twin = createMemoryNetwork(hub, 'a')
    const handlers = { onPeer() {}, onDirect() {}, onPublished: async () => 'ignore' as const }
    await expect(twin.start(handlers)).rejects.toThrow('one network a name')
    await a.close()
    await createMemoryNetwork(hub, 'a').start(handlers)
  })
})
