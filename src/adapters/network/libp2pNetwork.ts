import { type Message, TopicValidatorResult } from '@libp2p/gossipsub'
import type { Connection, PeerId as Libp2pPeerId, PrivateKey, Stream } from '@libp2p/interface'
import type { Log } from '../../ports/log.ts'
import {
  type Network,
  type NetworkHandlers,
  networkLimits,
  type PeerId,
} from '../../ports/network.ts'
import { messageLimits } from '../../protocol/nodeMessages.ts'
import { assert, SpbError } from '../../protocol/spbError.ts'
import { AddressKeeper } from './addressKeeper.ts'
import { BlameBook } from './blameBook.ts'
import { DirectLine } from './directLine.ts'
import { createLibp2pNode, type Libp2pNode } from './libp2pNode.ts'
import { peerIdOf, transportKeyOf } from './peerIdOf.ts'
import { trafficLimits } from './trafficLimits.ts'
import { ValidationQueue } from './validationQueue.ts'

/** The protocol of direct messages. */
const directProtocol = '/spb/direct/1'
const sweepMs = 5_000

/** What a network over libp2p is made of. */
export type Libp2pNetworkOptions = {
  /** Ed25519 seed of 32 bytes: who has it is this peer. */
  privateKey: Uint8Array
  /** Multiaddresses, such as `/ip4/127.0.0.1/tcp/4001`; none: this node only dials. */
  listen: string[]
  /** What others are told to dial, where it is not what is listened on. */
  announce?: string[]
  /** What this market's published messages are told apart by from others'. */
  topic: string
  log: Log
}

/**
 * The network of real nodes: TCP, Noise, Yamux and gossipsub of libp2p.
 *
 * Its `start` throws `network/cannot-listen`.
 */
export function createLibp2pNetwork(options: Libp2pNetworkOptions): Network {
  return new Libp2pNetwork(options)
}

type Peer = {
  id: Libp2pPeerId
  line: DirectLine
  sinceMs: number
  isOpening: boolean
  /** Both sides can talk, and its owner has been told. */
  isUp: boolean
  hadGossip: boolean
}

class Libp2pNetwork implements Network {
  readonly self: PeerId
  readonly #options: Libp2pNetworkOptions
  readonly #privateKey: PrivateKey
  readonly #peers = new Map<PeerId, Peer>()
  readonly #keeper: AddressKeeper
  readonly #blame = new BlameBook(Date.now)
  readonly #validation = new ValidationQueue()
  #node: Libp2pNode | undefined
  #starting: Promise<void> | undefined
  #sweep: NodeJS.Timeout | undefined
  #handlers: NetworkHandlers | undefined
  #isClosed = false

  constructor(options: Libp2pNetworkOptions) {
    this.#options = options
    this.#privateKey = transportKeyOf(options.privateKey)
    this.self = peerIdOf(options.privateKey)
    this.#keeper = new AddressKeeper({
      self: this.self,
      log: options.log,
      dial: (address) => this.#dial(address),
      isConnected: (peer) => this.#peers.has(peer),
    })
  }

  addresses(): string[] {
    const all = this.#isClosed ? [] : (this.#node?.getMultiaddrs() ?? [])
    const texts = all.map(String).filter(({ length }) => length <= trafficLimits.addressLength)
    const isLocal = (text: string) => /^\/(ip4\/127\.|ip6\/::1\/)/.test(text)
    // Those that reach another machine count first.
    const ordered = [...texts.filter((text) => !isLocal(text)), ...texts.filter(isLocal)]
    return ordered.slice(0, messageLimits.addresses)
  }

  start(handlers: NetworkHandlers): Promise<void> {
    assert(this.#starting === undefined && !this.#isClosed, 'a network starts once')
    this.#handlers = handlers
    this.#starting = this.#start()
    return this.#starting
  }

  connect(address: string): void {
    if (!this.#isClosed) this.#keeper.add(address)
  }

  peers(): PeerId[] {
    return [...this.#peers].filter(([, { isUp }]) => isUp).map(([peer]) => peer)
  }

  send(peer: PeerId, bytes: Uint8Array): boolean {
    assertSize(bytes)
    const known = this.#peers.get(peer)
    return known?.isUp === true && known.line.send(bytes)
  }

  publish(bytes: Uint8Array): void {
    assertSize(bytes)
    if (this.#isClosed || this.#node === undefined) return
    this.#node.services.gossip.publish(this.#options.topic, bytes).catch((error: unknown) => {
      this.#options.log.warn({ reason: String(error) }, 'A message was not published.')
    })
  }

  report(peer: PeerId, reason: string): void {
    if (this.#isClosed || !this.#blame.blame(peer)) return
    this.#options.log.warn({ peer, reason }, 'A peer is cut off for what it sent.')
    this.#drop(peer)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#handlers = undefined
    this.#keeper.stop()
    clearInterval(this.#sweep)
    for (const { line } of this.#peers.values()) line.close()
    this.#peers.clear()
    await this.#starting?.catch(() => undefined)
    for (const connection of this.#node?.getConnections() ?? []) {
      connection.abort(new Error('The network is closed.'))
    }
    await this.#node?.stop()
  }

  async #start(): Promise<void> {
    const { listen, announce = [], topic } = this.#options
    const isRefused = (id: Libp2pPeerId) =>
      id.toString() === this.self || this.#blame.isRefused(id.toString())
    try {
      const node = await createLibp2pNode({
        privateKey: this.#privateKey,
        listen,
        announce,
        topic,
        connectionGater: {
          denyDialPeer: isRefused,
          denyInboundEncryptedConnection: isRefused,
          denyOutboundEncryptedConnection: isRefused,
        },
      })
      this.#node = node
      await this.#listen(node)
    } catch (cause) {
      throw new SpbError('network/cannot-listen', `Cannot listen on ${listen.join(', ')}.`, {
        cause,
      })
    }
    if (this.#isClosed) return
    this.#keeper.start()
    this.#sweep = setInterval(() => this.#cutOffStalled(), sweepMs)
  }

  async #listen(node: Libp2pNode): Promise<void> {
    const { gossip } = node.services
    const { topic } = this.#options
    gossip.topicValidators.set(topic, (id, message) => this.#judge(id.toString(), message))
    node.addEventListener('peer:connect', ({ detail }) => this.#noteConnection(detail))
    node.addEventListener('peer:disconnect', ({ detail }) => {
      if (node.getConnections(detail).length === 0) this.#drop(detail.toString())
    })
    await node.handle(directProtocol, (stream, connection) => this.#accept(stream, connection), {
      maxInboundStreams: 2,
      maxOutboundStreams: 2,
    })
    await node.start()
    gossip.subscribe(topic)
  }

  async #dial(address: Parameters<Libp2pNode['dial']>[0]): Promise<PeerId> {
    assert(this.#node !== undefined, 'a network dials once it has started')
    const connection = await this.#node.dial(address)
    return connection.remotePeer.toString()
  }

  #noteConnection(id: Libp2pPeerId): void {
    const peer = this.#peerOf(id)
    const connection = this.#node?.getConnections(id).findLast(({ status }) => status === 'open')
    if (peer !== undefined && connection !== undefined) void this.#openLine(peer, connection)
  }

  #accept(stream: Stream, connection: Connection): void {
    const peer = this.#peerOf(connection.remotePeer)
    if (peer === undefined) {
      stream.abort(new Error('Not taken.'))
      return
    }
    peer.line.openIn(stream)
    void this.#openLine(peer, connection)
  }

  /** A peer's entry, made when it is first heard of. */
  #peerOf(id: Libp2pPeerId): Peer | undefined {
    const name = id.toString()
    const known = this.#peers.get(name)
    if (known !== undefined || this.#isClosed || name === this.self) return known
    const line = new DirectLine(
      {
        onMessage: (bytes) => this.#handlers?.onDirect(name, bytes),
        onBroken: (code) => this.report(name, code),
        onEnd: () => this.#drop(name),
      },
      Date.now,
    )
    const peer = { id, line, isUp: false, sinceMs: Date.now(), isOpening: false, hadGossip: false }
    this.#peers.set(name, peer)
    return peer
  }

  async #openLine(peer: Peer, connection: Connection): Promise<void> {
    if (peer.isOpening) return
    peer.isOpening = true
    const name = peer.id.toString()
    const isCurrent = () => this.#peers.get(name) === peer
    try {
      const stream = await connection.newStream(directProtocol)
      if (!isCurrent()) {
        stream.abort(new Error('Too late.'))
        return
      }
      peer.line.openOut(stream)
    } catch (error) {
      this.#options.log.info({ peer: name, reason: String(error) }, 'A peer does not speak SPB.')
      if (isCurrent()) this.#drop(name)
      return
    }
    peer.isUp = true
    this.#keeper.noteUse(name)
    this.#handlers?.onPeer(name, true)
    // Nobody hears from a peer before he has heard of it.
    if (isCurrent()) peer.line.startReading()
  }

  /** Forgets a peer and ends its connections. */
  #drop(name: PeerId): void {
    const peer = this.#peers.get(name)
    if (peer === undefined) return
    this.#peers.delete(name)
    peer.line.close()
    const connections = this.#node?.getConnections(peer.id) ?? []
    // Not at once: libp2p may be ending one just now, and throws where it is ended under its hands.
    queueMicrotask(() => {
      for (const connection of connections) {
        if (connection.status === 'open') connection.abort(new Error('The peer is dropped.'))
      }
    })
    this.#keeper.noteLoss(name)
    if (peer.isUp) this.#handlers?.onPeer(name, false)
  }

  async #judge(peer: PeerId, { data }: Message): Promise<TopicValidatorResult> {
    if (this.#handlers === undefined) return TopicValidatorResult.Ignore
    if (data.length > networkLimits.messageBytes) return TopicValidatorResult.Reject
    const verdict = await this.#validation.judge(this.#handlers, peer, data)
    // Its code was logged where it was rejected.
    if (verdict === 'reject') this.report(peer, 'a published message')
    return verdicts[verdict]
  }

  /** Ends what a slow peer, or one that broke off a part of the traffic, would keep for ever. */
  #cutOffStalled(): void {
    const nowMs = Date.now()
    for (const [name, peer] of this.#peers) {
      const isLate = !peer.isUp && nowMs - peer.sinceMs > trafficLimits.connectMs
      const hasGossip = this.#hasGossip(peer)
      const hasLostGossip = peer.hadGossip && !hasGossip
      peer.hadGossip ||= hasGossip
      if (!isLate && !hasLostGossip && !peer.line.isStalled(nowMs)) continue
      this.#options.log.warn({ peer: name }, 'A peer that does not keep up is cut off.')
      this.#drop(name)
    }
  }

  #hasGossip({ id }: Peer): boolean {
    const connections = this.#node?.getConnections(id) ?? []
    return connections.some(({ streams }) =>
      streams.some(
        ({ protocol, direction }) => direction === 'outbound' && protocol.startsWith('/meshsub/'),
      ),
    )
  }
}

const verdicts = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
} as const

function assertSize(bytes: Uint8Array): void {
  assert(bytes.length <= networkLimits.messageBytes, 'a message keeps to the network’s limit')
}
