import { describe, expect, test } from 'vitest'
import { parseHouseholdsFile } from './householdsFile.ts'
import { profileLimits } from './profileLimits.ts'

const load = { file: 'x.csv', time: 'timestamp', column: 'electricity', unit: 'W' }
const pv = { file: 'y.csv', column: 'GG', unit: 'kWh', peakWatts: 4000 }
const read = (value: unknown) => parseHouseholdsFile(JSON.stringify(value))

describe('a households file', () => {
  test('names homes, their files, columns and units', () => {
    expect(read([{ name: 'a', load, pv }])).toEqual([
      { name: 'a', load, pv: { ...pv, time: 'timestamp', zone: undefined } },
    ])
  })

  test('gives pv the time and zone of the load', () => {
    const zoned = { ...load, time: 'Zeit', zone: 'Europe/Berlin' }
    const [home] = read([{ name: 'a', load: zoned, pv }])
    expect(home?.pv).toMatchObject({ time: 'Zeit', zone: 'Europe/Berlin' })
    const [other] = read([{ name: 'a', load: zoned, pv: { ...pv, time: 't', zone: 'Z' } }])
    expect(other?.pv).toMatchObject({ time: 't', zone: 'Z' })
  })

  test('may name a home that only produces, and start with a byte order mark', () => {
    const text = `\ufeff${JSON.stringify([{ name: 'a', pv }])}`
    expect(parseHouseholdsFile(text)[0]).not.toHaveProperty('load')
  })
})

test.each([
  ['no list', {}],
  ['an empty list', []],
  ['no name', [{ load }]],
  ['a name that is empty', [{ name: '', load }]],
  ['a name too long', [{ name: 'a'.repeat(65), load }]],
  ['a name with a line end', [{ name: 'a\nb', load }]],
  [
    'a name twice',
    [
      { name: 'a', load },
      { name: 'a', load },
    ],
  ],
  ['neither load nor pv', [{ name: 'a' }]],
  ['a field that is misspelt', [{ name: 'a', load: { ...load, zome: 'Z' } }]],
  ['no column', [{ name: 'a', load: { file: 'x.csv', unit: 'W' } }]],
  ['no unit', [{ name: 'a', load: { file: 'x.csv', column: 'v' } }]],
  ['pu without peak', [{ name: 'a', pv: { file: 'y.csv', column: 'v', unit: 'pu' } }]],
  ['a peak of 0', [{ name: 'a', pv: { ...pv, peakWatts: 0 } }]],
  ['a peak that is not whole', [{ name: 'a', pv: { ...pv, peakWatts: 0.5 } }]],
])('%s is refused', (_, value) => {
  expect(() => read(value)).toThrow(expect.objectContaining({ code: 'profile/households-file' }))
})

test('a message says where the file is wrong', () => {
  expect(() => read([{ name: 'a', load: { ...load, file: 7 } }])).toThrow('/0/load/file')
})

test('what is not JSON is refused', () => {
  expect(() => parseHouseholdsFile('[{')).toThrow(
    expect.objectContaining({ code: 'profile/households-file' }),
  )
})

test.each([
  ['an unknown unit', { name: 'a', load: { ...load, unit: 'MW' } }],
  ['a unit in other letters', { name: 'a', load: { ...load, unit: 'KWH' } }],
  ['a load per peak', { name: 'a', load: { ...load, unit: 'pu' } }],
])('%s is refused', (_, home) => {
  expect(() => read([home])).toThrow(expect.objectContaining({ code: 'profile/unit' }))
})

test('too many homes are refused', () => {
  const homes = Array.from({ length: profileLimits.households + 1 }, (_, i) => ({ name: `${i}` }))
  expect(() => read(homes)).toThrow(expect.objectContaining({ code: 'input/too-large' }))
})
