import type { NetworkHandlers, PeerId, PeerVerdict } from '../../ports/network.ts'
import { trafficLimits } from './trafficLimits.ts'

/** Asks what is thought of published messages, of a bounded number at a time. */
export class ValidationQueue {
  readonly #underWay = new Map<PeerId, number>()
  #total = 0

  /** The handlers' verdict; `ignore` at once where too many wait for theirs. */
  async judge(handlers: NetworkHandlers, peer: PeerId, bytes: Uint8Array): Promise<PeerVerdict> {
    const ofPeer = this.#underWay.get(peer) ?? 0
    if (this.#total >= trafficLimits.validating) return 'ignore'
    if (ofPeer >= trafficLimits.validatingPerPeer) return 'ignore'
    this.#count(peer, 1)
    try {
      return await handlers.onPublished(peer, bytes)
    } finally {
      this.#count(peer, -1)
    }
  }

  #count(peer: PeerId, change: 1 | -1): void {
    this.#total += change
    const ofPeer = (this.#underWay.get(peer) ?? 0) + change
    if (ofPeer === 0) this.#underWay.delete(peer)
    else this.#underWay.set(peer, ofPeer)
  }
}
