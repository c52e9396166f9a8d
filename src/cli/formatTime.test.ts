import { describe, expect, it } from 'vitest'
import { formatSpan, formatTime } from './formatTime.ts'

describe('formatSpan', () => {
  it.each([
    [0, '0 s'],
    [119, '119 s'],
    [120, '2 min'],
    [-840, '14 min'],
    [7_200, '2 h'],
    [172_800, '2 d'],
  ])('of %s s', (span, text) => {
    expect(formatSpan(span)).toBe(text)
  })
})

describe('formatTime', () => {
  const noon = new Date(2025, 5, 15, 12, 0, 0)
  const noonSeconds = noon.getTime() / 1000

  it('is local, and says how far away it is', () => {
    expect(formatTime(noonSeconds + 840, noon.getTime())).toBe('12:14:00 (in 14 min)')
    expect(formatTime(noonSeconds - 5, noon.getTime())).toBe('11:59:55 (5 s ago)')
    expect(formatTime(noonSeconds, noon.getTime() + 400)).toBe('12:00:00 (now)')
  })

  it('names another day', () => {
    const tomorrow = formatTime(noonSeconds + 86_400, noon.getTime())
    expect(tomorrow).toBe('2025-06-16 12:00:00 (in 24 h)')
  })
})
