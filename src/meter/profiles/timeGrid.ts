import { SpbError } from '../../protocol/spbError.ts'
import { profileLimits } from './profileLimits.ts'
import { describeSkipped, type SkipLog } from './skipLog.ts'
import type { TimedReadings } from './timedReadings.ts'

/** The regular steps of a file, found from its times. */
export type TimeGrid = {
  startSeconds: number
  stepSeconds: number
  steps: number
  /** Step of each row, -1 for a row that is between steps. */
  slots: Int32Array
  /** 1 for rows that are out of order. */
  isUnordered: Uint8Array
}

/**
 * Finds start and length of a file's steps: the distance that most neighbouring rows have. Files
 * may be newest first. Rows out of order (as few as possible) or between steps, and steps
 * without row, go into `log`.
 *
 * Throws `profile/no-rows`, and `profile/irregular-step` where no distance is that of at least
 * half of the rows.
 */
export function findTimeGrid(readings: TimedReadings, log: SkipLog): TimeGrid {
  const { file, times, lines } = readings
  if (times.length === 0) {
    const why = describeSkipped(log.list(), file)
    throw new SpbError('profile/no-rows', `${file} has no usable row${why && `: ${why}`}.`, {
      meta: { file },
    })
  }
  const order = times.map((_, row) => row)
  if (isNewestFirst(times)) order.reverse()
  const isUnordered = findUnordered(order, times)
  const ordered = order.filter((row) => isUnordered[row] === 0)
  const stepSeconds = findStep(ordered, readings)
  const phase = mostFrequent(ordered.map((row) => (times[row] ?? 0) % stepSeconds))
  const onStep = (row: number) => (times[row] ?? 0) % stepSeconds === phase.value
  const inSteps = ordered.filter(onStep)
  const startSeconds = times[inSteps[0] ?? 0] ?? 0
  const lastRow = inSteps.at(-1) ?? 0
  const steps = ((times[lastRow] ?? 0) - startSeconds) / stepSeconds + 1
  if (steps > profileLimits.stepsPerFile) {
    const message = `${file} spans ${steps} steps; a time is likely to be wrong.`
    throw new SpbError('profile/irregular-step', message, { meta: { file, steps } })
  }
  const slots = new Int32Array(times.length).fill(-1)
  times.forEach((seconds, row) => {
    const slot = (seconds - startSeconds) / stepSeconds
    if (onStep(row) && slot >= 0 && slot < steps) slots[row] = slot
    if (isUnordered[row] === 1) log.add(file, 'unordered', lines[row] ?? 0)
    else if (!onStep(row)) log.add(file, 'off-step', lines[row] ?? 0)
  })
  const grid = { startSeconds, stepSeconds, steps, slots, isUnordered }
  countGaps(readings, grid, log)
  return grid
}

/** A gap's line is that of the row after it. */
function countGaps({ file, lines }: TimedReadings, grid: TimeGrid, log: SkipLog): void {
  const hasRow = new Uint8Array(grid.steps)
  grid.slots.forEach((slot, row) => {
    if (slot >= 0 && grid.isUnordered[row] === 0) hasRow[slot] = 1
  })
  const count = hasRow.reduce((sum, has) => sum + 1 - has, 0)
  if (count === 0) return
  const after = hasRow.indexOf(1, hasRow.indexOf(0))
  const row = grid.slots.findIndex((slot, i) => slot === after && grid.isUnordered[i] === 0)
  log.add(file, 'gap', lines[row] ?? 0, { count })
}

function isNewestFirst(times: readonly number[]): boolean {
  let rises = 0
  for (let i = 1; i < times.length; i++) rises += Math.sign((times[i] ?? 0) - (times[i - 1] ?? 0))
  return rises < 0
}

/** Marks what is outside the longest run of never falling times (patience sorting). */
function findUnordered(order: readonly number[], times: readonly number[]): Uint8Array {
  const tails: number[] = []
  const previous = new Int32Array(times.length).fill(-1)
  const timeOf = (row: number | undefined) => times[row ?? 0] ?? 0
  for (const row of order) {
    let low = 0
    let high = tails.length
    if (high > 0 && timeOf(tails[high - 1]) <= timeOf(row)) low = high
    while (low < high) {
      const middle = (low + high) >> 1
      if (timeOf(tails[middle]) <= timeOf(row)) low = middle + 1
      else high = middle
    }
    if (low > 0) previous[row] = tails[low - 1] ?? -1
    tails[low] = row
  }
  const isUnordered = new Uint8Array(times.length).fill(1)
  for (let row = tails.at(-1) ?? -1; row >= 0; row = previous[row] ?? -1) isUnordered[row] = 0
  return isUnordered
}

function findStep(ordered: readonly number[], { file, times }: TimedReadings): number {
  const distances: number[] = []
  for (let i = 1; i < ordered.length; i++) {
    const distance = (times[ordered[i] ?? 0] ?? 0) - (times[ordered[i - 1] ?? 0] ?? 0)
    if (distance > 0) distances.push(distance)
  }
  const { value, count } = mostFrequent(distances)
  if (count > 0 && count * 2 >= distances.length) return value
  const message =
    distances.length === 0
      ? `${file} has a single time: its step cannot be found.`
      : `${file} has no regular step: ${count} of ${distances.length} rows are ${value} s apart.`
  throw new SpbError('profile/irregular-step', message, { meta: { file } })
}

/** The most frequent number, the smallest where several are. */
function mostFrequent(numbers: readonly number[]): { value: number; count: number } {
  const counts = new Map<number, number>()
  for (const number of numbers) counts.set(number, (counts.get(number) ?? 0) + 1)
  let best = { value: 0, count: 0 }
  for (const [value, count] of counts) {
    if (count > best.count || (count === best.count && value < best.value)) best = { value, count }
  }
  return best
}
