import { createTimeParser } from '../meter/profiles/timeParser.ts'
import { parseDuration } from '../protocol/parseText.ts'
import { SpbError } from '../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../protocol/units.ts'

const lastSecondOfDay = 86_399
const datePattern = /^\d{4}-\d\d-\d\d$/
const spanPattern = /^\d+\s*[smhd]$/

/** What goes from one machine to another is not of either’s zone. */
const parseUtc = createTimeParser('Z')

/**
 * Parses what a person types as an end: a date (that whole day, UTC), an ISO 8601 time (UTC unless
 * it has a zone), unix seconds of 10 digits, each to 2099, or a span from `nowSeconds`.
 *
 * Throws `input/time`, and `input/duration` for a span of no length.
 */
export function parseEnd(text: string, nowSeconds: number): Seconds {
  const typed = text.trim()
  if (spanPattern.test(typed)) return requireUint40(nowSeconds + parseDuration(typed), typed)
  // A lone year is no second of 1970.
  const found = /^\d{1,9}$/.test(typed) ? undefined : parseUtc(typed)
  if (typeof found !== 'number') throw refuseTime(typed, 'is not a date, time or span')
  return seconds(datePattern.test(typed) ? found + lastSecondOfDay : found)
}

function requireUint40(endSeconds: number, typed: string): Seconds {
  if (endSeconds <= maxUint40) return seconds(endSeconds)
  throw refuseTime(typed, 'ends after the year 36812')
}

function refuseTime(typed: string, what: string): SpbError {
  const shown = typed.length <= 40 ? typed : `${typed.slice(0, 40)}…`
  return new SpbError('input/time', `“${shown}” ${what}.`)
}
