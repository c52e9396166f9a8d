import { expect, it } from 'vitest'
import { makeRoom } from './makeRoom.ts'

it('forgets the oldest of a full map or set, and nothing of one with room', () => {
  const map = new Map([1, 2, 3].map((key) => [key, key]))
  makeRoom(map, 4)
  expect([...map.keys()]).toEqual([1, 2, 3])
  makeRoom(map, 3)
  expect([...map.keys()]).toEqual([2, 3])
  const set = new Set(['a'])
  makeRoom(set, 1)
  makeRoom(set, 0)
  expect(set.size).toBe(0)
})
