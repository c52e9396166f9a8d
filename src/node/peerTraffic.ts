import type { Log } from '../ports/log.ts'
import type { Network, PeerId, PeerVerdict } from '../ports/network.ts'
import type { Verifier } from '../ports/verifier.ts'
import type { NodeMessage, VoteRequest } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../protocol/wire/nodeMessageCodec.ts'
import type { CheckedMessage, NodeEffect, NodeInput } from './nodeEffect.ts'

/** Messages that may wait to be stepped, of all peers and of one; those beyond are dropped. */
const mostWaiting = 4_096
const mostWaitingOfPeer = 512
/** Bytes, as they came, of all messages that may wait. */
const mostWaitingBytes = 64 * 1024 * 1024
/**
 * Vote requests whose signatures may be under check, of all peers and of one; further ones are
 * dropped: gateways repeat.
 */
const mostChecks = 256
const mostChecksOfPeer = 96

/** Kinds that may be published; all others come from one peer to one other. */
const publishedKinds = new Set<NodeMessage['kind']>([
  ...(['certificates', 'receipts', 'voided', 'equivocation', 'epochEnd'] as const),
])

/** What traffic needs of its runtime. */
export type TrafficParts = {
  network: Network
  verifier: Verifier
  log: Log
  /** Random, below 2^20: tells starts of one moment apart. */
  mark: number
  push(input: NodeInput): void
  fail(error: unknown): void
}

/** Effects that go to other nodes. */
export type TrafficEffect = Extract<
  NodeEffect,
  { kind: 'send' | 'publish' | 'connect' | 'verdict' | 'blame' }
>

/**
 * Between a node's machine and its network: decodes and bounds what comes, has signatures of vote
 * requests checked, and sends what the machine wants sent.
 */
export class PeerTraffic {
  readonly #parts: TrafficParts
  /** Published messages whose verdict is awaited. */
  readonly #deliveries = new Map<number, (verdict: PeerVerdict) => void>()
  #nextDelivery = 1
  /** Messages that wait to be stepped; `peer` where they came directly. */
  readonly #waiting = new Map<NodeInput, { peer?: PeerId; size: number }>()
  readonly #waitingOf = new CountOfPeers()
  #waitingBytes = 0
  readonly #checksOf = new CountOfPeers()
  #dropped = 0
  #lastEncoded: { message: NodeMessage; bytes: Uint8Array } | undefined

  constructor(parts: TrafficParts) {
    this.#parts = parts
  }

  /** Messages that were dropped because too many waited. */
  get dropped(): number {
    return this.#dropped
  }

  async start(): Promise<void> {
    const { network, push, mark } = this.#parts
    await network.start({
      onPeer: (peer, isConnected) => push({ kind: 'peer', peer, isConnected }),
      onDirect: (peer, bytes) => this.#takeDirect(peer, bytes),
      onPublished: (peer, bytes) => this.#takePublished(peer, bytes),
    })
    push({ kind: 'networkStarted', peerId: network.self, addresses: network.addresses(), mark })
  }

  release(effect: TrafficEffect): void {
    const { network } = this.#parts
    switch (effect.kind) {
      case 'send':
        network.send(effect.peer, this.#encode(effect.message))
        break
      case 'publish':
        network.publish(this.#encode(effect.message))
        break
      case 'connect':
        network.connect(effect.address)
        break
      case 'verdict':
        this.#deliveries.get(effect.delivery)?.(effect.verdict)
        this.#deliveries.delete(effect.delivery)
        break
      case 'blame':
        network.report(effect.peer, effect.code)
        break
    }
  }

  async close(): Promise<void> {
    for (const resolve of this.#deliveries.values()) resolve('ignore')
    this.#deliveries.clear()
    await this.#parts.network.close()
  }

  /** These inputs are stepped now: there is room for others. */
  noteTaken(inputs: readonly NodeInput[]): void {
    for (const input of inputs) {
      const waiting = this.#waiting.get(input)
      if (waiting === undefined) continue
      this.#waiting.delete(input)
      if (waiting.peer !== undefined) this.#waitingOf.add(waiting.peer, -1)
      this.#waitingBytes -= waiting.size
    }
  }

  #takeDirect(peer: PeerId, bytes: Uint8Array): void {
    const isFull =
      this.#waitingOf.all >= mostWaiting ||
      this.#waitingOf.of(peer) >= mostWaitingOfPeer ||
      this.#waitingBytes + bytes.length > mostWaitingBytes
    if (isFull) {
      this.#dropped++
      return
    }
    const message = this.#decode(peer, bytes)
    if (message === undefined) return
    if (message.kind === 'voteRequest') this.#check(peer, message, bytes.length)
    else this.#pushCounted({ kind: 'message', peer, message }, { peer, size: bytes.length })
  }

  #pushCounted(input: NodeInput, waiting: { peer?: PeerId; size: number }): void {
    this.#waiting.set(input, waiting)
    if (waiting.peer !== undefined) this.#waitingOf.add(waiting.peer, 1)
    this.#waitingBytes += waiting.size
    this.#parts.push(input)
  }

  async #takePublished(peer: PeerId, bytes: Uint8Array): Promise<PeerVerdict> {
    const isFull = this.#waitingBytes + bytes.length > mostWaitingBytes
    if (isFull || this.#deliveries.size >= mostWaiting) {
      this.#dropped++
      return 'ignore'
    }
    const message = this.#decode(peer, bytes)
    if (message === undefined) return 'reject'
    if (!publishedKinds.has(message.kind)) return 'reject'
    const delivery = this.#nextDelivery++
    const { promise, resolve } = Promise.withResolvers<PeerVerdict>()
    this.#deliveries.set(delivery, resolve)
    const checked = message as CheckedMessage
    this.#pushCounted({ kind: 'message', peer, message: checked, delivery }, { size: bytes.length })
    return promise
  }

  #decode(peer: PeerId, bytes: Uint8Array): NodeMessage | undefined {
    try {
      return decodeNodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      this.#parts.network.report(peer, error.code)
      return undefined
    }
  }

  /** Messages that are sent to several peers are encoded once. */
  #encode(message: NodeMessage): Uint8Array {
    if (this.#lastEncoded?.message !== message) {
      this.#lastEncoded = { message, bytes: encodeNodeMessage(message) }
    }
    return this.#lastEncoded.bytes
  }

  #check(peer: PeerId, { id, items }: VoteRequest, size: number): void {
    const { verifier, log } = this.#parts
    if (this.#checksOf.all >= mostChecks || this.#checksOf.of(peer) >= mostChecksOfPeer) {
      this.#dropped++
      return
    }
    this.#checksOf.add(peer, 1)
    verifier
      .verify(items.map(({ submission }) => submission))
      .then(
        (results) => {
          const checked = items.map(({ vouches }, at) => ({ verified: results[at]!, vouches }))
          const message = { kind: 'voteRequest' as const, id, items: checked }
          this.#pushCounted({ kind: 'message', peer, message }, { peer, size })
        },
        // A worker died, and is replaced: the gateway asks again.
        (err) => log.error({ err }, 'signatures could not be checked'),
      )
      .finally(() => {
        this.#checksOf.add(peer, -1)
      })
  }
}

/** How many things each peer has under way; of those with none nothing is kept. */
class CountOfPeers {
  readonly #counts = new Map<PeerId, number>()
  all = 0

  of(peer: PeerId): number {
    return this.#counts.get(peer) ?? 0
  }

  add(peer: PeerId, difference: number): void {
    this.all += difference
    const count = this.of(peer) + difference
    if (count === 0) this.#counts.delete(peer)
    else this.#counts.set(peer, count)
  }
}
