import type { Seconds } from '../protocol/units.ts'

/** One look at the registers of an electricity meter. */
export type MeterReading = {
  /** As the meter stamped it; when it arrived where the protocol has no time. */
  timeSeconds: Seconds
  /** Energy taken from the grid since ever: whole Wh, rounded down, 0 to 2^53 - 1. */
  importWh: number
  /** Energy given to the grid since ever, where the meter counts it. */
  exportWh?: number
  /** The meter's own serial number, where the protocol tells it: another one means a swap. */
  serial?: string
}
