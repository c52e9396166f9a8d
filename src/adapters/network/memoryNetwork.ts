import {
  type Network,
  type NetworkHandlers,
  networkLimits,
  type PeerId,
} from '../../ports/network.ts'
import { assert } from '../../protocol/spbError.ts'
import { BlameBook } from './blameBook.ts'
import type { HubMember, MemoryHub } from './memoryHub.ts'
import type { MemoryLink, Transfer } from './memoryLink.ts'
import { SeenMessages } from './seenMessages.ts'
import { trafficLimits } from './trafficLimits.ts'
import { ValidationQueue } from './validationQueue.ts'

const prefix = '/memory/'

/** A network among those of one hub; `name` is its peer id, and its address `/memory/NAME`. */
export function createMemoryNetwork(hub: MemoryHub, name: PeerId): Network {
  assert(name !== '' && name.length <= 128, 'a peer id has 1 to 128 characters')
  return new MemoryNetwork(hub, name)
}

class MemoryNetwork implements Network, HubMember {
  readonly self: PeerId
  readonly #hub: MemoryHub
  readonly #links = new Map<PeerId, MemoryLink>()
  readonly #wanted = new Set<PeerId>()
  readonly #blame: BlameBook
  readonly #seen: SeenMessages
  readonly #validation = new ValidationQueue()
  #handlers: NetworkHandlers | undefined
  #isClosed = false

  constructor(hub: MemoryHub, self: PeerId) {
    this.#hub = hub
    this.self = self
    this.#blame = new BlameBook(() => hub.nowMs())
    this.#seen = new SeenMessages(() => hub.nowMs())
  }

  addresses(): string[] {
    return this.#handlers === undefined ? [] : [prefix + this.self]
  }

  async start(handlers: NetworkHandlers): Promise<void> {
    assert(this.#handlers === undefined && !this.#isClosed, 'a network starts once')
    this.#handlers = handlers
    this.#hub.join(this)
  }

  connect(address: string): void {
    const peer = address.startsWith(prefix) ? address.slice(prefix.length) : ''
    if (peer === '' || peer === this.self) return
    if (this.#wanted.size >= trafficLimits.keptAddresses) return
    this.#wanted.add(peer)
    if (this.#handlers !== undefined) this.#hub.review()
  }

  peers(): PeerId[] {
    return [...this.#links.keys()]
  }

  send(peer: PeerId, bytes: Uint8Array): boolean {
    assertSize(bytes)
    const link = this.#links.get(peer)
    return link?.send({ from: this.self, to: peer, kind: 'direct', bytes }) ?? false
  }

  publish(bytes: Uint8Array): void {
    assertSize(bytes)
    if (this.#seen.add(bytes)) this.#passOn(bytes)
  }

  report(peer: PeerId): void {
    if (this.#isClosed || !this.#blame.blame(peer)) return
    this.#hub.cut(this.self, peer)
    // It may be let in again then.
    this.#hub.schedule(trafficLimits.refusalMs, () => this.#hub.review())
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#handlers = undefined
    this.#hub.leave(this)
  }

  wants(peer: PeerId): boolean {
    return this.#wanted.has(peer)
  }

  takes(peer: PeerId): boolean {
    return this.#links.size < networkLimits.peers && !this.#blame.isRefused(peer)
  }

  noteConnection(peer: PeerId, link: MemoryLink | undefined): void {
    if (link !== undefined) this.#links.set(peer, link)
    else if (!this.#links.delete(peer)) return
    this.#handlers?.onPeer(peer, link !== undefined)
  }

  take({ from, kind, bytes }: Transfer): void {
    if (kind === 'direct') this.#handlers?.onDirect(from, bytes)
    else if (this.#seen.add(bytes)) void this.#validate(from, bytes)
  }

  async #validate(from: PeerId, bytes: Uint8Array): Promise<void> {
    if (this.#handlers === undefined) return
    const verdict = await this.#validation.judge(this.#handlers, from, bytes)
    if (verdict === 'accept') this.#passOn(bytes, from)
    if (verdict === 'reject') this.report(from)
  }

  #passOn(bytes: Uint8Array, source?: PeerId): void {
    for (const [peer, link] of this.#links) {
      if (peer === source) continue
      link.send({ from: this.self, to: peer, kind: 'published', bytes })
    }
  }
}

function assertSize(bytes: Uint8Array): void {
  assert(bytes.length <= networkLimits.messageBytes, 'a message keeps to the network’s limit')
}
