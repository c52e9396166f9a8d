import { expect, it } from 'vitest'
import { drawBelow } from './drawBelow.ts'

/** Gives these numbers, four bytes each. */
function script(...numbers: number[]) {
  const left = [...numbers]
  return (length: number) => {
    expect(length).toBe(4)
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setUint32(0, left.shift()!)
    return bytes
  }
}

it('draws each number below the bound alike: what would favour some is drawn anew', () => {
  expect(drawBelow(3, script(7))).toBe(1)
  // 2^32 - 1 is the one number beyond the last whole multiple of 3.
  expect(drawBelow(3, script(2 ** 32 - 2))).toBe(2)
  expect(drawBelow(3, script(2 ** 32 - 1, 4))).toBe(1)
  expect(drawBelow(1, script(2 ** 32 - 1))).toBe(0)
  expect(drawBelow(2 ** 32, script(2 ** 32 - 1))).toBe(2 ** 32 - 1)
})

it('needs a bound', () => {
  for (const bound of [0, -1, 1.5, 2 ** 33]) {
    expect(() => drawBelow(bound, script(0))).toThrow('Invariant broken')
  }
})
