import { describe, expect, it } from 'vitest'
import { parseAmount, parseDuration, parseEnergy } from './parseText.ts'
import { maxUint32, maxUint96 } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })

describe('parseAmount', () => {
  it.each([
    ['1', 10n ** 18n],
    ['0.05', 5n * 10n ** 16n],
    ['0.000000000000000001', 1n],
    ['1ether', 10n ** 18n],
    ['2 eth', 2n * 10n ** 18n],
    ['50gwei', 50n * 10n ** 9n],
    ['1.5gwei', 1_500_000_000n],
    ['7wei', 7n],
    ['7.0wei', 7n],
    ['007wei', 7n],
    [' 3 wei ', 3n],
    [`${maxUint96}wei`, maxUint96],
  ])('reads %j', (text, amountWei) => {
    expect(parseAmount(text)).toBe(amountWei)
  })

  it.each([
    ...['', ' ', '.', '.5', '1.', '-1', '+1', '1e18', '0x10', '1,5', '1 000', '1_000'],
    ...[
      '0',
      '0.0',
      '0wei',
      '0.5wei',
      '1.5wei',
      '1.0000000001gwei',
      '0.0000000001gwei',
      '0.0000000000000000001',
    ],
    ...['1 finney', '1ETH', '1Gwei', 'NaN', 'Infinity', '1wei wei', '1..2', '1.2.3'],
    ...['١', '１', '1\u0000', '1\nwei x', 'wei', '$1', '1'.repeat(31)],
    ...[`${maxUint96 + 1n}wei`, '79228162515'],
  ])('refuses %j', (text) => {
    expect(() => parseAmount(text)).toThrow(refusal('input/amount'))
  })
})

describe('parseEnergy', () => {
  it.each([
    ['1500', 1500],
    ['1500Wh', 1500],
    ['1500 wh', 1500],
    ['1.5kWh', 1500],
    ['1.5 KWH', 1500],
    ['1.5kwh', 1500],
    ['0.001kWh', 1],
    ['2MWh', 2_000_000],
    ['0.000001MWh', 1],
    ['1.0', 1],
    [String(maxUint32), maxUint32],
    ['4294.967295MWh', maxUint32],
  ])('reads %j', (text, energyWh) => {
    expect(parseEnergy(text)).toBe(energyWh)
  })

  it.each([
    ...[
      '',
      '0',
      '0kWh',
      '0.5',
      '0.5Wh',
      '0.0001kWh',
      '1.5',
      '1.0005kWh',
      '2.0000001MWh',
      '1.',
      '.5',
      '-1',
      '1e3',
      '1,5',
    ],
    ...['1W', '1kW', '1J', '1GWh', '1 k Wh', '1kWhx', '٣', 'kWh', '1.0000000MWh'],
    ...[String(maxUint32 + 1), '4294.967296MWh', '1'.repeat(13), '0x10', 'NaN'],
  ])('refuses %j', (text) => {
    expect(() => parseEnergy(text)).toThrow(refusal('input/energy'))
  })

  it('does not take milliwatt-hours for megawatt-hours', () => {
    expect(() => parseEnergy('5mWh')).toThrow(refusal('input/energy'))
    expect(() => parseEnergy('5mwh')).toThrow(refusal('input/energy'))
  })
})

describe('parseDuration', () => {
  it.each([
    ['90s', 90],
    ['15m', 900],
    ['2h', 7200],
    ['1d', 86_400],
    [' 2 h ', 7200],
    ['9999999d', 863_999_913_600],
  ])('reads %j', (text, durationSeconds) => {
    expect(parseDuration(text)).toBe(durationSeconds)
  })

  it.each([
    ...['', '0s', '0d', '90', '1.5h', '-1s', '1 week', '1H', '1M', 's', '1h30m', '1e3s'],
    ...['12345678s', '１s', '1ms', 'NaNs'],
  ])('refuses %j', (text) => {
    expect(() => parseDuration(text)).toThrow(refusal('input/duration'))
  })
})

describe('what a person typed', () => {
  it.each([
    ['amount', parseAmount],
    ['energy', parseEnergy],
    ['duration', parseDuration],
  ])('is quoted short in the refusal of an %s, however long', (_name, parse) => {
    const refused = (text: string) => {
      try {
        parse(text)
      } catch (error) {
        return (error as Error).message
      }
      throw new Error('It was not refused.')
    }
    expect(refused('x y')).toContain('“x y”')
    expect(refused(`1${' '.repeat(1_000_000)}x`).length).toBeLessThan(120)
  })
})
