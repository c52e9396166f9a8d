import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDecimals, decimalWh, floorWh, parseDecimal } from './decimalWh.ts'

describe('decimalWh', () => {
  it.each([
    ['0', 'Wh', 0],
    ['-0.0', 'kWh', 0],
    ['1234.567', 'kWh', 1_234_567],
    ['001234.567', 'kWh', 1_234_567],
    ['0.0019', 'kWh', 1],
    ['0.999999999999999999999999', 'Wh', 0],
    ['1.1', 'MWh', 1_100_000],
    ['.5', 'kWh', 500],
    ['7.', 'kWh', 7_000],
    ['+3', 'Wh', 3],
    ['1e3', 'Wh', 1_000],
    ['1e-7', 'kWh', 0],
    ['1.5E+2', 'kWh', 150_000],
    ['9007199254740991', 'Wh', Number.MAX_SAFE_INTEGER],
    ['9007199254740.991999', 'kWh', Number.MAX_SAFE_INTEGER],
  ] as const)('reads %s %s', (text, unit, energyWh) => {
    expect(decimalWh(text, unit)).toBe(energyWh)
  })

  it.each([
    '',
    '.',
    'e5',
    '-1',
    '-0.001',
    'NaN',
    'Infinity',
    '0x10',
    '1,5',
    '1 2',
    '1e100',
    '1e999',
    '9007199254740992',
    '9'.repeat(25),
    `0.${'1'.repeat(25)}`,
  ])('refuses %j', (text) => {
    expect(() => decimalWh(text, 'Wh')).toThrow(expect.objectContaining({ code: 'source/value' }))
  })

  it('takes each whole number of Wh, written in kWh, for itself', () => {
    fc.assert(
      fc.property(
        fc.maxSafeNat(),
        fc.string({ maxLength: 6, unit: fc.constantFrom('0', '9') }),
        (energyWh, more) => {
          const digits = String(energyWh).padStart(4, '0')
          const text = `${digits.slice(0, -3)}.${digits.slice(-3)}${more}`
          expect(decimalWh(text, 'kWh')).toBe(energyWh)
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  it('takes a JSON number of kWh with three digits for what was written', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e12 }), (energyWh) => {
        expect(decimalWh(String(energyWh / 1000), 'kWh')).toBe(energyWh)
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

describe('addDecimals', () => {
  it('adds exactly, and is rounded down once', () => {
    const sum = ['0.0004', '0.0005', '1e-4'].map(parseDecimal).reduce(addDecimals)
    expect(floorWh({ ...sum, exponent: sum.exponent + 3 })).toBe(1)
  })

  it('divides exactly', () => {
    expect(floorWh(parseDecimal('10799.9'), 3600n)).toBe(2)
    expect(floorWh(parseDecimal('1.08e4'), 3600n)).toBe(3)
  })
})
