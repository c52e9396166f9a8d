import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import { type SpbError, toCodedError } from '../protocol/spbError.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { retryWaitMs } from './retryWait.ts'

/** What renewing a meter's keys works with. */
export type KeyRenewalParts = {
  meter: { needsRenewal(nowSeconds: Seconds): boolean }
  clock: Clock
  log: Log
  /** Gets the next tree witnessed; without it nothing is renewed. */
  renew?: () => Promise<unknown>
  /** 0 to 1: keeps the retries of many meters apart. */
  random(): number
}

/** How the renewal of a meter's keys is. */
export type KeyRenewalStatus = { isNeeded: boolean; isRunning: boolean; failure?: SpbError }

const longestRetryMs = 3_600_000

/**
 * Renews a meter's keys in time, one renewal at a time; one that failed is tried again after
 * `retryMs` at most, which doubles up to an hour.
 */
export class KeyRenewal {
  readonly #parts: KeyRenewalParts
  readonly #retryMs: number
  #running: Promise<void> | undefined
  #failure: SpbError | undefined
  #failures = 0
  #nextMs = 0

  constructor(retryMs: number, parts: KeyRenewalParts) {
    this.#retryMs = retryMs
    this.#parts = parts
  }

  /** Resolves when the renewal that is on its way has ended; undefined where none is. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  get status(): KeyRenewalStatus {
    return {
      isNeeded: this.#isNeeded(),
      isRunning: this.#running !== undefined,
      ...(this.#failure === undefined ? {} : { failure: this.#failure }),
    }
  }

  /** Starts a renewal where one is due. */
  tick(): void {
    const { renew, clock } = this.#parts
    if (renew === undefined || this.#running !== undefined || clock.nowMs() < this.#nextMs) return
    if (!this.#isNeeded()) {
      this.#failure = undefined
      this.#failures = 0
      return
    }
    this.#running = this.#run(renew).finally(() => {
      this.#running = undefined
    })
  }

  #isNeeded(): boolean {
    const { meter, clock } = this.#parts
    return meter.needsRenewal(seconds(Math.floor(clock.nowMs() / 1000)))
  }

  async #run(renew: () => Promise<unknown>): Promise<void> {
    const { clock, log } = this.#parts
    try {
      await renew()
      this.#failure = undefined
      this.#failures = 0
      // Keys that do not end the need are the longest that are to be had: more would be no better.
      if (this.#isNeeded()) this.#nextMs = clock.nowMs() + longestRetryMs
      log.info({}, 'The meter has new keys.')
    } catch (error) {
      this.#fail(toCodedError(error))
    }
  }

  #fail(failure: SpbError): void {
    const { clock, log, random } = this.#parts
    this.#failures++
    const plan = { firstMs: this.#retryMs, longestMs: longestRetryMs }
    this.#nextMs = clock.nowMs() + retryWaitMs(this.#failures, plan, random())
    this.#failure = failure
    log.warn({ code: failure.code }, `No new keys yet: ${failure.message}`)
  }
}
