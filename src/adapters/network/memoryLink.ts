import { networkLimits, type PeerId } from '../../ports/network.ts'

/** A message on its way from one peer to another. */
export type Transfer = {
  from: PeerId
  to: PeerId
  kind: 'direct' | 'published'
  bytes: Uint8Array
}

/** One copy that arrives; `mayOvertake`: also before messages that were sent earlier. */
export type Arrival = { delayMs: number; mayOvertake?: boolean }

/** Which faults a hub's links have; without one everything arrives at once, in order. */
export type LinkPolicy = {
  /** False where there can be no connection now: a partition. Ask `review` after a change. */
  canConnect?(one: PeerId, other: PeerId): boolean
  /** The copies of a message that arrive: none is a loss, two a duplicate. */
  arrivalsOf?(transfer: Transfer): readonly Arrival[]
}

/** What a link works with. */
export type LinkOptions = {
  nowMs(): number
  schedule(delayMs: number, task: () => void): void
  policy: LinkPolicy
  deliver(transfer: Transfer): void
}

const atOnce: readonly Arrival[] = [{ delayMs: 0 }]

/** One direction of a connection in memory: in order, unless the policy lets messages overtake. */
export class MemoryLink {
  readonly #options: LinkOptions
  readonly #inOrder: Transfer[] = []
  #latestMs = 0
  #queuedBytes = 0
  #isCut = false

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** Sends a message; false where too many bytes are on their way already. */
  send(transfer: Transfer): boolean {
    const size = transfer.bytes.length
    if (this.#queuedBytes + size > networkLimits.queuedBytesPerPeer) return false
    const copy = { ...transfer, bytes: transfer.bytes.slice() }
    for (const arrival of this.#options.policy.arrivalsOf?.(copy) ?? atOnce) {
      this.#queuedBytes += size
      this.#carry(copy, arrival)
    }
    return true
  }

  /** Ends the link: what is on its way is lost. */
  cut(): void {
    this.#isCut = true
    this.#inOrder.length = 0
  }

  #carry(transfer: Transfer, { delayMs, mayOvertake = false }: Arrival): void {
    const { nowMs, schedule } = this.#options
    const now = nowMs()
    if (mayOvertake) {
      schedule(delayMs, () => this.#arrive(transfer))
      return
    }
    this.#latestMs = Math.max(this.#latestMs, now + delayMs)
    this.#inOrder.push(transfer)
    // The n-th task takes the n-th message, so tasks of one time may run in any order.
    schedule(this.#latestMs - now, () => this.#arrive(this.#inOrder.shift()))
  }

  #arrive(transfer: Transfer | undefined): void {
    if (this.#isCut || transfer === undefined) return
    this.#queuedBytes -= transfer.bytes.length
    this.#options.deliver(transfer)
  }
}
