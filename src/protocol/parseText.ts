import { SpbError } from './spbError.ts'
import { maxUint32, maxUint96, type Seconds, seconds, type Wei, type Wh, wei, wh } from './units.ts'

const weiPerUnit = { ether: 10n ** 18n, gwei: 10n ** 9n, wei: 1n } as const

/**
 * Parses what a person types as money: ether unless suffixed (`0.05`, `50gwei`, `7wei`).
 *
 * Throws `input/amount` for anything else, zero, fractions of a wei and sums over 2^96 - 1 wei.
 */
export function parseAmount(text: string): Wei {
  const match = /^(\d{1,30})(?:\.(\d{1,18}))?\s*(ether|eth|gwei|wei)?$/.exec(text.trim())
  if (match === null) throw refuseAmount(text)
  const [, whole, fraction = '', suffix = 'ether'] = match
  const perUnit = weiPerUnit[suffix === 'eth' ? 'ether' : (suffix as keyof typeof weiPerUnit)]
  const scale = 10n ** BigInt(fraction.length)
  const scaled = BigInt(`${whole}${fraction}`) * perUnit
  const amount = scaled / scale
  if (scaled % scale !== 0n || amount === 0n || amount > maxUint96) throw refuseAmount(text)
  return wei(amount)
}

function refuseAmount(text: string): SpbError {
  return new SpbError('input/amount', `“${clip(text)}” is not a positive sum of ether.`)
}

/**
 * Parses what a person types as energy: Wh unless suffixed (`1500`, `1.5kWh`).
 *
 * Throws `input/energy` for anything else, zero, fractions of a Wh and more than 2^32 - 1 Wh.
 */
export function parseEnergy(text: string): Wh {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?\s*([kKM]?(?:Wh|wh|WH))?$/.exec(text.trim())
  // No small m: milliwatt-hours must not pass for megawatt-hours.
  const [, whole = '', fraction = '', suffix = 'wh'] = match ?? []
  const perUnit = { wh: 1n, kwh: 1000n, mwh: 1_000_000n }[suffix.toLowerCase()]
  const scale = 10n ** BigInt(fraction.length)
  const scaled = match === null ? 0n : BigInt(`${whole}${fraction}`) * (perUnit ?? 0n)
  const energy = scaled / scale
  if (scaled % scale !== 0n || energy === 0n || energy > BigInt(maxUint32)) {
    throw new SpbError('input/energy', `“${clip(text)}” is not a whole, positive number of Wh.`)
  }
  return wh(Number(energy))
}

const secondsPerUnit = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** Parses a duration such as `90s`, `15m`, `2h`, `1d`. Throws `input/duration`. */
export function parseDuration(text: string): Seconds {
  const match = /^(\d{1,7})\s*([smhd])$/.exec(text.trim())
  const value = match === null ? 0 : Number(match[1])
  if (match === null || value === 0) {
    throw new SpbError('input/duration', `“${clip(text)}” is not a duration.`)
  }
  return seconds(value * secondsPerUnit[match[2] as keyof typeof secondsPerUnit])
}

/** What a person typed, short enough for a message. */
function clip(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`
}
