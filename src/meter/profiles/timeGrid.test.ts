import { describe, expect, test } from 'vitest'
import { profileLimits } from './profileLimits.ts'
import { createSkipLog } from './skipLog.ts'
import { findTimeGrid } from './timeGrid.ts'

function find(times: number[]) {
  const log = createSkipLog()
  const lines = times.map((_, row) => row + 2)
  const readings = { file: 'x.csv', times, lines, values: new Map() }
  const { startSeconds, stepSeconds, steps, slots } = findTimeGrid(readings, log)
  const skipped = log.list().map(({ reason, count, firstLine }) => [reason, count, firstLine])
  return { startSeconds, stepSeconds, steps, slots: [...slots], skipped }
}

describe('steps are found', () => {
  test.each([1, 7, 60, 900, 3600, 86_400, 604_800])('of %i s', (stepSeconds) => {
    const times = [3, 4, 5, 6].map((step) => 1000 + step * stepSeconds)
    expect(find(times)).toEqual({
      startSeconds: 1000 + 3 * stepSeconds,
      stepSeconds,
      steps: 4,
      slots: [0, 1, 2, 3],
      skipped: [],
    })
  })

  test('in a file that is newest first', () => {
    const found = find([2700, 1800, 900, 0])
    expect(found).toMatchObject({ startSeconds: 0, steps: 4, slots: [3, 2, 1, 0], skipped: [] })
  })

  test('with a gap', () => {
    const found = find([0, 900, 3600, 4500])
    expect(found).toMatchObject({ steps: 6, slots: [0, 1, 4, 5], skipped: [['gap', 2, 4]] })
  })

  test('with a row between steps', () => {
    const found = find([0, 900, 1000, 1800, 2700, 3600])
    expect(found.slots).toEqual([0, 1, -1, 2, 3, 4])
    expect(found.skipped).toEqual([['off-step', 1, 4]])
  })

  test('with a row out of order, which leaves a gap', () => {
    const found = find([0, 900, 2700, 1800, 3600, 4500])
    expect(found.steps).toBe(6)
    expect(found.skipped).toEqual([
      ['unordered', 1, 4],
      ['gap', 1, 6],
    ])
  })

  test('one wrong time in the future spoils itself alone', () => {
    const found = find([0, 900, 9_000_000, 2700, 3600, 4500])
    expect(found).toMatchObject({
      steps: 6,
      skipped: [
        ['unordered', 1, 4],
        ['gap', 1, 5],
      ],
    })
  })

  test('with a part that is repeated', () => {
    const found = find([0, 900, 1800, 2700, 0, 900, 1800, 2700, 3600])
    expect(found.steps).toBe(5)
    // 0 may stand twice: that is a repeated row, not a disorder.
    expect(found.skipped).toEqual([['unordered', 3, 3]])
  })
})

test.each([
  ['a single time', [900]],
  ['a single time twice', [900, 900]],
  ['no distance more frequent than others', [0, 7, 20, 41, 73]],
  ['more steps than allowed', [0, 1, 2, 3, profileLimits.stepsPerFile]],
])('%s has no regular step', (_, times) => {
  expect(() => find(times)).toThrow(expect.objectContaining({ code: 'profile/irregular-step' }))
})

test('no row is refused', () => {
  expect(() => find([])).toThrow(expect.objectContaining({ code: 'profile/no-rows' }))
})
