import { describe, expect, test } from 'vitest'
import { checkMarketSize, checkWindowChoice, chooseMarketWindow } from './marketWindow.ts'
import type { StepSeries } from './stepSeries.ts'

const day = 86_400

function series(startSeconds: number, hours: number, empty: [number, number] = [0, 0]): StepSeries {
  const values = new Float64Array(hours).fill(1).fill(Number.NaN, ...empty)
  return { startSeconds, stepSeconds: 3600, unit: 'W', values }
}

describe('the window', () => {
  test('starts with the first whole day that all have', () => {
    const both = [series(day - 3600, 24 * 4), series(day + 7200, 24 * 4)]
    const window = { startSeconds: 2 * day, stepSeconds: 900 }
    const choose = (days: number | 'all') => chooseMarketWindow(both, { stepSeconds: 900, days })
    expect(choose(1)).toEqual({ ...window, steps: 96 })
    expect(choose(2)).toEqual({ ...window, steps: 192 })
    expect(choose('all')).toEqual({ ...window, steps: 192 })
  })

  test('starts with a day on which all have a reading', () => {
    const both = [series(0, 72), series(0, 72, [0, 24])]
    const window = chooseMarketWindow(both, { stepSeconds: 900, days: 'all' })
    expect(window).toEqual({ startSeconds: day, stepSeconds: 900, steps: 192 })
  })

  test('is what there is in files shorter than a day', () => {
    for (const days of [1, 'all'] as const) {
      const window = chooseMarketWindow([series(5400, 6)], { stepSeconds: 3600, days })
      expect(window).toEqual({ startSeconds: 7200, stepSeconds: 3600, steps: 5 })
    }
  })

  test('starts when it is told to', () => {
    const choice = { stepSeconds: 900, days: 1, startSeconds: 4500 }
    expect(chooseMarketWindow([series(3600, 72)], choice)).toEqual({
      startSeconds: 4500,
      stepSeconds: 900,
      steps: 96,
    })
  })
})

test.each([
  ['files of other times', [series(0, 24), series(day, 24)], {}],
  [
    'less than a market step in common',
    [series(0, 24), series(23 * 3600, 24)],
    { stepSeconds: day },
  ],
  ['a start before the files', [series(day, 24)], { startSeconds: 0 }],
  ['a start after the files', [series(0, 24)], { startSeconds: day }],
])('%s: no overlap', (_, all, choice) => {
  expect(() => chooseMarketWindow(all, { stepSeconds: 900, days: 1, ...choice })).toThrow(
    expect.objectContaining({ code: 'profile/no-overlap' }),
  )
})

test('more days than there are is refused', () => {
  expect(() => chooseMarketWindow([series(0, 48)], { stepSeconds: 900, days: 3 })).toThrow(
    expect.objectContaining({ code: 'input/option', meta: { days: 2 } }),
  )
})

test.each([
  { stepSeconds: 0 },
  { stepSeconds: 0.5 },
  { stepSeconds: 7_000 },
  { stepSeconds: 172_800 },
  { days: 0 },
  { days: 1.5 },
  { days: 36_601 },
  { startSeconds: 450 },
  { startSeconds: -900 },
  { startSeconds: Number.NaN },
])('%j is refused', (choice) => {
  expect(() => checkWindowChoice({ stepSeconds: 900, days: 1, ...choice })).toThrow(
    expect.objectContaining({ code: 'input/option' }),
  )
})

test('homes times steps are limited', () => {
  checkMarketSize(1000, 20_000)
  expect(() => checkMarketSize(1000, 20_001)).toThrow(
    expect.objectContaining({ code: 'input/too-large' }),
  )
})
