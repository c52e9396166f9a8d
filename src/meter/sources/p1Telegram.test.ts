import { describe, expect, it } from 'vitest'
import { writeP1Telegram } from '../../simulator/devices/p1TelegramText.ts'
import { p1Crc } from './p1Crc.ts'
import { makeP1Telegram, p1Examples } from './p1Examples.cases.ts'
import { createP1Reader } from './p1Reader.ts'
import { parseP1Telegram } from './p1Telegram.ts'
import { parseP1Time } from './p1Time.ts'

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const parse = (text: string) => parseP1Telegram(bytesOf(text))
const refuses = (text: string, code: string) =>
  expect(() => parse(text)).toThrow(expect.objectContaining({ code }))
const register = '1-0:1.8.1(000001.000*kWh)'

describe('p1Crc', () => {
  it('is CRC-16/ARC, whose check value is BB3D', () => {
    expect(p1Crc(bytesOf('123456789'))).toBe('BB3D')
    expect(p1Crc(bytesOf(''))).toBe('0000')
  })
})

describe('parseP1Telegram', () => {
  it.each(p1Examples)('reads $name', ({ text, name: _, ...expected }) => {
    const { importRegisters: __, ...telegram } = parse(text)
    expect({ exportWh: undefined, timeSeconds: undefined, ...telegram }).toEqual(expected)
  })

  it('reads what the simulated meter writes, in winter and summer', () => {
    for (const day of ['2026-01-15', '2026-07-15', '2026-03-29', '2026-10-25']) {
      for (const hour of ['00', '01', '02']) {
        const timeSeconds = Date.parse(`${day}T${hour}:00:00Z`) / 1000
        const registers = { importWh: 999_999_998, exportWh: 7, timeSeconds }
        expect(parse(writeP1Telegram(registers, 'S-1'))).toMatchObject({
          ...registers,
          serial: 'S-1',
          isChecked: true,
        })
      }
    }
  })

  it.each(p1Examples)('accepts $name without CRC only where it is old', ({ text, isChecked }) => {
    const bare = text.replace(/!.*/, '!')
    if (isChecked) refuses(bare, 'source/bad-crc')
    else expect(parse(bare).isChecked).toBe(false)
  })

  it('refuses a wrong CRC, also one digit of it, and also of an old telegram', () => {
    const text = makeP1Telegram(register)
    refuses(text.replace('1.000', '1.001'), 'source/bad-crc')
    refuses(text.replace(/!(.)(.)/, '!$2$1'), 'source/bad-crc')
    refuses(text.replace(/!(..)..\r\n/, '!$1\r\n'), 'source/bad-crc')
    refuses(`${p1Examples[0]?.text.trimEnd()}0000`, 'source/bad-crc')
  })

  it('takes a CRC in small letters', () => {
    const text = makeP1Telegram(register)
    expect(parse(text.replace(/!.*/, (crc) => crc.toLowerCase())).isChecked).toBe(true)
  })

  it('takes a version below 40, and nothing else, for an old one', () => {
    const withVersion = (version: string) =>
      `/TST5TEST\r\n\r\n1-3:0.2.8(${version})\r\n${register}\r\n!\r\n`
    expect(parse(withVersion('30')).isChecked).toBe(false)
    for (const version of ['40', '42', '50', '', 'x', '030']) {
      refuses(withVersion(version), 'source/bad-crc')
    }
  })

  it.each([
    ['no end', `/TST5TEST\r\n\r\n${register}\r\n`],
    ['no name', `TST5TEST\r\n\r\n${register}\r\n!`],
    ['a name of other form', `/TST-TEST\r\n\r\n${register}\r\n!`],
    ['no register', makeP1Telegram('0-0:96.14.0(0001)')],
    ['only export', makeP1Telegram('1-0:2.8.1(000001.000*kWh)')],
    ['gas only', makeP1Telegram('0-1:24.2.1(140715080000S)(00021.900*m3)')],
    ['a register twice', makeP1Telegram(register, '1-0:1.8.1(000002.000*kWh)')],
    ['two times', makeP1Telegram(register, '0-0:1.0.0(200101000000W)', '0-0:1.0.0(200101000001W)')],
    ['a damaged line without CRC', `/TST5TEST\r\n\r\n${register}\r\n1-0:1.8.2(0000\r\n!`],
    ['noise without CRC', `/TST5TEST\r\n\r\n${register}\r\n\xff\x00\r\n!`],
  ])('refuses a telegram with %s', (_, text) => refuses(text, 'source/telegram'))

  it.each([
    '(-00001.000*kWh)',
    '(------.---*kWh)',
    '(*kWh)',
    '()',
    '(000001.000)',
    '(000001.000*kVAh)',
    '(000001.000*KWH)',
    '(000001.000*kWh)(000001.000*kWh)',
    '(9999999999999999*kWh)',
    '(1e99*kWh)',
    '(00000A.000*kWh)',
  ])('refuses the value %s', (value) => {
    refuses(makeP1Telegram(`1-0:1.8.1${value}`), 'source/value')
    refuses(makeP1Telegram(register, `1-0:2.8.1${value}`), 'source/value')
  })

  it('takes a register that is repeated as it is once', () => {
    expect(parse(makeP1Telegram(register, register)).importWh).toBe(1000)
  })

  it('takes the register of all tariffs instead of their sum, and up to four tariffs', () => {
    const tariffs = [1, 2, 3, 4].map((tariff) => `1-0:1.8.${tariff}(000001.000*kWh)`)
    expect(parse(makeP1Telegram(...tariffs)).importWh).toBe(4000)
    const total = '1-0:1.8.0(000009.999*kWh)'
    const telegram = parse(makeP1Telegram(...tariffs, total))
    expect(telegram).toMatchObject({ importWh: 9999, importRegisters: '1.8.0' })
  })

  it('does not take the register of a past billing period for the present one', () => {
    const telegram = parse(makeP1Telegram('1-0:1.8.1*01(000009.000*kWh)', register))
    expect(telegram.importWh).toBe(1000)
    refuses(makeP1Telegram('1-0:1.8.1*01(000009.000*kWh)'), 'source/telegram')
  })

  it('rounds down once, after adding up', () => {
    const lines = ['1-0:1.8.1(0.0005*kWh)', '1-0:1.8.2(0.0005*kWh)']
    expect(parse(makeP1Telegram(...lines)).importWh).toBe(1)
  })

  it('keeps a serial number as it is where it is not hexadecimal text', () => {
    const serialOf = (value: string) =>
      parse(makeP1Telegram(register, `0-0:96.1.1(${value})`)).serial
    expect(serialOf('4142')).toBe('AB')
    expect(serialOf('00FF')).toBe('00FF')
    expect(serialOf('123')).toBe('123')
    expect(serialOf('')).toBeUndefined()
    expect(serialOf('x'.repeat(97))).toBeUndefined()
  })

  it('takes other meters’ serial numbers and registers for theirs', () => {
    const telegram = parse(makeP1Telegram(register, '0-1:96.1.1(4142)', '1-1:1.8.1(5*kWh)'))
    expect(telegram).toEqual({ importWh: 1000, importRegisters: '1.8.1', isChecked: true })
  })
})

describe('parseP1Time', () => {
  it('knows summer and winter time', () => {
    expect(parseP1Time('700101010000W')).toBe(Date.parse('2070-01-01T00:00:00Z') / 1000)
    expect(parseP1Time('240229120000S')).toBe(Date.parse('2024-02-29T10:00:00Z') / 1000)
  })

  it.each([
    '230229120000S',
    '240001120000S',
    '241301120000S',
    '240100120000S',
    '240431120000S',
    '240101240000W',
    '240101126000W',
    '240101120060W',
    '240101120000',
    '240101120000X',
    '20240101120000W',
    '',
  ])('refuses %s', (text) => {
    expect(() => parseP1Time(text)).toThrow(expect.objectContaining({ code: 'source/time' }))
    refuses(makeP1Telegram(register, `0-0:1.0.0(${text})`), 'source/time')
  })
})

describe('createP1Reader', () => {
  it('gives telegrams without time that of their arrival, in whole seconds', () => {
    const reader = createP1Reader(() => 5_999)
    const [old] = p1Examples
    expect(reader.read(bytesOf(old?.text ?? ''))).toEqual({
      timeSeconds: 5,
      importWh: old?.importWh,
      exportWh: old?.exportWh,
      serial: old?.serial,
    })
  })

  it('refuses a sum over other registers than before, unless the meter is another', () => {
    const reader = createP1Reader(() => 0)
    const both = [register, '1-0:1.8.2(000002.000*kWh)']
    const read = (...lines: string[]) => reader.read(bytesOf(makeP1Telegram(...lines))).importWh
    expect(read(...both)).toBe(3000)
    expect(() => read(register)).toThrow(expect.objectContaining({ code: 'source/telegram' }))
    expect(read(...both)).toBe(3000)
    expect(read(register, '0-0:96.1.1(4142)')).toBe(1000)
  })
})
