import { expect } from 'vitest'
import { compareBytes } from '../protocol/bytes.ts'
import { type Network, networkLimits, type PeerId, type PeerVerdict } from './network.ts'

/** How the cases get at one adapter's networks. */
export type NetworkHarness = {
  /**
   * A network that is not started; one name is one identity. `address`: where an earlier one of
   * that name was reached. The harness closes all when the case is over.
   */
  create(name: string, address?: string): Network
  /** Waits for what must come. */
  until(condition: () => boolean): Promise<void>
}

/** What every `Network` must do, whatever it is made of. */
export const networkCases: readonly {
  name: string
  run(harness: NetworkHarness): Promise<void>
}[] = [
  { name: 'tells its name, and its addresses once it listens', run: tellsItself },
  { name: 'tells both sides of a connection, once', run: tellsConnections },
  { name: 'tells of a peer before its first message, and can answer at once', run: greets },
  { name: 'dials at its start what was named before', run: dialsAtStart },
  { name: 'bears addresses that lead nowhere', run: bearsBadAddresses },
  { name: 'carries a message to that peer alone, in order', run: carriesDirect },
  { name: 'carries messages of every size up to the limit', run: carriesSizes },
  { name: 'takes no message over the limit', run: refusesTooLong },
  { name: 'sends nothing where there is no connection', run: needsConnection },
  { name: 'says which messages a full queue drops, and carries the others', run: boundsQueue },
  { name: 'publishes to everyone, by way of others', run: publishesFar },
  { name: 'takes a published message once, however often it comes', run: takesOnce },
  { name: 'passes on only what was accepted', run: passesOnAccepted },
  { name: 'cuts off and refuses a peer with enough blame', run: cutsOffBlamed },
  { name: 'blames peers whose published messages are rejected', run: blamesRejected },
  { name: 'tells that a peer has gone, and finds it again', run: findsAgain },
  { name: 'does nothing once closed', run: endsWhenClosed },
]

/** A started network that writes down what it is told. */
type Witness = {
  network: Network
  /** `+NAME`, `-NAME`, in order. */
  connections: string[]
  direct: { peer: PeerId; text: string }[]
  published: { peer: PeerId; text: string }[]
  verdicts: Map<string, PeerVerdict>
}

const bytesOf = (text: string) => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes)

function makeWitness(network: Network): Witness {
  return { network, connections: [], direct: [], published: [], verdicts: new Map() }
}

async function start(witness: Witness): Promise<Witness> {
  const { network, connections, direct, published, verdicts } = witness
  await network.start({
    onPeer: (peer, isConnected) => connections.push(`${isConnected ? '+' : '-'}${peer}`),
    onDirect: (peer, bytes) => direct.push({ peer, text: textOf(bytes) }),
    async onPublished(peer, bytes) {
      const text = textOf(bytes)
      published.push({ peer, text })
      return verdicts.get(text) ?? 'accept'
    },
  })
  return witness
}

const open = (harness: NetworkHarness, name: string) => start(makeWitness(harness.create(name)))

function addressOf({ network }: Witness): string {
  const address = network.addresses()[0]
  if (address === undefined) throw new Error('A started network has an address.')
  return address
}

const isConnected = (one: Witness, other: Witness) =>
  one.network.peers().includes(other.network.self) &&
  other.network.peers().includes(one.network.self)

async function connect(harness: NetworkHarness, one: Witness, other: Witness): Promise<void> {
  one.network.connect(addressOf(other))
  await harness.until(() => isConnected(one, other))
}

/** Networks of which each is connected with the next. */
async function openLine(harness: NetworkHarness, ...names: string[]): Promise<Witness[]> {
  const line = await Promise.all(names.map((name) => open(harness, name)))
  for (const [at, witness] of line.slice(1).entries()) {
    await connect(harness, line[at]!, witness)
  }
  return line
}

/** Publishes anew until it is taken there: who listens to whom takes a moment to get about. */
async function linkUp(harness: NetworkHarness, from: Witness, to: Witness): Promise<void> {
  let count = 0
  await harness.until(() => {
    if (to.published.some(({ text }) => text.startsWith(`link ${from.network.self}`))) return true
    from.network.publish(bytesOf(`link ${from.network.self} ${count++}`))
    return false
  })
}

const takenFrom = (witness: Witness) =>
  witness.published.map(({ text }) => text).filter((text) => !text.startsWith('link'))

async function tellsItself(harness: NetworkHarness): Promise<void> {
  const network = harness.create('a')
  expect(network.self.length).toBeGreaterThan(0)
  expect(network.self.length).toBeLessThanOrEqual(128)
  expect(network.self).not.toBe(harness.create('b').self)
  expect(network.peers()).toEqual([])
  await start(makeWitness(network))
  expect(network.addresses().length).toBeGreaterThan(0)
  for (const address of network.addresses()) expect(address.length).toBeLessThanOrEqual(256)
}

async function tellsConnections(harness: NetworkHarness): Promise<void> {
  const [a, b] = await Promise.all([open(harness, 'a'), open(harness, 'b')])
  a.network.connect(addressOf(b))
  a.network.connect(addressOf(b))
  b.network.connect(addressOf(a))
  await harness.until(() => isConnected(a, b))
  // Both have dialled by the time that both have heard of each other.
  a.network.send(b.network.self, bytesOf('hello'))
  b.network.send(a.network.self, bytesOf('hello'))
  await harness.until(() => a.direct.length === 1 && b.direct.length === 1)
  expect(a.connections).toEqual([`+${b.network.self}`])
  expect(b.connections).toEqual([`+${a.network.self}`])
  expect(a.network.peers()).toEqual([b.network.self])
}

async function greets(harness: NetworkHarness): Promise<void> {
  const networks = [harness.create('a'), harness.create('b')] as const
  const logs = await Promise.all(
    networks.map(async (network) => {
      const log: string[] = []
      await network.start({
        onPeer(peer, isUp) {
          log.push(isUp ? 'up' : 'down')
          if (isUp) log.push(network.send(peer, bytesOf('hello')) ? 'greeted' : 'mute')
        },
        onDirect: (_, bytes) => log.push(textOf(bytes)),
        onPublished: async () => 'ignore',
      })
      return log
    }),
  )
  networks[0].connect(networks[1].addresses()[0]!)
  await harness.until(() => logs.every((log) => log.length === 3))
  expect(logs).toEqual(logs.map(() => ['up', 'greeted', 'hello']))
}

async function dialsAtStart(harness: NetworkHarness): Promise<void> {
  const a = await open(harness, 'a')
  const b = makeWitness(harness.create('b'))
  b.network.connect(addressOf(a))
  expect(b.network.peers()).toEqual([])
  await start(b)
  await harness.until(() => isConnected(a, b))
}

async function bearsBadAddresses(harness: NetworkHarness): Promise<void> {
  const [a, b] = await Promise.all([open(harness, 'a'), open(harness, 'b')])
  for (const address of ['', 'nonsense', '/', '/ip4/1.2.3', addressOf(a), 'x'.repeat(10_000)]) {
    a.network.connect(address)
  }
  await connect(harness, a, b)
  expect(a.network.peers()).toEqual([b.network.self])
}

async function carriesDirect(harness: NetworkHarness): Promise<void> {
  const [a, b, c] = await openLine(harness, 'a', 'b', 'c')
  const texts = Array.from({ length: 500 }, (_, at) => `to b, ${at}`)
  for (const text of texts) expect(a!.network.send(b!.network.self, bytesOf(text))).toBe(true)
  expect(b!.network.send(c!.network.self, bytesOf('to c'))).toBe(true)
  expect(b!.network.send(a!.network.self, bytesOf('to a'))).toBe(true)
  await harness.until(() => b!.direct.length === 500 && c!.direct.length === 1)
  await harness.until(() => a!.direct.length === 1)
  expect(b!.direct.map(({ text }) => text)).toEqual(texts)
  expect(b!.direct.every(({ peer }) => peer === a!.network.self)).toBe(true)
  expect(a!.direct).toEqual([{ peer: b!.network.self, text: 'to a' }])
  expect(c!.direct).toEqual([{ peer: b!.network.self, text: 'to c' }])
  expect([...a!.published, ...b!.published, ...c!.published]).toEqual([])
}

async function carriesSizes(harness: NetworkHarness): Promise<void> {
  const networks = [harness.create('a'), harness.create('b')] as const
  const taken: Uint8Array[] = []
  const onPublished = async (): Promise<PeerVerdict> => 'ignore'
  const onDirect = (_: PeerId, bytes: Uint8Array) => void taken.push(bytes)
  for (const network of networks) await network.start({ onPeer() {}, onDirect, onPublished })
  networks[0].connect(networks[1].addresses()[0]!)
  await harness.until(() => networks.every((network) => network.peers().length === 1))
  const sizes = [0, 1, 127, 128, 65_535, 65_536, 300_000, networkLimits.messageBytes, 3]
  const sent = sizes.map((size) => new Uint8Array(size).map((_, at) => at * 7 + size))
  for (const bytes of sent) expect(networks[0].send(networks[1].self, bytes)).toBe(true)
  await harness.until(() => taken.length === sizes.length)
  expect(taken.map(({ length }) => length)).toEqual(sizes)
  expect(taken.every((bytes, at) => compareBytes(bytes, sent[at]!) === 0)).toBe(true)
}

async function refusesTooLong(harness: NetworkHarness): Promise<void> {
  const [a, b] = await openLine(harness, 'a', 'b')
  const tooLong = new Uint8Array(networkLimits.messageBytes + 1)
  expect(() => a!.network.send(b!.network.self, tooLong)).toThrow('Invariant broken')
  expect(() => a!.network.publish(tooLong)).toThrow('Invariant broken')
}

async function needsConnection(harness: NetworkHarness): Promise<void> {
  const [a, b] = await Promise.all([open(harness, 'a'), open(harness, 'b')])
  expect(a.network.send(b.network.self, bytesOf('lost'))).toBe(false)
  expect(a.network.send('nobody', bytesOf('lost'))).toBe(false)
  expect(a.network.send(a.network.self, bytesOf('lost'))).toBe(false)
  a.network.publish(bytesOf('lost'))
  await connect(harness, a, b)
  a.network.send(b.network.self, bytesOf('kept'))
  await harness.until(() => b.direct.length > 0)
  expect(b.direct.map(({ text }) => text)).toEqual(['kept'])
}

async function boundsQueue(harness: NetworkHarness): Promise<void> {
  const [a, b] = await openLine(harness, 'a', 'b')
  const fits = networkLimits.queuedBytesPerPeer / networkLimits.messageBytes
  const sent: string[] = []
  const total = 2 * fits
  for (let at = 0; at < total; at += 1) {
    const text = `${at} `.padEnd(networkLimits.messageBytes, 'x')
    if (a!.network.send(b!.network.self, bytesOf(text))) sent.push(`${at}`)
  }
  expect(sent.length).toBeGreaterThanOrEqual(fits - 1)
  expect(sent.length).toBeLessThan(total)
  await harness.until(() => b!.direct.length >= sent.length)
  await harness.until(() => a!.network.send(b!.network.self, bytesOf('after')))
  await harness.until(() => b!.direct.length > sent.length)
  expect(b!.direct.map(({ text }) => text.split(' ')[0])).toEqual([...sent, 'after'])
}

async function publishesFar(harness: NetworkHarness): Promise<void> {
  const [a, b, c] = await openLine(harness, 'a', 'b', 'c')
  await linkUp(harness, a!, c!)
  await linkUp(harness, c!, a!)
  a!.network.publish(bytesOf('from a'))
  c!.network.publish(bytesOf('from c'))
  const isThere = (witness: Witness, text: string) => takenFrom(witness).includes(text)
  await harness.until(() => isThere(b!, 'from a') && isThere(b!, 'from c'))
  await harness.until(() => isThere(c!, 'from a') && isThere(a!, 'from c'))
  // Nobody is told of what he published himself, and no peer but the last one is named.
  expect([takenFrom(a!), takenFrom(c!)]).toEqual([['from c'], ['from a']])
  expect(c!.published.every(({ peer }) => peer === b!.network.self)).toBe(true)
}

async function takesOnce(harness: NetworkHarness): Promise<void> {
  const [a, b, c] = await openLine(harness, 'a', 'b', 'c')
  await connect(harness, a!, c!)
  await linkUp(harness, a!, b!)
  await linkUp(harness, a!, c!)
  await linkUp(harness, b!, c!)
  for (let times = 0; times < 3; times += 1) a!.network.publish(bytesOf('again'))
  await harness.until(() => [b!, c!].every((to) => takenFrom(to).includes('again')))
  b!.network.publish(bytesOf('again'))
  b!.network.publish(bytesOf('last'))
  await harness.until(() => [a!, c!].every((to) => takenFrom(to).includes('last')))
  expect(takenFrom(a!)).toEqual(['last'])
  expect(takenFrom(b!)).toEqual(['again'])
  expect(takenFrom(c!)).toEqual(['again', 'last'])
}

async function passesOnAccepted(harness: NetworkHarness): Promise<void> {
  const [a, b, c] = await openLine(harness, 'a', 'b', 'c')
  await linkUp(harness, a!, c!)
  b!.verdicts.set('bad', 'reject').set('old', 'ignore')
  for (const text of ['bad', 'old', 'good']) a!.network.publish(bytesOf(text))
  await harness.until(() => takenFrom(c!).includes('good'))
  expect(takenFrom(b!).toSorted()).toEqual(['bad', 'good', 'old'])
  expect(takenFrom(c!)).toEqual(['good'])
}

async function cutsOffBlamed(harness: NetworkHarness): Promise<void> {
  const [a, b, c] = await openLine(harness, 'a', 'b', 'c')
  b!.network.report(a!.network.self, 'input/shape')
  await connect(harness, a!, c!)
  // A single fault is forgiven.
  expect(isConnected(a!, b!)).toBe(true)
  for (let times = 0; times < 100; times += 1) b!.network.report(a!.network.self, 'input/shape')
  await harness.until(() => b!.connections.includes(`-${a!.network.self}`))
  await harness.until(() => a!.connections.includes(`-${b!.network.self}`))
  expect(b!.network.send(a!.network.self, bytesOf('no more'))).toBe(false)
  expect(isConnected(b!, c!)).toBe(true)
  // Neither side's dialling brings it back.
  a!.network.connect(addressOf(b!))
  b!.network.connect(addressOf(a!))
  const d = await open(harness, 'd')
  await connect(harness, d, b!)
  await connect(harness, d, a!)
  expect(isConnected(a!, b!)).toBe(false)
  expect(b!.connections.filter((line) => line === `+${a!.network.self}`)).toHaveLength(1)
}

async function blamesRejected(harness: NetworkHarness): Promise<void> {
  const [a, b] = await openLine(harness, 'a', 'b')
  await linkUp(harness, a!, b!)
  const texts = Array.from({ length: 100 }, (_, at) => `bad ${at}`)
  for (const text of texts) b!.verdicts.set(text, 'reject')
  for (const text of texts) a!.network.publish(bytesOf(text))
  await harness.until(() => b!.connections.includes(`-${a!.network.self}`))
  expect(b!.network.peers()).toEqual([])
}

async function findsAgain(harness: NetworkHarness): Promise<void> {
  const [a, b] = await openLine(harness, 'a', 'b')
  const address = addressOf(b!)
  await b!.network.close()
  await harness.until(() => a!.connections.includes(`-${b!.network.self}`))
  expect(a!.network.peers()).toEqual([])
  expect(a!.network.send(b!.network.self, bytesOf('lost'))).toBe(false)
  const again = await start(makeWitness(harness.create('b', address)))
  expect(again.network.self).toBe(b!.network.self)
  await harness.until(() => isConnected(a!, again))
  expect(a!.network.send(again.network.self, bytesOf('welcome'))).toBe(true)
  await harness.until(() => again.direct.length === 1)
  expect(a!.connections).toEqual(['+', '-', '+'].map((sign) => sign + again.network.self))
}

async function endsWhenClosed(harness: NetworkHarness): Promise<void> {
  const [a, b] = await openLine(harness, 'a', 'b')
  await a!.network.close()
  const before = [...a!.connections]
  expect(a!.network.peers()).toEqual([])
  expect(a!.network.addresses()).toEqual([])
  expect(a!.network.send(b!.network.self, bytesOf('late'))).toBe(false)
  a!.network.publish(bytesOf('late'))
  a!.network.report(b!.network.self, 'input/shape')
  a!.network.connect(addressOf(b!))
  await harness.until(() => b!.network.peers().length === 0)
  await a!.network.close()
  expect([b!.direct, b!.published]).toEqual([[], []])
  expect(a!.connections).toEqual(before)
  const never = harness.create('never')
  await never.close()
}
