import type { Log } from '../ports/log.ts'
import type { Network, PeerId, PeerVerdict } from '../ports/network.ts'
import type { Verifier } from '../ports/verifier.ts'
import type { NodeMessage, VoteRequest } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../protocol/wire/nodeMessageCodec.ts'
import type { CheckedMessage, NodeEffect, NodeInput } from './nodeEffect.ts'

/** Messages of peers that may wait to be stepped; direct ones beyond are dropped. */
const mostWaiting = 4_096
/** Vote requests whose signatures may be under check; further ones are dropped: gateways repeat. */
const mostChecks = 256

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
  #checks = 0
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

  #takeDirect(peer: PeerId, bytes: Uint8Array): void {
    const message = this.#decode(peer, bytes)
    if (message === undefined) return
    if (message.kind === 'voteRequest') this.#check(peer, message)
    else this.#parts.push({ kind: 'message', peer, message })
  }

  async #takePublished(peer: PeerId, bytes: Uint8Array): Promise<PeerVerdict> {
    if (this.#deliveries.size >= mostWaiting) {
      this.#dropped++
      return 'ignore'
    }
    const message = this.#decode(peer, bytes)
    if (message === undefined) return 'reject'
    if (!publishedKinds.has(message.kind)) return 'reject'
    const delivery = this.#nextDelivery++
    const { promise, resolve } = Promise.withResolvers<PeerVerdict>()
    this.#deliveries.set(delivery, resolve)
    this.#parts.push({ kind: 'message', peer, message: message as CheckedMessage, delivery })
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

  #check(peer: PeerId, { id, items }: VoteRequest): void {
    const { verifier, push, log } = this.#parts
    if (this.#checks >= mostChecks) {
      this.#dropped++
      return
    }
    this.#checks++
    verifier
      .verify(items.map(({ submission }) => submission))
      .then(
        (results) => {
          const checked = items.map(({ vouches }, at) => ({ verified: results[at]!, vouches }))
          push({ kind: 'message', peer, message: { kind: 'voteRequest', id, items: checked } })
        },
        // A worker died, and is replaced: the gateway asks again.
        (err) => log.error({ err }, 'signatures could not be checked'),
      )
      .finally(() => {
        this.#checks--
      })
  }
}
