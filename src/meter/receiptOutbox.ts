import type { Bytes32 } from '../protocol/bytes.ts'
import type { SpbError } from '../protocol/spbError.ts'
import type { Seconds, Wh } from '../protocol/units.ts'
import { retryWaitMs } from './retryWait.ts'

/** How often receipts leave a meter. */
export type OutboxOptions = {
  /** A delivery that still grows is receipted once in so long. */
  everyMs: number
  /** The first wait after a failure; it doubles with each further one. */
  retryMs: number
  longestRetryMs: number
}

/** Once a minute; after a failure soon, later every two minutes. */
export const defaultOutboxOptions: OutboxOptions = {
  everyMs: 60_000,
  retryMs: 1_000,
  longestRetryMs: 120_000,
}

/** A delivery of which the nodes do not know everything yet. */
export type WaitingReceipt = {
  ctpId: Bytes32
  /** All that was committed came: there is nothing to wait for. */
  isFull: boolean
  expirySeconds: Seconds
  deliveredWh: Wh
}

type Entry = WaitingReceipt & { dueMs: number; failures: number; lastError?: SpbError }

/**
 * Receipts that are to leave a meter, and when: a full delivery at once, a growing one now and
 * then, the rest of it at the CTP's deadline; what failed, again and again. It holds nothing that
 * the meter's own state does not hold, so that nothing is lost with it.
 */
export class ReceiptOutbox {
  readonly #options: OutboxOptions
  readonly #waiting = new Map<Bytes32, Entry>()
  /** When a receipt of a CTP was last sent, the oldest first, while the next one has to wait. */
  readonly #sentMs = new Map<Bytes32, number>()

  constructor(options: OutboxOptions = defaultOutboxOptions) {
    this.#options = options
  }

  /** How many deliveries wait to be receipted. */
  get size(): number {
    return this.#waiting.size
  }

  /** The last failure of those that wait; undefined where none failed. */
  get lastError(): SpbError | undefined {
    return [...this.#waiting.values()].findLast(({ lastError }) => lastError)?.lastError
  }

  /** Notes a delivery that grew. */
  add(receipt: WaitingReceipt, nowMs: number): void {
    const known = this.#waiting.get(receipt.ctpId)
    const sentMs = this.#sentMs.get(receipt.ctpId)
    const plannedMs = sentMs === undefined ? nowMs : sentMs + this.#options.everyMs
    // A failure's wait is kept: whoever does not answer is not asked faster because more came.
    const isFailing = known !== undefined && known.failures > 0
    const dueMs = isFailing ? known.dueMs : receipt.isFull ? nowMs : plannedMs
    this.#waiting.set(receipt.ctpId, { failures: 0, ...known, ...receipt, dueMs })
  }

  /** CTPs whose receipt is to leave now: planned, or at their deadline. */
  due(nowMs: number): Bytes32[] {
    const nowSeconds = Math.floor(nowMs / 1000)
    return [...this.#waiting.values()]
      .filter(({ dueMs, failures, expirySeconds }) => {
        return dueMs <= nowMs || (failures === 0 && nowSeconds >= expirySeconds)
      })
      .map(({ ctpId }) => ctpId)
  }

  /** Notes that the nodes keep a receipt of so much. */
  sent(ctpId: Bytes32, deliveredWh: Wh, nowMs: number): void {
    const entry = this.#waiting.get(ctpId)
    this.#noteSent(ctpId, nowMs)
    if (entry === undefined) return
    if (entry.deliveredWh <= deliveredWh) {
      this.#waiting.delete(ctpId)
      return
    }
    const { lastError: _, ...rest } = entry
    const dueMs = entry.isFull ? nowMs : nowMs + this.#options.everyMs
    this.#waiting.set(ctpId, { ...rest, failures: 0, dueMs })
  }

  /** Notes that sending failed, for now. `spread` of 0 to 1 keeps many meters apart. */
  failed(ctpId: Bytes32, error: SpbError, nowMs: number, spread: number): void {
    const entry = this.#waiting.get(ctpId)
    if (entry === undefined) return
    const { retryMs, longestRetryMs } = this.#options
    const failures = entry.failures + 1
    const plan = { firstMs: retryMs, longestMs: longestRetryMs }
    const dueMs = nowMs + retryWaitMs(failures, plan, spread)
    this.#waiting.set(ctpId, { ...entry, failures, dueMs, lastError: error })
  }

  /** Gives a receipt up: no node will ever take it. */
  drop(ctpId: Bytes32): void {
    this.#waiting.delete(ctpId)
    this.#sentMs.delete(ctpId)
  }

  #noteSent(ctpId: Bytes32, nowMs: number): void {
    this.#sentMs.delete(ctpId)
    this.#sentMs.set(ctpId, nowMs)
    for (const [known, sentMs] of this.#sentMs) {
      if (nowMs - sentMs < this.#options.everyMs) return
      this.#sentMs.delete(known)
    }
  }
}
