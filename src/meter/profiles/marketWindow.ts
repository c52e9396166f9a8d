import { SpbError } from '../../protocol/spbError.ts'
import { profileLimits } from './profileLimits.ts'
import type { StepSeries } from './stepSeries.ts'

/** Length of a day without change of clock. */
export const secondsPerDay = 86_400

/** The market steps of a set of profiles; `startSeconds` is a multiple of `stepSeconds`. */
export type MarketWindow = { startSeconds: number; stepSeconds: number; steps: number }

/** What a person chooses of the time that the profiles cover. */
export type WindowChoice = {
  /** Length of a market step; divides a day. */
  stepSeconds: number
  /** Days from the start on, or as many as all homes have. */
  days: number | 'all'
  /** Unix time of the first step. */
  startSeconds?: number | undefined
}

/** Throws `input/option` where a market step does not divide a day, or days are not 1 to 36,600. */
export function checkWindowChoice({ stepSeconds, days, startSeconds }: WindowChoice): void {
  if (!Number.isInteger(stepSeconds) || stepSeconds < 1 || secondsPerDay % stepSeconds !== 0) {
    throw new SpbError('input/option', `A market step of ${stepSeconds} s does not divide a day.`)
  }
  if (days !== 'all' && !(Number.isInteger(days) && days >= 1 && days <= 36_600)) {
    throw new SpbError('input/option', `${days} is not a number of days.`, {
      hint: 'Give a whole number of days, at least 1, or all.',
    })
  }
  if (startSeconds !== undefined && !(startSeconds >= 0 && startSeconds % stepSeconds === 0)) {
    throw new SpbError('input/option', 'The start is not the beginning of a market step.', {
      hint: `Give unix seconds that are a multiple of ${stepSeconds}.`,
    })
  }
}

/** Throws `input/too-large` where homes times market steps pass the limit. */
export function checkMarketSize(households: number, steps: number): void {
  if (households * steps <= profileLimits.marketSteps) return
  const message = `${households} homes of ${steps} market steps each are too many.`
  throw new SpbError('input/too-large', message, {
    hint: 'Take fewer days or homes, or a longer step.',
  })
}

/**
 * Chooses the market steps: from `startSeconds`, else from the first whole UTC day in which every
 * home has a reading, else (files shorter than a day) from the first step that all files cover.
 *
 * Throws `profile/no-overlap` where the files have no market step in common, and `input/option`
 * where they have fewer days in common than asked for.
 */
export function chooseMarketWindow(
  series: readonly StepSeries[],
  choice: WindowChoice,
): MarketWindow {
  const { stepSeconds, days } = choice
  const from = Math.max(...series.map((one) => one.startSeconds))
  const to = Math.min(...series.map(endOf))
  const startSeconds = choice.startSeconds ?? findStart(series, from, to, stepSeconds)
  const steps = Math.floor((to - startSeconds) / stepSeconds)
  if (startSeconds < from || steps < 1) {
    const message =
      from < to
        ? `The profiles have ${describeSpan(from, to)} in common: no market step from the start on.`
        : 'The profiles have no time in common.'
    throw new SpbError('profile/no-overlap', message)
  }
  const stepsPerDay = secondsPerDay / stepSeconds
  if (days === 'all') {
    const wholeDays = Math.floor(steps / stepsPerDay)
    return { startSeconds, stepSeconds, steps: wholeDays > 0 ? wholeDays * stepsPerDay : steps }
  }
  if (days > 1 && days * stepsPerDay > steps) {
    const have = Math.floor(steps / stepsPerDay)
    throw new SpbError('input/option', `The profiles have ${have} days in common, not ${days}.`, {
      hint: 'Take fewer days, or all.',
      meta: { days: have },
    })
  }
  return { startSeconds, stepSeconds, steps: Math.min(steps, days * stepsPerDay) }
}

function findStart(
  series: readonly StepSeries[],
  from: number,
  to: number,
  stepSeconds: number,
): number {
  const firstDay = Math.ceil(from / secondsPerDay) * secondsPerDay
  for (let day = firstDay; day + secondsPerDay <= to; day += secondsPerDay) {
    if (series.every((one) => hasReadingOnDay(one, day))) return day
  }
  return Math.ceil(from / stepSeconds) * stepSeconds
}

function hasReadingOnDay({ startSeconds, stepSeconds, values }: StepSeries, day: number): boolean {
  const first = Math.max(0, Math.floor((day - startSeconds) / stepSeconds))
  const end = Math.ceil((day + secondsPerDay - startSeconds) / stepSeconds)
  return !values.subarray(first, end).every(Number.isNaN)
}

function endOf({ startSeconds, stepSeconds, values }: StepSeries): number {
  return startSeconds + stepSeconds * values.length
}

function describeSpan(from: number, to: number): string {
  const format = (seconds: number) => new Date(seconds * 1000).toISOString()
  return `${format(from)} to ${format(to)}`
}
