import { SpbError } from '../../protocol/spbError.ts'

/** Why a cell gives no time; `clock-change`: a local time that the clock skips or repeats. */
export type TimeRefusal = 'unreadable-time' | 'no-zone' | 'clock-change'

/** Turns a cell into unix seconds, or says why not. */
export type TimeParser = (cell: string) => number | TimeRefusal

/** 2100-01-01: above it are milliseconds, and dates written as one number. */
const latestSeconds = 4_102_444_800
const daySeconds = 86_400
/** A quarter of a year; a sender that makes times up shall not fill the memory. */
const mostKnownQuarters = 10_000

const unixPattern = /^\d{1,10}(?:\.0*)?$/
/** 20210214 is a date, not a second of 1970. */
const compactDatePattern = /^(?:19|20)\d{6}$/
const isoPattern =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,]0+)?)?)? ?(Z|[+-]\d\d(?::?\d\d)?)?$/i
const offsetPattern = /^([+-])(\d\d)(?::?(\d\d))?$/

/**
 * Makes a parser of unix seconds and of ISO 8601 times in whole seconds, 1970 to 2099.
 *
 * A time's own zone counts first, then `zone`: an IANA name (`Europe/Berlin`) or an offset
 * (`+01:00`, `Z`). Local times that a change of clock skips or repeats are refused, not guessed.
 * Throws `profile/time` for an unknown zone.
 */
export function createTimeParser(zone?: string): TimeParser {
  const toUnix = zone === undefined ? undefined : localClock(zone)
  return (cell) => {
    if (unixPattern.test(cell) && !compactDatePattern.test(cell)) return inRange(Number(cell))
    const match = isoPattern.exec(cell)
    if (!match) return 'unreadable-time'
    const wallSeconds = readWallClock(match.slice(1, 7))
    if (wallSeconds === undefined) return 'unreadable-time'
    const ownZone = match[7]
    if (ownZone !== undefined) {
      const offset = readOffset(ownZone)
      return offset === undefined ? 'unreadable-time' : inRange(wallSeconds - offset)
    }
    if (!toUnix) return 'no-zone'
    const seconds = toUnix(wallSeconds)
    return seconds === undefined ? 'clock-change' : inRange(seconds)
  }
}

function inRange(seconds: number): number | TimeRefusal {
  return seconds >= 0 && seconds < latestSeconds ? seconds : 'unreadable-time'
}

/** Seconds since 1970 on a clock of no zone; undefined for dates and times that do not exist. */
function readWallClock(parts: readonly (string | undefined)[]): number | undefined {
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts.map((part) =>
    Number(part ?? 0),
  )
  if (year < 1970 || hour > 23 || minute > 59 || second > 59) return undefined
  const date = new Date(Date.UTC(year, month - 1, day))
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined
  return date.getTime() / 1000 + hour * 3600 + minute * 60 + second
}

function readOffset(text: string): number | undefined {
  if (/^(?:Z|UTC|GMT)$/i.test(text)) return 0
  const match = offsetPattern.exec(text)
  if (!match) return undefined
  const [hours, minutes] = [Number(match[2]), Number(match[3] ?? 0)]
  if (hours > 18 || minutes > 59) return undefined
  return (match[1] === '-' ? -1 : 1) * (hours * 3600 + minutes * 60)
}

/** From wall clock to unix seconds; undefined where that is no instant, or two. */
function localClock(zone: string): (wallSeconds: number) => number | undefined {
  const fixed = readOffset(zone)
  if (fixed !== undefined) return (wallSeconds) => wallSeconds - fixed
  const offsetAt = zoneOffsets(zone)
  return (wallSeconds) => {
    // Clocks change less than once in two days, so these two are all offsets in question.
    const before = offsetAt(wallSeconds - daySeconds)
    const after = offsetAt(wallSeconds + daySeconds)
    if (before === after) return wallSeconds - before
    const instants = [before, after].filter((offset) => offsetAt(wallSeconds - offset) === offset)
    return instants.length === 1 ? wallSeconds - (instants[0] ?? 0) : undefined
  }
}

function zoneOffsets(zone: string): (seconds: number) => number {
  const format = zoneFormat(zone)
  const known = new Map<number, number>()
  return (seconds) => {
    // Offsets change on quarter hours.
    const quarter = Math.floor(seconds / 900)
    let offset = known.get(quarter)
    if (offset === undefined) {
      const parts = format.formatToParts(quarter * 900_000)
      const read = (type: string) => Number(parts.find((part) => part.type === type)?.value)
      const wall = Date.UTC(
        read('year'),
        read('month') - 1,
        read('day'),
        read('hour'),
        read('minute'),
      )
      offset = wall / 1000 - quarter * 900
      if (known.size === mostKnownQuarters) known.clear()
      known.set(quarter, offset)
    }
    return offset
  }
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
    })
  } catch (cause) {
    throw new SpbError('profile/time', `The zone "${zone.slice(0, 64)}" is not known.`, {
      hint: 'Write an IANA name such as Europe/Berlin, or an offset such as +01:00.',
      cause,
    })
  }
}
