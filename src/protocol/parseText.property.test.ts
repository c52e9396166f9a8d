import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseAmount, parseDuration, parseEnergy } from './parseText.ts'
import { SpbError } from './spbError.ts'
import { maxUint32, maxUint40, maxUint96 } from './units.ts'

const typed = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .array(fc.constantFrom(...'0123456789.,-+eExX \tnwgkMWhsmd'), { maxLength: 12 })
    .map((letters) => letters.join('')),
  fc
    .tuple(
      fc.stringMatching(/^\d{1,34}(\.\d{0,20})?$/),
      fc.constantFrom('', ' ', '\n'),
      fc.constantFrom('', 'ether', 'eth', 'gwei', 'wei', 'Wh', 'kWh', 'MWh', 's', 'm', 'h', 'd'),
    )
    .map((parts) => parts.join('')),
)

describe.each([
  ['amount', parseAmount, maxUint96],
  ['energy', parseEnergy, BigInt(maxUint32)],
  ['duration', parseDuration, BigInt(maxUint40)],
] as const)('what a person types as %s', (name, parse, most) => {
  it('is a positive number within bounds, or refused', () => {
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(typed, (text) => {
        try {
          const value = BigInt(parse(text))
          expect(value > 0n && value <= most).toBe(true)
          outcomes.add('accepted')
        } catch (error) {
          if (!(error instanceof SpbError)) throw error
          outcomes.add(error.code)
        }
      }),
      { seed: 1, numRuns: 3000 },
    )
    expect(outcomes).toEqual(new Set(['accepted', `input/${name}`]))
  })
})

describe('parseAmount', () => {
  it('reads every sum, in every unit, to the wei', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: maxUint96 }), (amountWei) => {
        const digits = amountWei.toString().padStart(19, '0')
        const split = (decimals: number) =>
          `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
        expect(parseAmount(`${amountWei}wei`)).toBe(amountWei)
        expect(parseAmount(`${split(9)}gwei`)).toBe(amountWei)
        expect(parseAmount(split(18))).toBe(amountWei)
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})

describe('parseEnergy', () => {
  it('reads every energy, in every unit, to the Wh', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: maxUint32 }), (energyWh) => {
        const digits = String(energyWh).padStart(7, '0')
        const split = (decimals: number) =>
          `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`
        expect(parseEnergy(`${energyWh}`)).toBe(energyWh)
        expect(parseEnergy(`${split(3)}kWh`)).toBe(energyWh)
        expect(parseEnergy(`${split(6)} MWh`)).toBe(energyWh)
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})
