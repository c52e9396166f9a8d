import type { MeterReading } from '../ports/meterReading.ts'
import type { Seconds } from '../protocol/units.ts'

/** So far apart are readings that a meter keeps, unless told otherwise. */
export const defaultPaceSeconds = 10

/** True for a reading that goes on from another as registers do, soon after it. */
function isNear(from: MeterReading, to: MeterReading, paceSeconds: number): boolean {
  const passedSeconds = to.timeSeconds - from.timeSeconds
  const isSameMeter = from.serial === to.serial
  return (
    isSameMeter && to.importWh >= from.importWh && passedSeconds > 0 && passedSeconds < paceSeconds
  )
}

/**
 * Thins readings that come every second: a meter writes its state to disk for each one that it
 * keeps. Of those that follow one another closely the last one is enough, since registers are
 * cumulative; only the last one before a CTP's deadline is never left out, nor anything odd.
 */
export class ReadingPace {
  readonly #paceSeconds: number
  #last: MeterReading | undefined
  #held: { reading: MeterReading; sinceMs: number } | undefined

  /** With 0, every reading is taken. */
  constructor(paceSeconds: number = defaultPaceSeconds) {
    this.#paceSeconds = paceSeconds
  }

  /** What is to be taken now that a reading came; `deadlines` are those of CTPs that are open. */
  admit(reading: MeterReading, nowMs: number, deadlines: () => readonly Seconds[]): MeterReading[] {
    const held = this.#held?.reading
    const isNearLast = this.#last !== undefined && isNear(this.#last, reading, this.#paceSeconds)
    const isNext = held === undefined || isNear(held, reading, this.#paceSeconds)
    const ends = (end: Seconds) => held!.timeSeconds <= end && end < reading.timeSeconds
    const isHeldNeeded = held !== undefined && (!isNext || deadlines().some(ends))
    const due = isHeldNeeded ? [held] : []
    if (isNearLast && isNext && !isHeldNeeded) {
      this.#held = { reading, sinceMs: this.#held?.sinceMs ?? nowMs }
      return due
    }
    this.#held = undefined
    this.#last = reading
    return [...due, reading]
  }

  /** The reading that was held back, when it has waited long enough, or at the end. */
  release(nowMs = Number.POSITIVE_INFINITY): MeterReading | undefined {
    if (this.#held === undefined) return undefined
    const { reading, sinceMs } = this.#held
    if (nowMs - sinceMs < this.#paceSeconds * 1000) return undefined
    this.#held = undefined
    this.#last = reading
    return reading
  }
}
