import type { MeterReading } from '../ports/meterReading.ts'
import { assert } from '../protocol/spbError.ts'

/** Readings that may wait, unless told otherwise. */
export const readingQueueLength = 64

/**
 * Readings on their way to the meter. Where they come faster than it takes them some are dropped
 * and counted: registers are cumulative, so that the next one says all that they said. The newest
 * stays, and what stays is spread over the time, since energy of a long gap would not be receipted.
 */
export class ReadingQueue {
  readonly #length: number
  readonly #waiting: MeterReading[] = []
  #dropped = 0

  /** `length` readings wait at most, 1 or more. */
  constructor(length: number = readingQueueLength) {
    assert(length >= 1, 'a queue has room')
    this.#length = length
  }

  /** How many were dropped since ever. */
  get dropped(): number {
    return this.#dropped
  }

  /** How many wait. */
  get size(): number {
    return this.#waiting.length
  }

  /** Adds a reading; drops one that is missed least where there is no room. */
  push(reading: MeterReading): void {
    this.#waiting.push(reading)
    if (this.#waiting.length <= this.#length) return
    this.#waiting.splice(this.#findSpare(), 1)
    this.#dropped++
  }

  /** The oldest reading, which stays until `shift`. */
  peek(): MeterReading | undefined {
    return this.#waiting[0]
  }

  /** Takes the oldest reading off. */
  shift(): void {
    this.#waiting.shift()
  }

  /** The place of the reading that leaves the shortest gap; the oldest where all are ends. */
  #findSpare(): number {
    let spare = 0
    let shortestSeconds = Number.POSITIVE_INFINITY
    for (let at = 1; at < this.#waiting.length - 1; at++) {
      const gapSeconds = this.#waiting[at + 1]!.timeSeconds - this.#waiting[at - 1]!.timeSeconds
      if (gapSeconds >= shortestSeconds) continue
      spare = at
      shortestSeconds = gapSeconds
    }
    return spare
  }
}
