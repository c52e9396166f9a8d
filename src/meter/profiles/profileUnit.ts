import { assert } from '../../protocol/spbError.ts'
import { profileLimits } from './profileLimits.ts'

/** Mean power in a step (W, kW), energy in it (Wh, kWh), or output per watt of peak power (pu). */
export const profileUnits = ['W', 'kW', 'Wh', 'kWh', 'pu'] as const
export type ProfileUnit = (typeof profileUnits)[number]

/** True for a unit that profiles may have. */
export function isProfileUnit(value: string): value is ProfileUnit {
  return (profileUnits as readonly string[]).includes(value)
}

/** Integers per unit in which readings are kept: µW, µWh, and 10^-9 of the peak. */
const scales: Record<ProfileUnit, number> = { W: 1e6, kW: 1e9, Wh: 1e6, kWh: 1e9, pu: 1e9 }

/** A reading as a whole number of µW, µWh or 10^-9 pu, the nearest one. */
export function toFixedPoint(value: number, unit: ProfileUnit): number {
  return Math.round(value * (scales[unit] ?? 1))
}

/** The largest reading that is believable in a step: 1 MW, or 1.5 times the plant's peak. */
export function largestReading(
  unit: ProfileUnit,
  stepSeconds: number,
  peakWatts: number | undefined,
): number {
  if (unit === 'pu') return profileLimits.outputPerPeak
  const watts =
    peakWatts === undefined ? profileLimits.powerWatts : peakWatts * profileLimits.outputPerPeak
  if (unit === 'W') return watts
  if (unit === 'kW') return watts / 1000
  const energyWh = (watts * stepSeconds) / 3600
  return unit === 'Wh' ? energyWh : energyWh / 1000
}

/** Wh that a fixed-point reading means for each second of its step, as an exact fraction. */
export function whPerReadingSecond(
  unit: ProfileUnit,
  stepSeconds: number,
  peakWatts: number | undefined,
): { numerator: bigint; denominator: bigint } {
  if (unit === 'pu') {
    assert(peakWatts !== undefined, 'output per peak comes with a peak')
    return { numerator: BigInt(peakWatts), denominator: 3_600_000_000_000n }
  }
  if (unit === 'W' || unit === 'kW') return { numerator: 1n, denominator: 3_600_000_000n }
  return { numerator: 1n, denominator: BigInt(stepSeconds) * 1_000_000n }
}
