import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { TimeQueue } from './timeQueue.ts'

describe('TimeQueue', () => {
  it('gives what is due, earliest first, and keeps the rest', () => {
    const queue = new TimeQueue<string>()
    queue.add(30, 'c')
    queue.add(10, 'a')
    queue.add(20, 'b')
    queue.add(10, 'A')
    expect([...queue.due(20)]).toEqual(['a', 'A', 'b'])
    queue.remove(10, 'A')
    queue.remove(10, 'A')
    queue.add(10, 'a')
    expect([...queue.due(29)]).toEqual(['a', 'b'])
    expect([...queue.due(30)]).toEqual(['a', 'b', 'c'])
    expect(queue.size).toBe(3)
  })

  it('agrees with a sorted list under any order of additions and removals', () => {
    const step = fc.tuple(fc.constantFrom('add', 'remove', 'look'), fc.nat(50), fc.nat(5))
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const queue = new TimeQueue<string>()
        let model: { time: number; item: string }[] = []
        for (const [kind, time, id] of steps) {
          const item = `${time}/${id}`
          const isHere = model.some((entry) => entry.item === item)
          if (kind === 'add' && !isHere) {
            queue.add(time, item)
            model.push({ time, item })
          } else if (kind === 'remove') {
            queue.remove(time, item)
            model = model.filter((entry) => entry.item !== item)
          } else if (kind === 'look') {
            const due = model.filter((entry) => entry.time <= time).map((entry) => entry.item)
            expect([...queue.due(time)].sort()).toEqual([...due].sort())
            const times = [...queue.due(time)].map((text) => Number(text.split('/')[0]))
            expect(times).toEqual([...times].sort((a, b) => a - b))
            expect(queue.size).toBe(model.length)
          }
        }
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
