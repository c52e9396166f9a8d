import { maxUint40 } from '../protocol/units.ts'
import { formatTime } from './formatTime.ts'

/** A time in UTC, the same for all who read it: `2035-12-31 23:59:59 UTC`. */
export function formatUtc(timeSeconds: number): string {
  return new Date(timeSeconds * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.000Z$/, ' UTC')
}

/** The end of a standing for a person’s eyes; the latest one that a message holds is none. */
export function formatEnd(endsSeconds: number, nowMs: number): string {
  return endsSeconds === maxUint40 ? 'without end' : `until ${formatTime(endsSeconds, nowMs)}`
}
