import { type Bytes32, type Hex, zeroBytes32 } from '../protocol/bytes.ts'
import type { TreePlace } from '../protocol/nodeMessages.ts'

/** Bits between a place and the subtrees whose hashes are told of it. */
const stepBits = 4
/** Bits of the deepest place that can be asked for: whatever shares so many is few. */
const deepestBits = 252

/** The whole tree. */
export const rootPlace: TreePlace = { prefix: '0x', bits: 0 }

/** The hash of a subtree without leaves. */
export const emptyHash: Bytes32 = zeroBytes32

/** True for a place at which one can ask: whole steps deep, and nothing beyond its bits. */
export function isPlace({ prefix, bits }: TreePlace): boolean {
  if (bits < 0 || bits > deepestBits || bits % stepBits !== 0) return false
  if (prefix.length !== 2 + 2 * Math.ceil(bits / 8)) return false
  return bits % 8 === 0 || prefix.endsWith('0')
}

/** The 16 places one step below a place. */
export function childPlaces({ prefix, bits }: TreePlace): TreePlace[] {
  const digits = prefix.slice(2, 2 + bits / stepBits)
  const filling = digits.length % 2 === 0 ? '0' : ''
  return Array.from({ length: 16 }, (_, child) => ({
    prefix: `0x${digits}${child.toString(16)}${filling}` satisfies Hex,
    bits: bits + stepBits,
  }))
}

/** True where an id lies below a place. */
export function isBelow({ prefix, bits }: TreePlace, id: Bytes32): boolean {
  return id.startsWith(prefix.slice(0, 2 + bits / stepBits))
}
