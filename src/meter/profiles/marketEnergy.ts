import { assert } from '../../protocol/spbError.ts'
import type { MarketWindow } from './marketWindow.ts'
import { whPerReadingSecond } from './profileUnit.ts'
import type { StepSeries } from './stepSeries.ts'

/** 1 for each market step in which every source has readings all the time, 0 for the others. */
export function findReadings(series: readonly StepSeries[], window: MarketWindow): Uint8Array {
  const hasReading = new Uint8Array(window.steps).fill(1)
  for (const one of series) {
    for (let step = 0; step < window.steps; step++) {
      const { first, end } = overlap(one, window, step)
      const isCovered = first >= 0 && end <= one.values.length
      if (!isCovered || one.values.subarray(first, end).some(Number.isNaN)) hasReading[step] = 0
    }
  }
  return hasReading
}

/**
 * Energy in each market step, whole Wh, 0 where `hasReading` is 0.
 *
 * Power is taken as constant within a reading's step. Sums are exact fractions; a market step
 * gets round(cum(i + 1)) - round(cum(i)), so that splitting or joining steps neither makes nor
 * loses a Wh: the sum is that of the readings, rounded once. `peakWatts` is for unit pu.
 */
export function readMarketEnergy(
  series: StepSeries,
  window: MarketWindow,
  hasReading: Uint8Array,
  peakWatts?: number,
): Uint32Array {
  const { numerator, denominator } = whPerReadingSecond(series.unit, series.stepSeconds, peakWatts)
  const energyWh = new Uint32Array(window.steps)
  let readingSeconds = 0n
  let cumulativeWh = 0n
  for (let step = 0; step < window.steps; step++) {
    if (hasReading[step] !== 1) continue
    readingSeconds += sumReadingSeconds(series, window, step)
    const roundedWh = (2n * readingSeconds * numerator + denominator) / (2n * denominator)
    energyWh[step] = Number(roundedWh - cumulativeWh)
    cumulativeWh = roundedWh
  }
  return energyWh
}

/** Readings times the seconds that they last within one market step. */
function sumReadingSeconds(series: StepSeries, window: MarketWindow, step: number): bigint {
  const from = window.startSeconds + step * window.stepSeconds
  const to = from + window.stepSeconds
  const { first, end } = overlap(series, window, step)
  let sum = 0n
  for (let slot = first; slot < end; slot++) {
    const slotFrom = series.startSeconds + slot * series.stepSeconds
    const seconds = Math.min(to, slotFrom + series.stepSeconds) - Math.max(from, slotFrom)
    const value = series.values[slot]
    assert(value !== undefined && Number.isSafeInteger(value), 'a step with a reading has one')
    sum += BigInt(value) * BigInt(seconds)
  }
  return sum
}

/** Slots of the series, `first` to before `end`, that touch a market step; may be outside it. */
function overlap({ startSeconds, stepSeconds }: StepSeries, window: MarketWindow, step: number) {
  const from = window.startSeconds + step * window.stepSeconds - startSeconds
  return {
    first: Math.floor(from / stepSeconds),
    end: Math.ceil((from + window.stepSeconds) / stepSeconds),
  }
}
