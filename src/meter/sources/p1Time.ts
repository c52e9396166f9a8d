import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'

const hourSeconds = 3_600

/**
 * Reads a telegram's time `YYMMDDhhmmssX`, X being S for summer time (UTC+2) or W for winter time
 * (UTC+1), of the years 2000 to 2099.
 *
 * Throws `source/time` for dates and times of day that do not exist.
 */
export function parseP1Time(text: string): Seconds {
  const match = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)([SW])$/.exec(text)
  if (match === null) throw new SpbError('source/time', 'A telegram’s time is not understood.')
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match
    .slice(1, 7)
    .map(Number)
  const date = new Date(Date.UTC(2000 + year, month - 1, day, hour, minute, second))
  const isThere =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second
  if (!isThere) throw new SpbError('source/time', 'A telegram’s time does not exist.')
  const offsetHours = match[7] === 'S' ? 2 : 1
  return seconds(date.getTime() / 1000 - offsetHours * hourSeconds)
}
