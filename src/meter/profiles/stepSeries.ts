import { SpbError } from '../../protocol/spbError.ts'
import { largestReading, type ProfileUnit, toFixedPoint } from './profileUnit.ts'
import { describeSkipped, type SkipLog } from './skipLog.ts'
import type { TimedReadings } from './timedReadings.ts'
import type { TimeGrid } from './timeGrid.ts'

/** Readings in regular steps, each as a whole number of µW, µWh or 10^-9 pu; NaN: no reading. */
export type StepSeries = {
  startSeconds: number
  stepSeconds: number
  unit: ProfileUnit
  values: Float64Array
}

/** Which column becomes a series, in which unit; `peakWatts` bounds what is believable. */
export type SeriesColumn = { column: string; unit: ProfileUnit; peakWatts?: number | undefined }

/**
 * Puts a column's readings into the file's steps. A step has no reading where no row, a bad value
 * or rows that contradict each other were found for it; all of it goes into `log`.
 *
 * Throws `profile/no-rows` where no step has a reading.
 */
export function placeReadings(
  readings: TimedReadings,
  grid: TimeGrid,
  { column, unit, peakWatts }: SeriesColumn,
  log: SkipLog,
): StepSeries {
  const { file, lines } = readings
  const raw = readings.values.get(column) ?? []
  const largest = largestReading(unit, grid.stepSeconds, peakWatts)
  const values = new Float64Array(grid.steps).fill(Number.NaN)
  const hasRow = new Uint8Array(grid.steps)
  const readingOf = (row: number) => {
    const value = raw[row] ?? Number.NaN
    return value > largest ? Number.NaN : toFixedPoint(value, unit)
  }
  grid.slots.forEach((slot, row) => {
    const line = lines[row] ?? 0
    if ((raw[row] ?? 0) > largest) log.add(file, 'too-large', line, { column })
    if (slot < 0 || grid.isUnordered[row] === 1) return
    const value = readingOf(row)
    if (hasRow[slot] === 0) values[slot] = value
    else if (Object.is(values[slot], value)) log.add(file, 'repeated', line, { column })
    else {
      log.add(file, 'conflicting', line, { column })
      values[slot] = Number.NaN
    }
    hasRow[slot] = 1
  })
  grid.slots.forEach((slot, row) => {
    if (slot < 0 || grid.isUnordered[row] === 0) return
    // A row out of order is not used, but it may contradict one that is.
    if (values[slot] !== readingOf(row)) values[slot] = Number.NaN
  })
  if (values.every(Number.isNaN)) {
    const why = describeSkipped(log.list(), file)
    const message = `${file} has no usable reading in "${column}": ${why}.`
    throw new SpbError('profile/no-rows', message, { meta: { file, column } })
  }
  return { startSeconds: grid.startSeconds, stepSeconds: grid.stepSeconds, unit, values }
}
