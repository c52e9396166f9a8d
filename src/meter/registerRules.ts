import type { MeterReading } from '../ports/meterReading.ts'
import type { ReadingKind, RegisterPoint, RegisterState } from '../ports/meterRegister.ts'
import { SpbError } from '../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../protocol/units.ts'

/** What a household's register can do. */
export type ReadingRules = {
  /** What came in a longer time than this between two readings is not receipted. */
  longestGapSeconds: number
  /** More power than this cannot come. */
  highestWatts: number
  /** The register moves in steps of so many Wh; more than one step at a time is held to power. */
  registerStepWh: number
}

/** An hour, 100 kW, and a register that shows each Wh. */
export const defaultReadingRules: ReadingRules = {
  longestGapSeconds: 3600,
  highestWatts: 100_000,
  registerStepWh: 1,
}

/** Characters of a serial number. */
export const longestSerial = 96

/** So many late readings in a row, each later and not lower than the one before: the clock. */
export const lateReadingsOfClock = 3

/** So many of the places are remembered from where the register went elsewhere. */
export const keptPeaks = 16

/** A reading judged: what it is, and how far the meter has counted then. */
export type ReadingVerdict = {
  kind: ReadingKind
  /** Of kind `energy`: what counts. Of others: by how much the register rose, as far as known. */
  energyWh: number
  /** Absent while no reading was taken. */
  register: RegisterState | undefined
}

/** What readings are judged against, apart from the last one. */
export type ReadingContext = {
  rules: ReadingRules
  /** Where the register is lost or absent, readings up to this time may be counted already. */
  floorSeconds: Seconds | undefined
}

/** Bounds of what a register can show: digits of Wh or kWh, and 32 bits. */
const registerEnds = [...Array.from({ length: 10 }, (_, at) => 10 ** (at + 6)), 2 ** 32]

/** Refuses what is no reading at all. Throws `source/value`, `source/time`, `source/too-large`. */
export function checkReading({ timeSeconds, importWh, serial = '' }: MeterReading): void {
  if (!Number.isSafeInteger(importWh) || importWh < 0) throw new SpbError('source/value')
  if (!Number.isInteger(timeSeconds) || timeSeconds < 0 || timeSeconds > maxUint40) {
    throw new SpbError('source/time')
  }
  if (serial.length > longestSerial) throw new SpbError('source/too-large')
}

function powerWh(spanSeconds: number, { highestWatts, registerStepWh }: ReadingRules): number {
  return Math.floor((highestWatts * spanSeconds) / 3600) + registerStepWh
}

/** True where a register can have gone from one point to a later one. */
function canFollow(from: RegisterPoint, to: RegisterPoint, rules: ReadingRules): boolean {
  const risenWh = to.importWh - from.importWh
  const spanSeconds = to.timeSeconds - from.timeSeconds
  return spanSeconds > 0 && risenWh >= 0 && risenWh <= powerWh(spanSeconds, rules)
}

function isOtherMeter(known: RegisterState, { serial }: MeterReading): boolean {
  return known.serial !== undefined && serial !== undefined && known.serial !== serial
}

/** The peaks that lie in what the register rose by. */
function listPassed({ importWh, peaksWh = [] }: RegisterState, reading: MeterReading): number[] {
  return peaksWh.filter((peakWh) => importWh < peakWh && peakWh <= reading.importWh)
}

function placeAt(
  known: RegisterState,
  reading: MeterReading,
  peaksWh: readonly number[],
): RegisterState {
  const { timeSeconds, importWh, serial = known.serial } = reading
  const isOther = isOtherMeter(known, reading)
  return {
    ...{ timeSeconds, importWh },
    ...(serial === undefined ? {} : { serial }),
    highestWh: isOther ? importWh : Math.max(importWh, known.highestWh),
    ...(peaksWh.length === 0 ? {} : { peaksWh }),
    countedUntilSeconds: known.countedUntilSeconds,
    countedWh: known.countedWh,
  }
}

/** Goes on from a reading to which the register rose; what was suspected before is over. */
function moveTo(known: RegisterState, reading: MeterReading): RegisterState {
  const passed = listPassed(known, reading)
  const left = (known.peaksWh ?? []).filter((peakWh) => !passed.includes(peakWh))
  return placeAt(known, reading, left)
}

/** Begins anew at a reading, and remembers where the register was. */
function beginAt(known: RegisterState, reading: MeterReading): RegisterState {
  const others = (known.peaksWh ?? []).filter((peakWh) => peakWh !== known.importWh)
  const peaksWh = [...others, known.importWh].filter((peakWh) => peakWh !== reading.importWh)
  return placeAt(known, reading, peaksWh.slice(-keptPeaks))
}

/**
 * True for a reading whose energy may be counted already. Beside those from before the last one
 * these are readings of a time that was counted once, unless the register is higher than ever:
 * after the clock was set back it is, in a history that comes once more it is not.
 */
function isLate(known: RegisterState, reading: MeterReading): boolean {
  if (reading.timeSeconds <= known.timeSeconds) return true
  const mayBeKnown = isOtherMeter(known, reading) || reading.importWh < known.highestWh
  return mayBeKnown && reading.timeSeconds <= known.countedUntilSeconds
}

function judgeLate(
  known: RegisterState,
  reading: MeterReading,
  { rules }: ReadingContext,
): ReadingVerdict {
  const { late, ...rest } = known
  const { timeSeconds, importWh } = reading
  if (late?.timeSeconds === timeSeconds && late.importWh === importWh) {
    return { kind: 'late', energyWh: 0, register: known }
  }
  // How long it took is not known, since the clock changed.
  const risenWh = isOtherMeter(known, reading) ? 0 : Math.max(0, importWh - known.importWh)
  const isHigher = !isOtherMeter(known, reading) && importWh > known.highestWh
  const canBeNew = isHigher && risenWh <= powerWh(rules.longestGapSeconds, rules)
  // Or the one taken last was of a wrong time, far ahead: nothing was counted up to there.
  if (!canBeNew && timeSeconds <= known.countedUntilSeconds) {
    return { kind: 'late', energyWh: 0, register: rest }
  }
  const count = late !== undefined && canFollow(late, reading, rules) ? late.count + 1 : 1
  if (count >= lateReadingsOfClock) {
    return { kind: 'clock', energyWh: risenWh, register: beginAt(known, reading) }
  }
  return {
    kind: 'late',
    energyWh: 0,
    register: { ...rest, late: { timeSeconds, importWh, count } },
  }
}

function hasRolledOver(known: RegisterState, reading: MeterReading, rules: ReadingRules): boolean {
  return registerEnds.some((endWh) => {
    const beforeEnd = { ...known, importWh: known.importWh - endWh }
    return endWh > known.importWh && canFollow(beforeEnd, reading, rules)
  })
}

/** Judges a reading that is later than the last one, of the same meter and not lower. */
function judgeRise(
  known: RegisterState,
  reading: MeterReading,
  { rules }: ReadingContext,
): ReadingVerdict {
  const { timeSeconds, importWh } = reading
  const risenWh = importWh - known.importWh
  if (known.aside !== undefined && canFollow(known.aside, reading, rules)) {
    return { kind: 'baseline', energyWh: risenWh, register: beginAt(known, reading) }
  }
  if (!canFollow(known, reading, rules)) {
    const { late: _, ...rest } = known
    return {
      kind: 'jump',
      energyWh: risenWh,
      register: { ...rest, aside: { timeSeconds, importWh } },
    }
  }
  const register = moveTo(known, reading)
  if (timeSeconds - known.timeSeconds > rules.longestGapSeconds) {
    return { kind: 'gap', energyWh: risenWh, register }
  }
  // After a lower reading that was a mistake, what the register had shown before counts once.
  const energyWh = importWh - Math.max(known.importWh, ...listPassed(known, reading))
  const countedUntilSeconds = seconds(Math.max(known.countedUntilSeconds, timeSeconds))
  const countedWh = known.countedWh + energyWh
  return { kind: 'energy', energyWh, register: { ...register, countedUntilSeconds, countedWh } }
}

function judgeFirst(
  known: RegisterState | undefined,
  reading: MeterReading,
  { floorSeconds }: ReadingContext,
): ReadingVerdict {
  const { timeSeconds, importWh } = reading
  if (floorSeconds !== undefined && timeSeconds <= floorSeconds) {
    return { kind: 'late', energyWh: 0, register: known }
  }
  const before = known ?? { timeSeconds, importWh, highestWh: importWh, countedWh: 0 }
  const countedUntilSeconds = Math.max(known?.countedUntilSeconds ?? 0, floorSeconds ?? 0)
  const register = { ...before, countedUntilSeconds: seconds(countedUntilSeconds) }
  return { kind: 'baseline', energyWh: 0, register: beginAt(register, reading) }
}

/**
 * Judges a cumulative register's reading against the last one that was taken. Energy is counted
 * only between two readings of one meter in the order of time whose register went on as it can;
 * all else is a new beginning or nothing, so that no Wh counts twice.
 */
export function judgeReading(
  known: RegisterState | undefined,
  reading: MeterReading,
  context: ReadingContext,
): ReadingVerdict {
  if (known === undefined || known.isLost === true) return judgeFirst(known, reading, context)
  const isSame = !isOtherMeter(known, reading) && reading.importWh === known.importWh
  if (isSame && reading.timeSeconds === known.timeSeconds) {
    return { kind: 'repeated', energyWh: 0, register: known }
  }
  if (isLate(known, reading)) return judgeLate(known, reading, context)
  const register = beginAt(known, reading)
  if (isOtherMeter(known, reading)) return { kind: 'swap', energyWh: 0, register }
  if (reading.importWh < known.importWh) {
    const kind = hasRolledOver(known, reading, context.rules) ? 'rollover' : 'reset'
    return { kind, energyWh: 0, register }
  }
  return judgeRise(known, reading, context)
}
