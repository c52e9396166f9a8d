import { expect, it } from 'vitest'
import { trafficLimits } from './trafficLimits.ts'
import { TrafficPace } from './trafficPace.ts'

const { messagesPerSecond, bytesPerSecond } = trafficLimits

it('lets a burst through, then as many messages as the rate', () => {
  let nowMs = 0
  const pace = new TrafficPace(() => nowMs)
  for (let at = 0; at < 2 * messagesPerSecond; at += 1) expect(pace.take(10)).toBe(0)
  expect(pace.take(10)).toBe(Math.ceil(1_000 / messagesPerSecond))
  let taken = 0
  for (; nowMs < 10_000; nowMs += 100) while (pace.take(10) === 0) taken += 1
  // Each round's last one is paid for by the next.
  expect(taken).toBeLessThanOrEqual(10 * messagesPerSecond)
  expect(taken).toBeGreaterThan(9.9 * messagesPerSecond - 200)
})

it('counts bytes as well', () => {
  let nowMs = 0
  const pace = new TrafficPace(() => nowMs)
  expect(pace.take(2 * bytesPerSecond)).toBe(0)
  expect(pace.take(bytesPerSecond / 2)).toBe(500)
  nowMs = 500
  expect(pace.take(0)).toBe(0)
})

it('does not save up more than its burst, nor go by a clock that is set back', () => {
  let nowMs = 1_000_000
  const pace = new TrafficPace(() => nowMs)
  nowMs += 3_600_000
  expect(pace.take(3 * bytesPerSecond)).toBe(1_000)
  nowMs -= 7_200_000
  expect(pace.take(0)).toBe(1_000)
})
