import { SpbError } from '../../protocol/spbError.ts'
import { floorWh } from './decimalWh.ts'

/** Modbus registers, 16 bits each. */
export type Registers = readonly number[]

const notAccumulated = 0
const unsetUint32 = 0xffff_ffff
const unsetScale = 0x8000
const largestScale = 10

const highAndLow = (registers: Registers, at: number): number =>
  (registers[at] ?? 0) * 0x1_0000 + (registers[at + 1] ?? 0)

/** An acc32: 1 to 2^32 - 2; undefined where the device does not count (SunSpec: 0). */
export function readAcc32(registers: Registers, at: number): number | undefined {
  const value = highAndLow(registers, at)
  return value === notAccumulated || value === unsetUint32 ? undefined : value
}

/**
 * A sunssf, the power of ten of other values: -10 to 10.
 *
 * Throws `source/not-implemented` for 0x8000, `source/value` for any other.
 */
export function readScale(registers: Registers, at: number): number {
  const value = registers[at] ?? unsetScale
  if (value === unsetScale) {
    throw new SpbError('source/not-implemented', 'The energy has no scale factor.')
  }
  const scale = value > 0x7fff ? value - 0x1_0000 : value
  if (Math.abs(scale) <= largestScale) return scale
  throw new SpbError('source/value', `The scale factor ${scale} is not one from -10 to 10.`)
}

/** A counter and its scale as whole Wh, rounded down. Throws `source/value` above 2^53 - 1. */
export function scaledWh(count: number, scale: number): number {
  return floorWh({ coefficient: BigInt(count), exponent: scale })
}

/**
 * A float32 of Wh, rounded down; undefined for NaN, which means that the device does not count.
 *
 * Throws `source/value` below 0, above 2^53 - 1 and for infinity.
 */
export function readFloatWh(registers: Registers, at: number): number | undefined {
  const bytes = new DataView(new ArrayBuffer(4))
  bytes.setUint32(0, highAndLow(registers, at))
  const value = bytes.getFloat32(0)
  if (Number.isNaN(value)) return undefined
  const energyWh = Math.floor(Math.abs(value))
  if (value >= 0 && Number.isSafeInteger(energyWh)) return energyWh
  throw new SpbError('source/value', 'A register is negative or above 2^53 - 1 Wh.')
}

/** A string of so many registers; empty where the device gives none. */
export function readRegisterText(registers: Registers, at: number, count: number): string {
  const bytes = registers.slice(at, at + count).flatMap((word) => [word >> 8, word & 0xff])
  const end = bytes.indexOf(0)
  const text = Buffer.from(end < 0 ? bytes : bytes.slice(0, end))
    .toString('latin1')
    .trim()
  return /^[ -~]*$/.test(text) ? text : ''
}
