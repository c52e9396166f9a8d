import { expect, test } from 'vitest'
import { nameHomes } from './homeNames.ts'

test('homes have short names that differ, the same first ones in any number', () => {
  const names = nameHomes(1000)
  expect(new Set(names).size).toBe(1000)
  expect(Math.max(...names.map((name) => name.length))).toBeLessThanOrEqual(12)
  expect(names.slice(0, 3)).toEqual(['Ash', 'Birch', 'Cedar'])
  expect(names[30]).toBe('Ash 2')
  expect(nameHomes(5)).toEqual(names.slice(0, 5))
})
