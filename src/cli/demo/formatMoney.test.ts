import { describe, expect, it } from 'vitest'
import { formatCount, formatEther, formatEtherColumn, formatKwhColumn } from './formatMoney.ts'
import { wrapText } from './wrapText.ts'

describe('money and energy for a person', () => {
  it.each([
    [0n, '0'],
    [1n, '0.000000000000000001'],
    [123_456_749_999_999n, '0.000123457'],
    [150_000_000_000_000n, '0.00015'],
    [999_999_500_000_000_000n, '1'],
    [12_500_000_000_000_000_000n, '12.5'],
    [10_000_000_000_000_000_000n, '10'],
    [1_234_567_800_000_000_000_000_000n, '1234568'],
    [-20_000_000_000_000_000n, '-0.02'],
  ])('writes %d wei as %s ether', (amountWei, text) => {
    expect(formatEther(amountWei)).toBe(text)
  })

  it('writes columns with fixed decimals, rounded half up', () => {
    expect(formatEtherColumn(5_000_000_000n)).toBe('0.00000001')
    expect(formatEtherColumn(4_999_999_999n)).toBe('0.00000000')
    expect(formatEtherColumn(1_000_000_000_000_000_000n, 3)).toBe('1.000')
    expect(formatKwhColumn(1_234_567)).toBe('1234.567')
    expect(formatKwhColumn(7)).toBe('0.007')
    expect(formatCount(1_234_567n)).toBe('1,234,567')
  })

  it('breaks text between words', () => {
    expect(wrapText('one two three', 7)).toEqual(['one two', 'three'])
    expect(wrapText('unbreakable a', 4)).toEqual(['unbreakable', 'a'])
    expect(wrapText('', 10)).toEqual([''])
  })
})
