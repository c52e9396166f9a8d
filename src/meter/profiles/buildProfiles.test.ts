import { describe, expect, test } from 'vitest'
import { buildProfiles } from './buildProfiles.ts'
import type { HouseholdSpec, SeriesSpec } from './householdSpec.ts'
import type { WindowChoice } from './marketWindow.ts'
import { profileLimits } from './profileLimits.ts'

const hour = 3600
const spec: SeriesSpec = { file: 'x.csv', time: 't', column: 'v', unit: 'W' }

function build(
  files: Record<string, string>,
  homes: HouseholdSpec[] = [{ name: 'a', load: spec }],
  choice: Partial<WindowChoice> = {},
) {
  const readText = (file: string) => files[file] ?? ''
  return buildProfiles(homes, readText, { stepSeconds: hour, days: 1, ...choice })
}

/** Eight hours of a load, one row an hour, with some rows changed. */
function table(change: (rows: string[]) => string[] = (rows) => rows): string {
  const rows = Array.from({ length: 8 }, (_, i) => `${i * hour},${100 + i}`)
  return ['t,v', ...change(rows)].join('\n')
}

const replace = (index: number, ...rows: string[]) =>
  table((all) => all.toSpliced(index, 1, ...rows))

describe('what is wrong in a file is counted and not traded', () => {
  const whole = [100, 101, 102, 103, 104, 105, 106, 107]
  const without = (...hours: number[]) => whole.map((wh, i) => (hours.includes(i) ? 0 : wh))

  test('nothing in a file that is right', () => {
    const { households, skippedRows, steps, startSeconds } = build({ 'x.csv': table() })
    expect({ steps, startSeconds, skippedRows }).toEqual({
      steps: 8,
      startSeconds: 0,
      skippedRows: [],
    })
    expect([...(households[0]?.loadWh ?? [])]).toEqual(whole)
    expect([...(households[0]?.hasReading ?? [])]).toEqual(Array(8).fill(1))
  })

  test.each([
    ['a gap', table((rows) => rows.toSpliced(2, 3)), without(2, 3, 4), [['gap', 3, 4]]],
    ['a negative value', replace(3, '10800,-5'), without(3), [['negative', 1, 5]]],
    ['an empty value', replace(3, '10800,'), without(3), [['empty-value', 1, 5]]],
    ['a word', replace(3, '10800,n/a'), without(3), [['not-a-number', 1, 5]]],
    ['NaN', replace(3, '10800,NaN'), without(3), [['not-finite', 1, 5]]],
    ['Infinity', replace(3, '10800,Infinity'), without(3), [['not-finite', 1, 5]]],
    ['an unbelievable value', replace(3, '10800,1e7'), without(3), [['too-large', 1, 5]]],
    [
      'a thousands mark',
      replace(3, '10800,1,234'),
      without(3),
      [
        ['wrong-cells', 1, 5],
        ['gap', 1, 6],
      ],
    ],
    [
      'an unreadable time',
      replace(3, 'soon,103'),
      without(3),
      [
        ['unreadable-time', 1, 5],
        ['gap', 1, 6],
      ],
    ],
    ['an empty line', replace(3, '10800,103', ''), whole, [['empty-line', 1, 6]]],
    ['the same row twice', replace(3, '10800,103', '10800,103'), whole, [['repeated', 1, 6]]],
    [
      'a row that contradicts',
      replace(3, '10800,103', '10800,9'),
      without(3),
      [['conflicting', 1, 6]],
    ],
    [
      'a bad row and a good one',
      replace(3, '10800,-1', '10800,9'),
      without(3),
      [
        ['negative', 1, 5],
        ['conflicting', 1, 6],
      ],
    ],
    [
      'rows that changed places',
      table(([a, b, c, d, ...more]) => [a!, b!, d!, c!, ...more]),
      without(3),
      [
        ['unordered', 1, 4],
        ['gap', 1, 6],
      ],
    ],
    [
      'a late row that contradicts',
      table((rows) => [...rows, '7200,9']),
      without(2),
      [['unordered', 1, 10]],
    ],
    [
      'a late row that agrees',
      table((rows) => [...rows, '7200,102']),
      whole,
      [['unordered', 1, 10]],
    ],
    ['a row between steps', replace(3, '10800,103', '10900,7'), whole, [['off-step', 1, 6]]],
  ])('%s', (_, text, loadWh, skipped) => {
    const { households, skippedRows } = build({ 'x.csv': text })
    expect([...(households[0]?.loadWh ?? [])]).toEqual(loadWh)
    const hasReading = loadWh.map((wh) => (wh === 0 ? 0 : 1))
    expect([...(households[0]?.hasReading ?? [])]).toEqual(hasReading)
    expect(skippedRows.map((row) => [row.reason, row.count, row.firstLine])).toEqual(
      expect.arrayContaining(skipped),
    )
    expect(skippedRows).toHaveLength(skipped.length)
  })

  test('a home whose load is unknown does not sell its whole production', () => {
    const plant = ['t,v', ...Array.from({ length: 8 }, (_, i) => `${i * hour},0.5`)].join('\n')
    const pv = { ...spec, file: 'y.csv', unit: 'pu' as const, peakWatts: 4000 }
    const files = { 'x.csv': replace(3, '10800,?'), 'y.csv': plant }
    const { households } = build(files, [{ name: 'a', load: spec, pv }])
    const pvWh = [2000, 2000, 2000, 0, 2000, 2000, 2000, 2000]
    expect([...(households[0]?.pvWh ?? [])]).toEqual(pvWh)
    expect(households[0]?.loadWh[3]).toBe(0)
  })
})

describe('changes of clock', () => {
  const zoned = [{ name: 'a', load: { ...spec, zone: 'Europe/Berlin' } }]
  const localDay = (date: string, hours: number[]) =>
    ['t,v', ...hours.map((h) => `${date} ${String(h).padStart(2, '0')}:00,500`)].join('\n')

  test('in spring the missing local hour is no gap', () => {
    const hours = Array.from({ length: 24 }, (_, i) => i).filter((h) => h !== 2)
    const set = build({ 'x.csv': localDay('2021-03-28', hours) }, zoned)
    expect(set.steps).toBe(23)
    expect(set.skippedRows).toEqual([])
    expect(set.startSeconds).toBe(Date.parse('2021-03-27T23:00:00Z') / 1000)
  })

  test('in spring a row of the missing hour is skipped', () => {
    const hours = Array.from({ length: 24 }, (_, i) => i)
    const set = build({ 'x.csv': localDay('2021-03-28', hours) }, zoned)
    expect(set.steps).toBe(23)
    expect(set.skippedRows).toEqual([
      { file: 'x.csv', reason: 'clock-change', count: 1, firstLine: 4 },
    ])
  })

  test('in autumn the two equal local hours are skipped, not guessed', () => {
    const hours = [0, 1, 2, 2, ...Array.from({ length: 21 }, (_, i) => i + 3)]
    const set = build({ 'x.csv': localDay('2021-10-31', hours) }, zoned)
    // A local day of 25 hours; its first 24.
    expect(set.steps).toBe(24)
    const hasReading = [1, 1, 0, 0, ...Array(20).fill(1)]
    expect([...(set.households[0]?.hasReading ?? [])]).toEqual(hasReading)
    expect(set.skippedRows).toEqual([
      { file: 'x.csv', reason: 'clock-change', count: 2, firstLine: 4 },
      { file: 'x.csv', reason: 'gap', count: 2, firstLine: 6 },
    ])
  })
})

describe('units', () => {
  test.each([
    ['W', 2000],
    ['kW', 2],
    ['Wh', 1000],
    ['kWh', 1],
    ['pu', 0.5],
  ] as const)('%s', (unit, value) => {
    const rows = Array.from({ length: 4 }, (_, i) => `${i * 1800},${value}`)
    const pv = { ...spec, unit, peakWatts: 4000 }
    const set = build({ 'x.csv': ['t,v', ...rows].join('\n') }, [{ name: 'a', pv }])
    expect([...(set.households[0]?.pvWh ?? [])]).toEqual([2000, 2000])
    expect([...(set.households[0]?.loadWh ?? [])]).toEqual([0, 0])
  })

  test('a plant that gives more than 1.5 times its peak is not believed', () => {
    const pv = { ...spec, unit: 'kW' as const, peakWatts: 4000 }
    const text = 't,v\n0,3\n3600,6.1\n7200,6\n'
    const { households, skippedRows } = build({ 'x.csv': text }, [{ name: 'a', pv }])
    expect([...(households[0]?.pvWh ?? [])]).toEqual([3000, 0, 6000])
    expect(skippedRows).toEqual([
      { file: 'x.csv', reason: 'too-large', count: 1, firstLine: 3, column: 'v' },
    ])
  })
})

test('a file with a column for each home is read once', () => {
  const text = 't,a,b\n0,1,10\n3600,2,-20\n7200,3,30\n'
  let reads = 0
  const homes = ['a', 'b'].map((name) => ({ name, load: { ...spec, column: name } }))
  const readText = () => {
    reads++
    return text
  }
  const set = buildProfiles(homes, readText, { stepSeconds: hour, days: 1 })
  expect(reads).toBe(1)
  expect(set.households.map((home) => [...home.loadWh])).toEqual([
    [1, 2, 3],
    [10, 0, 30],
  ])
  expect(set.skippedRows).toEqual([
    { file: 'x.csv', reason: 'negative', count: 1, firstLine: 3, column: 'b' },
  ])
})

test('homes with other steps share a market', () => {
  const fast = ['t,v', ...Array.from({ length: 12 }, (_, i) => `${i * 600},${i}`)].join('\n')
  const slow = 't,v\n0,7\n3600,8\n'
  const homes = ['x.csv', 'y.csv'].map((file) => ({ name: file, load: { ...spec, file } }))
  const set = build({ 'x.csv': fast, 'y.csv': slow }, homes, { stepSeconds: 900 })
  const sums = set.households.map((home) => home.loadWh.reduce((total, wh) => total + wh, 0))
  expect(set.steps).toBe(8)
  expect(sums).toEqual([11, 15])
  expect(set.description).toBe(
    '2 homes, 0 of them with PV, 8 steps of 15 min from 1970-01-01T00:00Z on',
  )
})

describe('refused', () => {
  test.each([
    ['profile/no-column', 'time,v\n0,1\n3600,2\n'],
    ['profile/no-column', 't,w\n0,1\n3600,2\n'],
    ['profile/no-column', 't,v,v\n0,1,1\n3600,2,2\n'],
    ['profile/no-rows', ''],
    ['profile/no-rows', 't,v\n'],
    ['profile/no-rows', 't,v\nx,1\ny,2\n'],
    ['profile/no-rows', 't,v\n0,-1\n3600,-2\n'],
    ['profile/irregular-step', 't,v\n0,1\n'],
    ['profile/irregular-step', 't,v\n0,1\n7,1\n20,1\n50,1\n'],
    ['profile/time', 't,v\n2021-02-14 00:00,1\n2021-02-14 01:00,1\n'],
  ])('%s: %j', (code, text) => {
    expect(() => build({ 'x.csv': text })).toThrow(expect.objectContaining({ code }))
  })

  test('a message says why no row is usable', () => {
    expect(() => build({ 'x.csv': 't,v\n1613343600000,1\n1613344500000,2\n' })).toThrow(
      'x.csv has no usable row: 2 × unreadable-time (first in line 2).',
    )
  })

  test('more readings than allowed', () => {
    const count = Math.floor(profileLimits.readings / 1_900_000) + 1
    const homes = Array.from({ length: count }, (_, i) => ({
      name: `${i}`,
      load: { ...spec, column: `c${i}` },
    }))
    const header = ['t', ...homes.map((home) => home.load.column)].join(',')
    const row = (seconds: number) => [seconds, ...homes.map(() => 1)].join(',')
    // Most rows a second apart, and a wide gap: large without being long.
    const text = [header, row(0), row(1), row(2), row(1_900_000)].join('\n')
    expect(() => build({ 'x.csv': text }, homes)).toThrow(
      expect.objectContaining({ code: 'input/too-large' }),
    )
  })
})
