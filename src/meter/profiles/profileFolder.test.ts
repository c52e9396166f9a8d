import { expect, test } from 'vitest'
import { planFolder } from './profileFolder.ts'
import { profileLimits } from './profileLimits.ts'

const columns = { time: 'timestamp', column: 'electricity' }

test('homes come in order of name; the 2nd, 4th and 5th of five have a plant', () => {
  const homes = planFolder([
    'pv_2_pu.csv',
    'hh_10000_0.csv',
    'hh_2000_0.csv',
    'hh_2000_10.csv',
    'hh_2000_9.csv',
    'hh_attic.csv',
    'pv_1_pu.csv',
    'README.md',
    'hh_2000_1.csv.bak',
    'xhh_1_1.csv',
  ])
  expect(homes.map(({ name, pv }) => [name, pv?.file, pv?.peakWatts])).toEqual([
    ['hh_2000_0', undefined, undefined],
    ['hh_2000_9', 'pv_1_pu.csv', 3000],
    ['hh_2000_10', undefined, undefined],
    ['hh_10000_0', 'pv_2_pu.csv', 10_000],
    ['hh_attic', 'pv_1_pu.csv', 4000],
  ])
  expect(homes[0]?.load).toEqual({ file: 'hh_2000_0.csv', ...columns, unit: 'W' })
  expect(homes[1]?.pv).toMatchObject({ ...columns, unit: 'pu' })
})

test('without plants there are homes without plants', () => {
  expect(planFolder(['hh_1_1.csv', 'hh_2_1.csv']).every((home) => home.pv === undefined)).toBe(true)
})

test('a folder without homes is refused', () => {
  expect(() => planFolder(['pv_1_pu.csv'])).toThrow(
    expect.objectContaining({ code: 'profile/no-files' }),
  )
})

test('too many homes are refused', () => {
  const names = Array.from({ length: profileLimits.households + 1 }, (_, i) => `hh_2000_${i}.csv`)
  expect(() => planFolder(names)).toThrow(expect.objectContaining({ code: 'input/too-large' }))
})
