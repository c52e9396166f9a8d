import { describe, expect, it } from 'vitest'
import { VirtualTime } from './virtualTime.ts'

describe('virtual time', () => {
  it('runs tasks by time, then order, and what promises they settle before the next', async () => {
    const time = new VirtualTime(1_000)
    const seen: string[] = []
    time.schedule(5, () => void seen.push(`c ${time.nowMs()}`))
    time.schedule(0, () => {
      seen.push('a')
      void Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => seen.push('a, later'))
    })
    time.schedule(0, () => void seen.push('b'))
    time.schedule(50, () => void seen.push('too late'))
    await time.runUntil(1_010)
    expect(seen).toEqual(['a', 'a, later', 'b', 'c 1005'])
    expect(time.nowMs()).toBe(1_010)
  })

  it('keeps many tasks in order', async () => {
    const time = new VirtualTime(0)
    const seen: number[] = []
    for (let at = 0; at < 200; at++) {
      const delayMs = (at * 7919) % 101
      time.schedule(delayMs, () => void seen.push(time.nowMs() * 1_000 + at))
    }
    await time.runUntil(1_000)
    expect(seen).toHaveLength(200)
    expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  })

  it('does not run the tasks of the dead, nor those that were stopped', async () => {
    const time = new VirtualTime(0)
    let isAlive = true
    const seen: string[] = []
    const mortal = time.schedulerOf(() => isAlive)
    mortal.every(10, () => void seen.push('mortal'))
    const stop = time.schedulerOf(() => true).every(10, () => void seen.push('stopped'))
    time.schedule(15, () => {
      isAlive = false
      stop()
    })
    await time.runUntil(100)
    expect(seen).toEqual(['mortal', 'stopped'])
  })
})
