import { expect, test } from 'vitest'
import { createRandom, hashToUnit } from './random.ts'

const draw = (count: number, ...key: number[]) => {
  const random = createRandom(...key)
  return Array.from({ length: count }, () => random.unit())
}

test('a key has one stream, and another key another', () => {
  expect(draw(5, 1, 2)).toEqual(draw(5, 1, 2))
  for (const other of [[1], [2, 1], [1, 3], [1, 2, 0], [1, 2 + 2 ** 32], [-1, 2]]) {
    expect(draw(5, ...other)).not.toEqual(draw(5, 1, 2))
  }
})

test('numbers are spread evenly', () => {
  const counts = new Array<number>(16).fill(0)
  for (const unit of draw(160_000, 7)) {
    const bin = Math.floor(unit * 16)
    counts[bin] = (counts[bin] ?? Number.NaN) + 1
  }
  // Chi-squared of 15 degrees of freedom: below 37.7 in 999 of 1,000 cases.
  const chiSquared = counts.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0)
  expect(chiSquared).toBeLessThan(37.7)
})

test('numbers next to each other are not alike', () => {
  const units = draw(50_000, 7)
  const sum = units.reduce((all, one, i) => all + (one - 0.5) * ((units[i + 1] ?? 0.5) - 0.5), 0)
  expect(Math.abs(sum / units.length / (1 / 12))).toBeLessThan(0.02)
})

test('ranges, chances and normal numbers', () => {
  const random = createRandom(3)
  const many = <Value>(next: () => Value) => Array.from({ length: 20_000 }, next)
  const between = many(() => random.between(5, 7))
  expect(Math.min(...between)).toBeGreaterThanOrEqual(5)
  expect(Math.max(...between)).toBeLessThan(7)
  const hits = many(() => random.chance(0.3)).filter(Boolean).length
  expect(hits / 20_000).toBeCloseTo(0.3, 1)
  const normal = many(() => random.normal(10, 2))
  const mean = normal.reduce((sum, one) => sum + one, 0) / normal.length
  const variance = normal.reduce((sum, one) => sum + (one - mean) ** 2, 0) / normal.length
  expect(mean).toBeCloseTo(10, 1)
  expect(Math.sqrt(variance)).toBeCloseTo(2, 1)
  expect(Math.max(...normal.map((one) => Math.abs(one - 10)))).toBeLessThanOrEqual(6)
})

test('noise depends on place and seed', () => {
  expect(hashToUnit(1, 2, 3)).toBe(hashToUnit(1, 2, 3))
  const places = new Set(Array.from({ length: 1000 }, (_, i) => hashToUnit(1, 2, i - 500)))
  expect(places.size).toBe(1000)
  expect(hashToUnit(2, 2, 3)).not.toBe(hashToUnit(1, 2, 3))
})
