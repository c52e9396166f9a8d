import { SpbError } from '../../protocol/spbError.ts'
import type { Seconds } from '../../protocol/units.ts'
import { longestSerial } from '../registerRules.ts'
import {
  addDecimals,
  type Decimal,
  decimalOfUnit,
  type EnergyUnit,
  energyUnits,
  floorWh,
  parseDecimal,
} from './decimalWh.ts'
import { p1Crc } from './p1Crc.ts'
import { parseP1Time } from './p1Time.ts'

/** What a P1 telegram says about energy. */
export type P1Telegram = {
  /** Whole Wh, all tariffs together. */
  importWh: number
  /** Where the meter counts it. */
  exportWh?: number
  /** Where the telegram has a time: DSMR 4 and later. */
  timeSeconds?: Seconds
  /** The electricity meter's serial number. */
  serial?: string
  /** False for telegrams of DSMR 2 and 3, which have no CRC. */
  isChecked: boolean
  /** Which registers the import is the sum of, such as `1.8.1+1.8.2`. */
  importRegisters: string
}

/** Values of a telegram by OBIS code, such as `1-0:1.8.1`; each as its parentheses stand. */
type ObisValues = ReadonlyMap<string, readonly string[]>

const headPattern = /^\/[A-Za-z]{3}\d[ -~]{0,120}$/
const linePattern =
  /^(\d{1,3}-\d{1,3}:\d{1,3}\.\d{1,3}\.\d{1,3})(?:[*.](\d{1,3}))?((?:\([ -'*-~]*\))+)$/
/** Gas meters of DSMR 2 and 3 have their value on a line of its own. */
const continuationPattern = /^\([ -'*-~]*\)$/
const valuePattern = /^\((\S{1,32})\*([A-Za-z]{1,4})\)$/
const versionCodes = { dsmr: '1-3:0.2.8', emucs: '0-0:96.1.4' }
/** Any other sixth number of an OBIS code stands for a past billing period. */
const present = '255'
const timeCode = '0-0:1.0.0'
const serialCode = '0-0:96.1.1'
const tariffs = [1, 2, 3, 4]

/**
 * Reads a P1 telegram, from its `/` to the CRC after its `!`: DSMR 2.2 to 5, ESMR 5, e-MUCS, and
 * kin with OBIS codes of IEC 62056-21.
 *
 * Throws `source/telegram`, `source/bad-crc` (also where one is missing, unless the telegram shows
 * by its version that it is of DSMR 2 or 3), `source/value`, `source/time`.
 */
export function parseP1Telegram(bytes: Uint8Array): P1Telegram {
  const text = Buffer.from(bytes).toString('latin1')
  const end = text.lastIndexOf('!')
  if (end < 0) throw new SpbError('source/telegram', 'A telegram has no end.')
  const crc = text.slice(end + 1).trimEnd()
  if (crc !== '' && crc.toUpperCase() !== p1Crc(bytes.subarray(0, end + 1))) {
    throw new SpbError('source/bad-crc', 'A telegram’s CRC is wrong.')
  }
  const [head = '', ...lines] = text.slice(0, end).split(/\r\n|\r|\n/)
  if (!headPattern.test(head)) {
    throw new SpbError('source/telegram', 'A telegram does not begin with its meter’s name.')
  }
  const isChecked = crc !== ''
  const values = readLines(lines, isChecked)
  if (!isChecked && !isOld(values)) {
    throw new SpbError('source/bad-crc', 'A telegram of DSMR 4 or later has no CRC.')
  }
  return { ...readEnergy(values), ...readTime(values), ...readSerial(values), isChecked }
}

function readLines(lines: readonly string[], isChecked: boolean): ObisValues {
  const values = new Map<string, string[]>()
  for (const line of lines) {
    const [, name, period = present, groups = ''] = linePattern.exec(line) ?? []
    if (name !== undefined) {
      const code = period === present ? name : `${name}*${period}`
      const own = [...groups.matchAll(/\([^()]*\)/g)].map(([group]) => group)
      const known = values.get(code)
      if (known !== undefined && known.join() !== own.join() && isRegister(code)) {
        throw new SpbError('source/telegram', `A telegram has two values of ${code}.`)
      }
      values.set(code, own)
    } else if (!isChecked && line !== '' && !continuationPattern.test(line)) {
      // With no CRC, a line that is not understood is the only sign of damage.
      throw new SpbError('source/telegram', 'A telegram without CRC has a damaged line.')
    }
  }
  return values
}

function isRegister(code: string): boolean {
  return /^1-0:[12]\.8\.[0-4]$/.test(code) || code === timeCode || code === serialCode
}

/** CRC and time came with DSMR 4, so that a telegram with either of its marks must have a CRC. */
function isOld(values: ObisValues): boolean {
  if (values.has(timeCode) || values.has(versionCodes.emucs)) return false
  const version = values.get(versionCodes.dsmr)
  return version === undefined || /^\([0-3]?\d\)$/.test(version.join(''))
}

function readEnergy(values: ObisValues) {
  const imported = sumTariffs(values, '1')
  if (imported === undefined) {
    throw new SpbError('source/telegram', 'A telegram has no register of imported energy.')
  }
  const exported = sumTariffs(values, '2')
  return {
    importWh: floorWh(imported.energy),
    importRegisters: imported.registers.join('+'),
    ...(exported === undefined ? {} : { exportWh: floorWh(exported.energy) }),
  }
}

/** The register of all tariffs where there is one, else the sum of those of each. */
function sumTariffs(values: ObisValues, direction: '1' | '2') {
  const nameOf = (tariff: number) => `${direction}.8.${tariff}`
  const hasTotal = values.has(`1-0:${nameOf(0)}`)
  const registers = (hasTotal ? [0] : tariffs)
    .map(nameOf)
    .filter((register) => values.has(`1-0:${register}`))
  if (registers.length === 0) return undefined
  const energies = registers.map((register) => readRegister(values, register))
  return { registers, energy: energies.reduce(addDecimals) }
}

function readRegister(values: ObisValues, register: string): Decimal {
  const groups = values.get(`1-0:${register}`) ?? []
  const [, number = '', unit = ''] = valuePattern.exec(groups.join('')) ?? []
  if (!(energyUnits as readonly string[]).includes(unit)) {
    throw new SpbError('source/value', `The register ${register} has no value in kWh or Wh.`)
  }
  return decimalOfUnit(parseDecimal(number), unit as EnergyUnit)
}

function readTime(values: ObisValues): { timeSeconds?: Seconds } {
  const groups = values.get(timeCode)
  return groups === undefined ? {} : { timeSeconds: parseP1Time(groups.join('').slice(1, -1)) }
}

/** The standard writes serial numbers as hexadecimal ASCII; some meters write them as they are. */
function readSerial(values: ObisValues): { serial?: string } {
  const written = (values.get(serialCode) ?? []).join('').slice(1, -1).trim()
  const decoded = /^(?:[0-9A-F]{2})+$/i.test(written)
    ? Buffer.from(written, 'hex').toString('latin1')
    : written
  const serial = /^[ -~]+$/.test(decoded) ? decoded.trim() : written
  return serial === '' || serial.length > longestSerial ? {} : { serial }
}
