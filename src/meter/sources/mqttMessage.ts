import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import type { TimeParser } from '../profiles/timeParser.ts'
import { longestSerial } from '../registerRules.ts'
import { decimalWh, type EnergyUnit } from './decimalWh.ts'
import { type JsonPath, readJsonPath } from './jsonPath.ts'
import { sourceLimits } from './sourceLimits.ts'

/** Where in a message its reading is. */
export type MqttFields = {
  import: JsonPath
  export?: JsonPath
  time?: JsonPath
  serial?: JsonPath
  unit: EnergyUnit
  parseTime: TimeParser
}

/** A message as it came. */
export type MqttMessage = { payload: Uint8Array; isRetained: boolean; atMs: number }

/** From here on a number counts milliseconds: the year 5138 in seconds, 1973 in milliseconds. */
const leastMilliseconds = 1e11
/** Times are whole seconds, rounded down like numbers are. */
const fraction = /(?<=:\d\d:\d\d)[.,]\d{1,9}/

/**
 * Reads a reading from a message: JSON, or a plain number where the only path is `$`. Without a
 * path of a time, the time is that of its arrival.
 *
 * Throws `source/too-large`, `source/retained` (retained, without a time of its own: of any age),
 * `source/payload`, `source/no-value`, `source/value`, `source/time`.
 */
export function readMqttMessage(message: MqttMessage, fields: MqttFields): MeterReading {
  const { payload, isRetained, atMs } = message
  if (payload.length > sourceLimits.payloadBytes) {
    throw new SpbError('source/too-large', `A message has ${payload.length} bytes.`)
  }
  if (isRetained && fields.time === undefined) throw new SpbError('source/retained')
  const document = readDocument(payload, fields)
  const importWh = readEnergy(document, fields.import, fields.unit)
  return {
    timeSeconds:
      fields.time === undefined
        ? seconds(Math.floor(atMs / 1000))
        : readTime(readJsonPath(fields.time, document), fields.parseTime),
    importWh,
    ...(fields.export === undefined
      ? {}
      : { exportWh: readEnergy(document, fields.export, fields.unit) }),
    ...(fields.serial === undefined ? {} : readSerial(document, fields.serial)),
  }
}

function readDocument(payload: Uint8Array, fields: MqttFields): unknown {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(payload).trim()
    const paths = [fields.import, fields.export, fields.time, fields.serial]
    const isPlain = paths.every((path) => path === undefined || path.length === 0)
    return isPlain ? text : (JSON.parse(text) as unknown)
  } catch (cause) {
    throw new SpbError('source/payload', undefined, { cause })
  }
}

/** A JSON number counts by its shortest decimal text, which is the one it was written as. */
function readEnergy(document: unknown, path: JsonPath, unit: EnergyUnit): number {
  const value = readJsonPath(path, document)
  if (value === undefined) throw new SpbError('source/no-value')
  if (typeof value === 'number') return decimalWh(String(value), unit)
  if (typeof value === 'string') return decimalWh(value.trim(), unit)
  throw new SpbError('source/value', 'What stands at the path is not a number.')
}

function readTime(value: unknown, parseTime: TimeParser): Seconds {
  const text = typeof value === 'number' ? String(toWholeSeconds(value)) : value
  const found = typeof text === 'string' ? parseTime(text.replace(fraction, '')) : 'unreadable-time'
  if (typeof found === 'number') return seconds(found)
  throw new SpbError('source/time', `A message’s time is not used: ${found}.`, {
    meta: { reason: found },
  })
}

const toWholeSeconds = (value: number): number =>
  Math.floor(value >= leastMilliseconds ? value / 1000 : value)

function readSerial(document: unknown, path: JsonPath): { serial?: string } {
  const value = readJsonPath(path, document)
  if (value === undefined) throw new SpbError('source/no-value')
  const serial = typeof value === 'string' || typeof value === 'number' ? String(value) : ''
  if (serial !== '' && serial.length <= longestSerial && !/\p{Cc}/u.test(serial)) return { serial }
  throw new SpbError('source/value', 'What stands at the path is not a serial number.')
}
