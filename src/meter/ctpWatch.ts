import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { MeterGateway } from '../ports/meterGateway.ts'
import type { MeterBinding } from '../ports/meterStorage.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { SpbError } from '../protocol/spbError.ts'
import { isUnfinished } from './allocation.ts'
import type { SoftwareMeter } from './softwareMeter.ts'

/** What watching CTPs works with. */
export type CtpWatchParts = {
  meter: Pick<SoftwareMeter, 'state' | 'release'>
  gateway: Pick<MeterGateway, 'stateOf'>
  clock: Clock
  log: Log
}

/** How often a meter's CTPs are asked after. */
export type CtpWatchOptions = {
  /** Wait between two looks; longer ones follow, up to eight times it, while a CTP is certified. */
  watchMs: number
  /** A CTP that no node knows as certified for so long takes no more energy. */
  unknownMs: number
}

/** When a CTP is asked after again, and since when no node knows it. */
type Watched = { nextMs: number; waitMs: number; unknownSinceMs?: number }

const longestWaits = 8

/** Looks after the CTPs of a meter: those that come to nothing take no energy from the others. */
export class CtpWatch {
  readonly #parts: CtpWatchParts
  readonly #options: CtpWatchOptions
  readonly #watched = new Map<Bytes32, Watched>()
  #running: Promise<void> | undefined
  #nextMs = 0
  #isStopped = false

  constructor(options: CtpWatchOptions, parts: CtpWatchParts) {
    this.#options = options
    this.#parts = parts
  }

  /** Resolves when the look that is on its way has ended; undefined where none is. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Asks after the CTPs for which it is time. */
  tick(): void {
    const nowMs = this.#parts.clock.nowMs()
    if (this.#running !== undefined || nowMs < this.#nextMs) return
    this.#nextMs = nowMs + this.#options.watchMs
    const open = this.#listOpen(nowMs)
    for (const ctpId of this.#watched.keys()) if (!open.has(ctpId)) this.#watched.delete(ctpId)
    const due = [...open].filter((ctpId) => (this.#watched.get(ctpId)?.nextMs ?? 0) <= nowMs)
    if (due.length === 0) return
    this.#running = this.#lookAt(due, nowMs).finally(() => {
      this.#running = undefined
    })
  }

  /** Ends the look that is on its way, after the CTP that it is at. */
  stop(): void {
    this.#isStopped = true
  }

  /** CTPs that may still take energy. */
  #listOpen(nowMs: number): Set<Bytes32> {
    const isOpen = (binding: MeterBinding) =>
      isUnfinished(binding) && nowMs < 1000 * (binding.ctp.expirySeconds + 1)
    const open = new Set<Bytes32>()
    for (const { bindings } of this.#parts.meter.state.trees) {
      for (const binding of bindings) if (isOpen(binding)) open.add(binding.ctpId)
    }
    return open
  }

  async #lookAt(due: readonly Bytes32[], nowMs: number): Promise<void> {
    for (const ctpId of due) {
      if (this.#isStopped) return
      try {
        await this.#look(ctpId, nowMs)
      } catch (error) {
        const code = error instanceof SpbError ? error.code : 'node/internal'
        // Whoever sends receipts and renews keys says so.
        if (code === 'node/unreachable') return
        this.#parts.log.warn({ ctpId, code }, 'What became of the CTP is not known.')
      }
    }
  }

  async #look(ctpId: Bytes32, nowMs: number): Promise<void> {
    const { meter, gateway, log } = this.#parts
    const state = await gateway.stateOf(ctpId)
    const isCertified = state !== undefined && state !== 'proposed'
    const isUnknownLong = this.#note(ctpId, isCertified, nowMs)
    if (!isUnknownLong && state !== 'declined' && state !== 'expired') return
    meter.release(ctpId)
    log.info({ ctpId, state: state ?? 'unknown' }, 'The CTP takes no more energy.')
  }

  /** Plans the next look; true for a CTP that is unknown for too long. */
  #note(ctpId: Bytes32, isCertified: boolean, nowMs: number): boolean {
    const { watchMs, unknownMs } = this.#options
    const { waitMs = watchMs, unknownSinceMs = nowMs } = this.#watched.get(ctpId) ?? {}
    if (isCertified) {
      const nextWaitMs = Math.min(2 * waitMs, longestWaits * watchMs)
      this.#watched.set(ctpId, { nextMs: nowMs + waitMs, waitMs: nextWaitMs })
      return false
    }
    this.#watched.set(ctpId, { nextMs: nowMs + watchMs, waitMs: watchMs, unknownSinceMs })
    return nowMs - unknownSinceMs >= unknownMs
  }
}
