import { describe, expect, it } from 'vitest'
import { seconds } from '../protocol/units.ts'
import { ReadingQueue, readingQueueLength } from './readingQueue.ts'

const readingAt = (second: number) => ({ timeSeconds: seconds(second), importWh: second })

function takeAll(queue: ReadingQueue): number[] {
  const taken: number[] = []
  for (;;) {
    const reading = queue.peek()
    if (reading === undefined) return taken
    taken.push(reading.importWh)
    queue.shift()
  }
}

describe('the queue of readings', () => {
  it('keeps the newest of 10,000 readings at once, and counts those that it drops', () => {
    const queue = new ReadingQueue()
    for (let second = 0; second < 10_000; second++) queue.push(readingAt(second))
    expect(queue.size).toBe(readingQueueLength)
    expect(queue.dropped).toBe(10_000 - readingQueueLength)
    const kept = takeAll(queue)
    expect([kept[0], kept.at(-1)]).toEqual([0, 9_999])
    // No gap is much longer than it must be, so that none is too long to be receipted.
    const gaps = kept.slice(1).map((second, at) => second - kept[at]!)
    expect(Math.max(...gaps)).toBeLessThan((3 * 10_000) / readingQueueLength)
  })

  it('drops the reading that is missed least, and never the newest', () => {
    const queue = new ReadingQueue(4)
    for (const second of [0, 10, 12, 20, 30]) queue.push(readingAt(second))
    expect(takeAll(queue)).toEqual([0, 10, 20, 30])
    const short = new ReadingQueue(1)
    for (const second of [1, 2, 3]) short.push(readingAt(second))
    expect(takeAll(short)).toEqual([3])
    expect(short.dropped).toBe(2)
  })

  it('gives readings in the order in which they came', () => {
    const queue = new ReadingQueue(3)
    for (const second of [7, 5, 6]) queue.push(readingAt(second))
    expect(takeAll(queue)).toEqual([7, 5, 6])
    expect(queue.dropped).toBe(0)
    expect(queue.peek()).toBeUndefined()
  })
})
