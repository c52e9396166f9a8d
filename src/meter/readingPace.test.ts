import { describe, expect, it } from 'vitest'
import type { MeterReading } from '../ports/meterReading.ts'
import { seconds } from '../protocol/units.ts'
import { ReadingPace } from './readingPace.ts'

const at = (second: number, importWh = 1000 + second, serial?: string): MeterReading => ({
  ...{ timeSeconds: seconds(second), importWh },
  ...(serial === undefined ? {} : { serial }),
})

/** The times of what is taken of readings that come one after the other. */
function take(pace: ReadingPace, readings: readonly MeterReading[], ends: readonly number[] = []) {
  const deadlines = () => ends.map((end) => seconds(end))
  return readings.flatMap((reading) => {
    const admitted = pace.admit(reading, reading.timeSeconds * 1000, deadlines)
    return admitted.map(({ timeSeconds }) => timeSeconds as number)
  })
}

const everySecond = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => at(from + index))

describe('the pace of readings', () => {
  it('takes one of ten that are a second apart', () => {
    expect(take(new ReadingPace(10), everySecond(100, 130))).toEqual([100, 110, 120, 130])
  })

  it('takes all that are far enough apart, and all where no pace is wanted', () => {
    const quarterHours = [0, 900, 1800].map((second) => at(second))
    expect(take(new ReadingPace(10), quarterHours)).toEqual([0, 900, 1800])
    expect(take(new ReadingPace(0), everySecond(1, 3))).toEqual([1, 2, 3])
  })

  it('never leaves out the last reading up to a deadline', () => {
    const taken = take(new ReadingPace(10), everySecond(100, 112), [105])
    expect(taken).toEqual([100, 105, 106])
    // The deadline itself still counts; one that is far away changes nothing.
    expect(take(new ReadingPace(10), everySecond(100, 109), [104, 500])).toContain(104)
  })

  it.each([
    ['a lower register', at(104, 50)],
    ['another meter', at(104, 2000, 'other')],
    ['an earlier time', at(101)],
    ['the same time', at(103, 1003)],
  ])('takes what is odd at once, and what was held before it: %s', (_, odd) => {
    const taken = take(new ReadingPace(10), [at(100), at(102), at(103), odd])
    expect(taken).toEqual([100, 103, odd.timeSeconds])
  })

  it('gives back what it holds after a while, and at the end', () => {
    const pace = new ReadingPace(10)
    take(pace, [at(100), at(103), at(104)])
    expect(pace.release(112_999)).toBeUndefined()
    expect(pace.release(113_000)).toEqual(at(104))
    expect(pace.release()).toBeUndefined()
    take(pace, [at(105)])
    expect(pace.release()).toEqual(at(105))
  })
})
