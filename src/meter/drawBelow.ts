import type { RandomBytes } from '../protocol/sealedBox.ts'
import { assert } from '../protocol/spbError.ts'

/** A uniform whole number from 0 to less than `bound`, which is 1 to 2^32. */
export function drawBelow(bound: number, randomBytes: RandomBytes): number {
  assert(Number.isInteger(bound) && bound >= 1 && bound <= 2 ** 32, 'a draw has a bound')
  // Numbers beyond the last whole multiple would favour the first ones.
  const end = 2 ** 32 - (2 ** 32 % bound)
  for (;;) {
    const bytes = randomBytes(4)
    const number = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
    if (number < end) return number % bound
  }
}
