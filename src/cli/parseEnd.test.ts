import { describe, expect, it } from 'vitest'
import { formatEnd, formatUtc } from './formatEnd.ts'
import { parseEnd } from './parseEnd.ts'

const refusal = (code: string) => expect.objectContaining({ code })
/** 15 June 2025, 15:06:40 UTC. */
const now = 1_750_000_000

describe('parseEnd', () => {
  it.each([
    ['2025-06-15', '2025-06-15 23:59:59 UTC'],
    [' 2035-12-31 ', '2035-12-31 23:59:59 UTC'],
    ['2035-12-31T12:00', '2035-12-31 12:00:00 UTC'],
    ['2035-12-31T12:00:01Z', '2035-12-31 12:00:01 UTC'],
    ['2035-12-31T12:00+02:00', '2035-12-31 10:00:00 UTC'],
    ['1750000000', '2025-06-15 15:06:40 UTC'],
    ['90s', '2025-06-15 15:08:10 UTC'],
    ['1d', '2025-06-16 15:06:40 UTC'],
  ])('takes %s', (text, end) => {
    expect(formatUtc(parseEnd(text, now))).toBe(end)
  })

  it.each([
    ...['', 'soon', 'never', '2035', '20351231', '2035-02-30', '2035-12-31T25:00'],
    ...['31.12.2035', '2100-01-01', '-1d', '1y', '9'.repeat(1000)],
  ])('refuses “%s”', (text) => {
    expect(() => parseEnd(text, now)).toThrow(refusal('input/time'))
  })

  it('refuses spans of no length, and those beyond what a message holds', () => {
    expect(() => parseEnd('0d', now)).toThrow(refusal('input/duration'))
    expect(parseEnd('9999999d', now)).toBeLessThan(2 ** 40)
    expect(() => parseEnd('9999999d', 2 ** 40 - 2)).toThrow(refusal('input/time'))
  })
})

describe('formatEnd', () => {
  it('says how far an end is, and where there is none', () => {
    expect(formatEnd(2 ** 40 - 1, now * 1000)).toBe('without end')
    expect(formatEnd(now + 3 * 86_400, now * 1000)).toMatch(/^until 2025-06-18 .* \(in 3 d\)$/)
  })
})
