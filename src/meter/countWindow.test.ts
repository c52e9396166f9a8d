import { expect, it } from 'vitest'
import { CountWindow } from './countWindow.ts'

it('counts each name by itself, until the window is over', () => {
  const window = new CountWindow(2, 1000)
  for (const name of ['a', 'a', 'b']) {
    expect(window.hasRoom(name, 0)).toBe(true)
    window.add(name, 0)
  }
  expect(window.hasRoom('a', 999)).toBe(false)
  expect(window.hasRoom('b', 999)).toBe(true)
  expect(window.hasRoom('a', 1000)).toBe(true)
})

it('is not stopped by a clock that is set back', () => {
  const window = new CountWindow(1, 1000)
  window.add('a', 50_000)
  expect(window.hasRoom('a', 50_500)).toBe(false)
  expect(window.hasRoom('a', 10_000)).toBe(true)
})
