import { describe, expect, test } from 'vitest'
import { createTimeParser } from './timeParser.ts'

const at = (iso: string) => Date.parse(iso) / 1000

describe('times with a zone of their own', () => {
  test.each([
    ['1613343600', '2021-02-14T23:00:00Z'],
    ['1613343600.0', '2021-02-14T23:00:00Z'],
    ['0', '1970-01-01T00:00:00Z'],
    ['2021-02-14T23:00:00Z', '2021-02-14T23:00:00Z'],
    ['2021-02-14T23:00:00.000Z', '2021-02-14T23:00:00Z'],
    ['2021-02-15 00:00+01:00', '2021-02-14T23:00:00Z'],
    ['2021-02-15 00:00:00 +0100', '2021-02-14T23:00:00Z'],
    ['2021-02-14T18:30-04:30', '2021-02-14T23:00:00Z'],
    ['2021-02-15T00+01', undefined],
  ])('%s', (cell, iso) => {
    // A declared zone must not matter.
    for (const parse of [createTimeParser(), createTimeParser('Asia/Tokyo')]) {
      expect(parse(cell)).toBe(iso === undefined ? 'unreadable-time' : at(iso))
    }
  })
})

test.each([
  '',
  'x',
  '-5',
  '1613343600.5',
  '1613343600000',
  '20210214',
  '2021-02-30T00:00:00Z',
  '2021-13-01T00:00:00Z',
  '2021-02-14T24:00:00Z',
  '2021-02-14T23:60:00Z',
  '2021-02-14T23:00:00.5Z',
  '2021-02-14T23:00:00+99:00',
  '0070-01-01T00:00:00Z',
  '2100-01-01T00:00:00Z',
  '14.02.2021 23:00',
])('%j is no time', (cell) => {
  expect(createTimeParser('UTC')(cell)).toBe('unreadable-time')
})

describe('times in a declared zone', () => {
  test.each([
    ['Europe/Berlin', '2021-02-15 00:00', '2021-02-14T23:00:00Z'],
    ['Europe/Berlin', '2021-07-15', '2021-07-14T22:00:00Z'],
    ['Europe/Berlin', '2021-03-28 01:45', '2021-03-28T00:45:00Z'],
    ['Europe/Berlin', '2021-03-28 03:00', '2021-03-28T01:00:00Z'],
    ['Europe/Berlin', '2021-10-31 01:59', '2021-10-30T23:59:00Z'],
    ['Europe/Berlin', '2021-10-31 03:00', '2021-10-31T02:00:00Z'],
    ['Australia/Lord_Howe', '2021-04-04 12:00', '2021-04-04T01:30:00Z'],
    ['+05:45', '2021-02-15 05:45', '2021-02-15T00:00:00Z'],
    ['Z', '2021-02-15 05:45', '2021-02-15T05:45:00Z'],
  ])('%s %s', (zone, cell, iso) => {
    expect(createTimeParser(zone)(cell)).toBe(at(iso))
  })

  test.each([
    ['skipped in spring', '2021-03-28 02:00'],
    ['skipped in spring, last minute', '2021-03-28 02:59'],
    ['repeated in autumn', '2021-10-31 02:00'],
    ['repeated in autumn, last minute', '2021-10-31 02:59'],
  ])('a local time %s is refused, not guessed', (_, cell) => {
    expect(createTimeParser('Europe/Berlin')(cell)).toBe('clock-change')
    expect(createTimeParser('+01:00')(cell)).toBeTypeOf('number')
  })
})

test('a time without zone is refused where none is declared', () => {
  expect(createTimeParser()('2021-02-15 00:00')).toBe('no-zone')
})

test.each(['Europe/Atlantis', '+1', ''])('the zone %j is not known', (zone) => {
  expect(() => createTimeParser(zone)).toThrow(expect.objectContaining({ code: 'profile/time' }))
})
