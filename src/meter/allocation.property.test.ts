import fc from 'fast-check'
import { expect, test } from 'vitest'
import { allocate } from './allocation.ts'

const energy = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.nat(2 ** 32 - 1))
const wanted = fc.array(energy, { maxLength: 12 })
const sum = (values: readonly number[]): number => values.reduce((total, each) => total + each, 0)

test('shares are the lesser of what came and what is wanted, to the Wh', () => {
  const property = fc.property(energy, wanted, (measuredWh, wantedWh) => {
    const shares = allocate(measuredWh, wantedWh)
    expect(sum(shares)).toBe(Math.min(measuredWh, sum(wantedWh)))
    for (const [at, share] of shares.entries()) {
      expect(share).toBeGreaterThanOrEqual(0)
      expect(share).toBeLessThanOrEqual(wantedWh[at]!)
    }
  })
  fc.assert(property, { seed: 1, numRuns: 500 })
})

test('nobody gets anything while an earlier one wants more', () => {
  const property = fc.property(energy, wanted, (measuredWh, wantedWh) => {
    const shares = allocate(measuredWh, wantedWh)
    const firstShort = shares.findIndex((share, at) => share < wantedWh[at]!)
    if (firstShort >= 0) expect(sum(shares.slice(firstShort + 1))).toBe(0)
  })
  fc.assert(property, { seed: 1, numRuns: 500 })
})
