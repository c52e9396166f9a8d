import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { paymentOf, priceOf } from './payment.ts'
import { maxUint32, maxUint96, wei, wh } from './units.ts'

describe('priceOf', () => {
  it.each([
    [0n, 1000, 0n],
    [1000n, 1, 1n],
    [999n, 1, 0n],
    [1999n, 1, 1n],
    [250n * 10n ** 12n, 1500, 375n * 10n ** 12n],
    [3n, 333, 0n],
    [3n, 334, 1n],
  ])('asks for %s wei/kWh × %i Wh exactly %s wei', (price, energyWh, amountWei) => {
    expect(priceOf(price, wh(energyWh))).toBe(amountWei)
  })

  it('stays exact where floating point would not', () => {
    expect(priceOf(maxUint96, wh(maxUint32))).toBe((maxUint96 * 4_294_967_295n) / 1000n)
  })
})

describe('paymentOf', () => {
  it.each([
    [10n, 3, 0, 0n],
    [10n, 3, 1, 3n],
    [10n, 3, 2, 6n],
    [10n, 3, 3, 10n],
    [1n, maxUint32, maxUint32 - 1, 0n],
    [maxUint96, 1, 1, maxUint96],
  ])('of %s wei for %i Wh, delivers %i Wh: %s wei', (amountWei, energyWh, delivered, paid) => {
    expect(paymentOf(wei(amountWei), wh(energyWh), wh(delivered))).toBe(paid)
  })

  it('pays no more than the amount for more than was committed', () => {
    expect(paymentOf(wei(10n), wh(3), wh(4))).toBe(10n)
    expect(paymentOf(maxUint96 as never, wh(3), wh(maxUint32))).toBe(maxUint96)
  })

  it('is the largest whole sum in proportion, and grows with the delivery', () => {
    const energy = fc.integer({ min: 1, max: maxUint32 })
    const amount = fc.bigInt({ min: 1n, max: maxUint96 })
    const delivery = fc.integer({ min: 0, max: maxUint32 })
    fc.assert(
      fc.property(amount, energy, delivery, (amountWei, energyWh, deliveredWh) => {
        const paid = paymentOf(wei(amountWei), wh(energyWh), wh(deliveredWh))
        const paidWh = BigInt(Math.min(deliveredWh, energyWh))
        expect(paid * BigInt(energyWh)).toBeLessThanOrEqual(amountWei * paidWh)
        expect((paid + 1n) * BigInt(energyWh)).toBeGreaterThan(amountWei * paidWh)
        const more = paymentOf(wei(amountWei), wh(energyWh), wh(deliveredWh + 1))
        expect(more).toBeGreaterThanOrEqual(paid)
        expect(more).toBeLessThanOrEqual(amountWei)
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})
