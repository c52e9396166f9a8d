import { keccak_256 } from '@noble/hashes/sha3.js'
import { createKeccak } from 'hash-wasm'

// WebAssembly is about seven times faster; a page whose policy forbids it still works.
const hasher = await createKeccak(256).catch(() => undefined)

/** True where keccak-256 runs in WebAssembly rather than in plain JavaScript. */
export const isKeccakFast = hasher !== undefined

/**
 * Ethereum's keccak-256 of the parts put together, as 32 fresh bytes.
 *
 * The original Keccak padding (Bertoni et al. 2011), not FIPS 202's SHA3-256.
 */
export function keccak256(...parts: readonly Uint8Array[]): Uint8Array {
  if (hasher !== undefined) {
    hasher.init()
    for (const part of parts) hasher.update(part)
    return hasher.digest('binary')
  }
  const state = keccak_256.create()
  for (const part of parts) state.update(part)
  return state.digest()
}
