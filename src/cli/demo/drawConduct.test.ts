import { describe, expect, it } from 'vitest'
import { wh } from '../../protocol/units.ts'
import {
  drawDelivery,
  drawOrder,
  drawPrice,
  drawUnreliable,
  highestPriceWeiPerKwh,
} from './drawConduct.ts'

const homes = Array.from({ length: 40 }, (_, index) => index)

describe('the conduct of homes', () => {
  it('has prices in a range, that differ, and depend on the seed alone', () => {
    const prices = homes.map((home) => drawPrice(1, home))
    expect(prices).toEqual(homes.map((home) => drawPrice(1, home)))
    expect(prices).not.toEqual(homes.map((home) => drawPrice(2, home)))
    expect(prices.every((price) => price >= 80_000_000_000_000n)).toBe(true)
    expect(prices.every((price) => price <= highestPriceWeiPerKwh)).toBe(true)
    expect(new Set(prices).size).toBeGreaterThan(30)
  })

  it('has another order of buyers in each step, with everybody in it', () => {
    const first = drawOrder(1, 0, homes)
    expect(first).not.toEqual(drawOrder(1, 1, homes))
    expect(first.toSorted((a, b) => a - b)).toEqual(homes)
  })

  it.each([
    [0, 0],
    [0.01, 1],
    [0.1, 4],
    [1, 40],
  ])('makes a share of %f of 40 producers unreliable: %i', (share, count) => {
    expect(drawUnreliable(1, homes, share).size).toBe(count)
  })

  it('delivers nothing or a part, never all', () => {
    const deliveries = homes.map((trade) => drawDelivery(1, 3, trade, wh(1_000)))
    const nothing = deliveries.filter((energy) => energy === 0).length
    expect(nothing).toBeGreaterThan(8)
    expect(nothing).toBeLessThan(32)
    expect(deliveries.every((energy) => energy === 0 || energy >= 100)).toBe(true)
    expect(deliveries.every((energy) => energy < 1_000)).toBe(true)
    expect(drawDelivery(1, 3, 0, wh(1))).toBe(0)
  })
})
