import type { Connection, Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, it } from 'vitest'
import { type Network, networkLimits } from '../../ports/network.ts'
import { writeFrame } from './frameReader.ts'
import { createLibp2pNetwork } from './libp2pNetwork.ts'
import { createLibp2pNode, type Libp2pNode } from './libp2pNode.ts'
import { peerIdOf, transportKeyOf } from './peerIdOf.ts'
import { trafficLimits } from './trafficLimits.ts'

const closing: (() => void | Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closing.splice(0).map((close) => close()))
})

const seedOf = (number: number) => new Uint8Array(32).fill(number)
const silent = { info() {}, warn() {}, error() {} }

type Target = { network: Network; connections: string[]; direct: number[] }

/** A network that blames whoever sends a message of more than one byte. */
async function openTarget(number = 1): Promise<Target> {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const options = { privateKey: seedOf(number), listen, topic: 'test', log: silent }
  const network = createLibp2pNetwork(options)
  closing.push(() => network.close())
  const target: Target = { network, connections: [], direct: [] }
  await network.start({
    onPeer: (peer, isUp) => target.connections.push(`${isUp ? '+' : '-'}${peer}`),
    onDirect(peer, bytes) {
      target.direct.push(bytes.length)
      if (bytes.length > 1) network.report(peer, 'input/shape')
    },
    onPublished: async () => 'accept',
  })
  return target
}

/** A node that speaks libp2p and does with SPB's protocol what its test wants. */
async function openStranger(number: number, isSilent = false): Promise<Libp2pNode> {
  const privateKey = transportKeyOf(seedOf(number))
  const node = await createLibp2pNode({
    privateKey,
    listen: [],
    announce: [],
    topic: 'test',
    connectionGater: {},
  })
  closing.push(() => node.stop())
  if (!isSilent) await node.handle('/spb/direct/1', (stream) => stream.resume())
  await node.start()
  return node
}

type Attack = { connection: Connection; stream: Stream }

async function attack(stranger: Libp2pNode, { network }: Target): Promise<Attack> {
  const connection = await stranger.dial(multiaddr(network.addresses()[0]!))
  return { connection, stream: await connection.newStream('/spb/direct/1') }
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

it('is the peer that its transport key says', async () => {
  const { network } = await openTarget()
  expect(network.self).toBe(peerIdOf(seedOf(1)))
  expect(network.addresses()[0]).toMatch(new RegExp(`/p2p/${network.self}$`))
  expect(() => peerIdOf(new Uint8Array(31))).toThrow('Invariant broken')
})

it('tells at most 8 addresses, those of other machines first', async () => {
  const announce = Array.from({ length: 12 }, (_, at) => `/ip4/127.0.0.1/tcp/${at + 1}`)
  const network = createLibp2pNetwork({
    privateKey: seedOf(1),
    listen: [],
    announce: [...announce, '/dns4/node.example/tcp/4001'],
    topic: 'test',
    log: silent,
  })
  closing.push(() => network.close())
  await network.start({ onPeer() {}, onDirect() {}, onPublished: async () => 'ignore' })
  expect(network.addresses()).toHaveLength(8)
  expect(network.addresses()[0]).toBe(`/dns4/node.example/tcp/4001/p2p/${network.self}`)
})

it('cuts off a stranger that announces a message over the limit', async () => {
  const target = await openTarget()
  const { stream } = await attack(await openStranger(2), target)
  stream.send(Uint8Array.of(0xff, 0xff, 0xff, 0xff))
  await until(() => target.connections.includes(`-${peerIdOf(seedOf(2))}`))
  expect([target.direct, target.network.peers()]).toEqual([[], []])
})

it('takes a message that comes byte by byte', async () => {
  const target = await openTarget()
  const { stream } = await attack(await openStranger(2), target)
  for (const byte of writeFrame(Uint8Array.of(7))) {
    stream.send(Uint8Array.of(byte))
    await new Promise((resolve) => setImmediate(resolve))
  }
  await until(() => target.direct.length === 1)
  expect(target.direct).toEqual([1])
})

it('hears little of a stranger’s garbage, and all that others say', async () => {
  const [target, honest] = await Promise.all([openTarget(1), openTarget(3)])
  honest.network.connect(target.network.addresses()[0]!)
  await until(() => honest.network.peers().length === 1)
  const { stream, connection } = await attack(await openStranger(2), target)
  const garbage = Buffer.concat(Array.from({ length: 5_000 }, () => writeFrame(seedOf(9))))
  stream.send(garbage)
  for (let at = 0; at < 100; at += 1) {
    expect(honest.network.send(target.network.self, Uint8Array.of(at))).toBe(true)
  }
  const fromOthers = () => target.direct.filter((length) => length === 1).length
  await until(() => fromOthers() === 100 && connection.status !== 'open')
  expect(target.direct.length - fromOthers()).toBe(trafficLimits.blame)
  expect(target.network.peers()).toEqual([honest.network.self])
  // It is refused when it comes again.
  const again = await openStranger(2)
  await expect(attack(again, target)).rejects.toThrow()
  expect(target.network.peers()).toEqual([honest.network.self])
})

it('does not count who does not speak its protocol as a peer', async () => {
  const target = await openTarget()
  const stranger = await openStranger(2, true)
  const connection = await stranger.dial(multiaddr(target.network.addresses()[0]!))
  await until(() => connection.status !== 'open')
  expect(target.connections).toEqual([])
})

it('lets a peer that does not read fill its queue and no more, and talks to others', async () => {
  const [target, honest] = await Promise.all([openTarget(1), openTarget(3)])
  honest.network.connect(target.network.addresses()[0]!)
  const stranger = await openStranger(2, true)
  await stranger.handle('/spb/direct/1', (stream) => stream.pause())
  await attack(stranger, target)
  await until(() => target.network.peers().length === 2)
  const whole = new Uint8Array(networkLimits.messageBytes)
  let accepted = 0
  await until(() => {
    const isTaken = target.network.send(peerIdOf(seedOf(2)), whole)
    if (isTaken) accepted += 1
    return !isTaken
  })
  const most = networkLimits.queuedBytesPerPeer + trafficLimits.streamWindowBytes
  expect(accepted * whole.length).toBeLessThanOrEqual(most)
  expect(target.network.send(honest.network.self, Uint8Array.of(1))).toBe(true)
  await until(() => honest.direct.length === 1)
})
