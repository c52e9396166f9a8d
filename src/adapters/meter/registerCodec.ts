import type { Incident, IncidentLog, RegisterState } from '../../ports/meterRegister.ts'
import { decodeList, decodeNumber, decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'

const most = Number.MAX_SAFE_INTEGER
const registerFields = [
  ...['timeSeconds', 'importWh', 'highestWh', 'countedUntilSeconds', 'countedWh'],
]
const incidentKinds: readonly string[] = [
  ...['baseline', 'repeated', 'late', 'clock', 'reset', 'rollover', 'swap', 'gap', 'jump'],
  'restored',
]
/** More than a meter keeps: a damaged file shall not fill the memory. */
const mostIncidents = 1_000
const mostPeaks = 1_000

function decodeTime(value: unknown): Seconds {
  return seconds(decodeNumber(value, maxUint40, 'time'))
}

const decodeWh = (value: unknown): number => decodeNumber(value, most, 'peaksWh')

function decodePoint(object: Record<string, unknown>) {
  return {
    timeSeconds: decodeTime(object.timeSeconds),
    importWh: decodeNumber(object.importWh, most, 'importWh'),
  }
}

/** Parses a register's state from JSON. Throws `input/*`. */
export function decodeRegister(value: unknown): RegisterState {
  const optional = ['serial', 'peaksWh', 'late', 'aside', 'isLost']
  const object = decodeObject(value, registerFields, 'register', optional)
  const { serial, peaksWh, late, aside, isLost } = object
  if (serial !== undefined && typeof serial !== 'string') throw new SpbError('input/shape')
  if (isLost !== undefined && isLost !== true) throw new SpbError('input/shape')
  const point = ['timeSeconds', 'importWh']
  const run = late === undefined ? undefined : decodeObject(late, [...point, 'count'], 'late')
  return {
    ...decodePoint(object),
    highestWh: decodeNumber(object.highestWh, most, 'highestWh'),
    countedUntilSeconds: decodeTime(object.countedUntilSeconds),
    countedWh: decodeNumber(object.countedWh, most, 'countedWh'),
    ...(serial === undefined ? {} : { serial }),
    ...(peaksWh === undefined
      ? {}
      : { peaksWh: decodeList(peaksWh, mostPeaks, 'peaksWh', decodeWh) }),
    ...(run && { late: { ...decodePoint(run), count: decodeNumber(run.count, most, 'count') } }),
    ...(aside === undefined ? {} : { aside: decodePoint(decodeObject(aside, point, 'aside')) }),
    ...(isLost === undefined ? {} : { isLost }),
  }
}

function decodeKind(kind: unknown): Incident['kind'] {
  if (typeof kind === 'string' && incidentKinds.includes(kind)) return kind as Incident['kind']
  throw new SpbError('input/shape', 'This is no kind of incident.')
}

/** Parses incidents from JSON. Throws `input/*`. */
export function decodeIncidents(value: unknown): IncidentLog {
  const { counts, recent } = decodeObject(value, ['counts', 'recent'], 'incidents')
  const counted = Object.entries(decodeObject(counts, [], 'counts', incidentKinds))
  return {
    counts: Object.fromEntries(
      counted.map(([kind, count]) => [kind, decodeNumber(count, most, 'count')]),
    ),
    recent: decodeList(recent, mostIncidents, 'recent', (item) => {
      const object = decodeObject(item, ['kind', 'timeSeconds', 'energyWh'], 'incident')
      const { kind, timeSeconds, energyWh } = object
      return {
        kind: decodeKind(kind),
        timeSeconds: decodeTime(timeSeconds),
        energyWh: decodeNumber(energyWh, most, 'energyWh'),
      }
    }),
  }
}
