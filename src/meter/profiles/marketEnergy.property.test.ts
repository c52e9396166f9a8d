import fc from 'fast-check'
import { expect, test } from 'vitest'
import { findReadings, readMarketEnergy } from './marketEnergy.ts'
import type { ProfileUnit } from './profileUnit.ts'
import type { StepSeries } from './stepSeries.ts'

const run = { seed: 1, numRuns: 300 }
const daySeconds = 86_400
const marketSteps = [1, 60, 300, 420, 900, 1800, 3600, 21_600, daySeconds].filter(
  (step) => daySeconds % step === 0,
)
const readingSteps = [60, 300, 600, 900, 1200, 3600, 5400, 7200, daySeconds]
const fixedPoint = fc.integer({ min: 0, max: 12_000_000_000 })

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, one) => total + one, 0)

/** One day of readings in steps of some length, as power or as energy. */
const dayOfReadings = fc
  .tuple(fc.constantFrom(...readingSteps), fc.constantFrom('W' as const, 'Wh' as const))
  .chain(([stepSeconds, unit]) => {
    const count = daySeconds / stepSeconds
    return fc
      .array(fixedPoint, { minLength: count, maxLength: count })
      .map((values): StepSeries => toSeries(stepSeconds, unit, values))
  })

function toSeries(stepSeconds: number, unit: ProfileUnit, values: number[]): StepSeries {
  return { startSeconds: 0, stepSeconds, unit, values: Float64Array.from(values) }
}

function readDay(series: StepSeries, stepSeconds: number): Uint32Array {
  const window = { startSeconds: 0, stepSeconds, steps: daySeconds / stepSeconds }
  return readMarketEnergy(series, window, findReadings([series], window))
}

/** Energy of all readings, rounded once, computed apart from the code under test. */
function totalWh({ unit, stepSeconds, values }: StepSeries): number {
  const all = [...values].reduce((total, value) => total + BigInt(value), 0n)
  const [amount, perWh] =
    unit === 'W' ? [all * BigInt(stepSeconds), 3_600_000_000n] : [all, 1_000_000n]
  return Number((2n * amount + perWh) / (2n * perWh))
}

test('a day has the energy of its readings in steps of any length, to the last Wh', () => {
  const property = fc.property(dayOfReadings, fc.constantFrom(...marketSteps), (series, step) => {
    expect(sum(readDay(series, step))).toBe(totalWh(series))
  })
  fc.assert(property, run)
})

test('joined steps have the energy of their parts', () => {
  const property = fc.property(dayOfReadings, (series) => {
    const quarters = readDay(series, 900)
    const hours = readDay(series, 3600)
    expect([...hours]).toEqual(
      [...hours].map((_, hour) => sum(quarters.subarray(hour * 4, hour * 4 + 4))),
    )
  })
  fc.assert(property, run)
})

test('splitting each reading changes nothing', () => {
  const parts = fc.constantFrom(2, 3, 5, 60)
  const property = fc.property(dayOfReadings, parts, (series, count) => {
    const { stepSeconds, unit, values } = series
    // Power stays what it is; energy is made divisible, so that its parts are exact.
    const whole = [...values].map((value) => (unit === 'W' ? value : value * count))
    const split = whole.flatMap((value) => Array(count).fill(unit === 'W' ? value : value / count))
    const before = toSeries(stepSeconds, unit, whole)
    const after = toSeries(stepSeconds / count, unit, split)
    expect(readDay(after, 900)).toEqual(readDay(before, 900))
  })
  fc.assert(property, run)
})

test('a step without reading is not traded, and takes nothing from the others', () => {
  const holes = fc.uniqueArray(fc.nat({ max: 95 }), { maxLength: 90 })
  const property = fc.property(dayOfReadings, holes, (series, chosen) => {
    const slots = chosen.map((slot) => slot % series.values.length)
    const values = series.values.map((value, slot) => (slots.includes(slot) ? Number.NaN : value))
    const gappy = { ...series, values }
    const window = { startSeconds: 0, stepSeconds: 900, steps: 96 }
    const hasReading = findReadings([gappy], window)
    const energyWh = readMarketEnergy(gappy, window, hasReading)
    const touched = (step: number) =>
      slots.some((slot) => {
        const from = slot * series.stepSeconds
        return from < (step + 1) * 900 && from + series.stepSeconds > step * 900
      })
    for (let step = 0; step < 96; step++) {
      expect(hasReading[step]).toBe(touched(step) ? 0 : 1)
      if (touched(step)) expect(energyWh[step]).toBe(0)
    }
    const known = [...series.values].flatMap((value, slot) => {
      const steps = Array.from({ length: 96 }, (_, step) => step)
      const used = steps.filter((step) => hasReading[step] === 1)
      return used.map((step) => {
        const from = Math.max(step * 900, slot * series.stepSeconds)
        const to = Math.min((step + 1) * 900, (slot + 1) * series.stepSeconds)
        return BigInt(value) * BigInt(Math.max(0, to - from))
      })
    })
    const perWh = series.unit === 'W' ? 3_600_000_000n : 1_000_000n * BigInt(series.stepSeconds)
    const exact = known.reduce((total, one) => total + one, 0n)
    expect(sum(energyWh)).toBe(Number((2n * exact + perWh) / (2n * perWh)))
  })
  fc.assert(property, { seed: 1, numRuns: 60 })
})

test('a plant’s output is its share of the peak', () => {
  const count = 96
  const shares = fc.array(fc.integer({ min: 0, max: 1_500_000_000 }), {
    minLength: count,
    maxLength: count,
  })
  const property = fc.property(shares, fc.integer({ min: 1, max: 1_000_000 }), (values, peak) => {
    const series = { ...toSeries(900, 'W', values), unit: 'pu' as const }
    const window = { startSeconds: 0, stepSeconds: 3600, steps: 24 }
    const energyWh = readMarketEnergy(series, window, findReadings([series], window), peak)
    const exact = values.reduce((total, one) => total + BigInt(one), 0n) * BigInt(peak) * 900n
    expect(sum(energyWh)).toBe(Number((2n * exact + 3_600_000_000_000n) / 7_200_000_000_000n))
  })
  fc.assert(property, run)
})
