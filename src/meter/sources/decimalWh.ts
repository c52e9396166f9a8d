import { SpbError } from '../../protocol/spbError.ts'

/** Units in which registers count. */
export const energyUnits = ['Wh', 'kWh', 'MWh'] as const
export type EnergyUnit = (typeof energyUnits)[number]

/** The exact number coefficient × 10^exponent; at least 0. */
export type Decimal = { coefficient: bigint; exponent: number }

const unitExponents: Record<EnergyUnit, number> = { Wh: 0, kWh: 3, MWh: 6 }

const decimalPattern = /^([+-]?)(\d{0,24})(?:\.(\d{0,24}))?(?:e([+-]?\d{1,2}))?$/i

/**
 * Reads decimal text (`1234.567`, `1e3`, `.5`) without rounding it.
 *
 * Throws `source/value` for anything else, more than 24 digits on a side, and below 0.
 */
export function parseDecimal(text: string): Decimal {
  const [, sign, whole = '', fraction = '', power = '0'] = decimalPattern.exec(text) ?? []
  if (whole + fraction === '') throw new SpbError('source/value', 'A register is not a number.')
  const coefficient = BigInt(whole + fraction)
  if (sign === '-' && coefficient > 0n) {
    throw new SpbError('source/value', 'A register is negative.')
  }
  return { coefficient, exponent: Number(power) - fraction.length }
}

/** A decimal of one unit in Wh. */
export function decimalOfUnit({ coefficient, exponent }: Decimal, unit: EnergyUnit): Decimal {
  return { coefficient, exponent: exponent + unitExponents[unit] }
}

/** The exact sum. */
export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const exponent = Math.min(a.exponent, b.exponent)
  const align = (each: Decimal) => each.coefficient * 10n ** BigInt(each.exponent - exponent)
  return { coefficient: align(a) + align(b), exponent }
}

/** A number of Wh, divided, rounded down to whole ones. Throws `source/value` above 2^53 - 1. */
export function floorWh({ coefficient, exponent }: Decimal, divisor = 1n): number {
  const scale = 10n ** BigInt(Math.abs(exponent))
  const whole = exponent < 0 ? coefficient / (scale * divisor) : (coefficient * scale) / divisor
  if (whole > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SpbError('source/value', 'A register is above 2^53 - 1 Wh.')
  }
  return Number(whole)
}

/**
 * Decimal text in a unit as whole Wh, rounded down, without floating point.
 *
 * Throws `source/value`.
 */
export function decimalWh(text: string, unit: EnergyUnit): number {
  return floorWh(decimalOfUnit(parseDecimal(text), unit))
}
