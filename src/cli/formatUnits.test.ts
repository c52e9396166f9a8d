import { describe, expect, it } from 'vitest'
import { parseAmount, parseEnergy } from '../protocol/parseText.ts'
import { formatAmount, formatEnergy, formatExactAmount, shortenHex } from './formatUnits.ts'

describe('formatAmount', () => {
  it.each([
    [0n, '0 ether'],
    [7n, '7 wei'],
    [999_999_999n, '999999999 wei'],
    [1_000_000_000n, '0.000000001 ether'],
    [300_000_000_000_000n, '0.0003 ether'],
    [300_000_000_000_001n, '~0.0003 ether'],
    [5n * 10n ** 18n, '5 ether'],
    [-(15n * 10n ** 17n), '-1.5 ether'],
    [2n ** 96n - 1n, '~79228162514.264337593 ether'],
  ])('of %s wei', (amountWei, text) => {
    expect(formatAmount(amountWei)).toBe(text)
  })
})

describe('formatExactAmount', () => {
  it.each([1n, 10n ** 9n, 10n ** 18n + 1n, 123_456_789n * 10n ** 9n])('can be typed: %s', (sum) => {
    expect(parseAmount(formatExactAmount(sum))).toBe(sum)
  })
})

describe('formatEnergy', () => {
  it.each([
    [0, '0 Wh'],
    [999, '999 Wh'],
    [1500, '1.5 kWh'],
    [10_000, '10 kWh'],
    [1_001, '1.001 kWh'],
  ])('of %s Wh', (energyWh, text) => {
    expect(formatEnergy(energyWh)).toBe(text)
    if (energyWh > 0) expect(parseEnergy(text)).toBe(energyWh)
  })
})

describe('shortenHex', () => {
  it('keeps both ends', () => {
    expect(shortenHex(`0x${'12'.repeat(19)}ab`)).toBe('0x121212…12ab')
    expect(shortenHex('0x1234')).toBe('0x1234')
  })
})
