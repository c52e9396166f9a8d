import { keccak256 } from '../../protocol/keccak.ts'

const text = new TextEncoder()

/**
 * A private key of 32 bytes that depends on the seed and a name alone, so that a demonstration
 * has the same addresses each time. Everybody can compute it: never for real money.
 */
export function deriveDemoKey(seed: number, name: string): Uint8Array {
  return keccak256(text.encode(`SPB demo ${seed} ${name}`))
}
