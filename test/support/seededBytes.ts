import { sha256 } from '@noble/hashes/sha2.js'
import type { RandomBytes } from '../../src/protocol/sealedBox.ts'

/** Bytes that look random, and are the same in every run. */
export function seededBytes(seed: string): RandomBytes {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = sha256(new TextEncoder().encode(`${seed} ${count++}`))
      bytes.set(block.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}
