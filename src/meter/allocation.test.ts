import { describe, expect, it } from 'vitest'
import { allocate } from './allocation.ts'

describe('allocate', () => {
  it('serves the first first', () => {
    expect(allocate(5, [3, 3, 3])).toEqual([3, 2, 0])
  })

  it('keeps back what nobody wants', () => {
    expect(allocate(100, [3, 0, 3])).toEqual([3, 0, 3])
    expect(allocate(100, [])).toEqual([])
  })

  it('does not let anybody want less than nothing', () => {
    expect(() => allocate(1, [-1])).toThrow('Invariant broken')
  })
})
