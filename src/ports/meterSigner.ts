import type { Address, Signature } from '../protocol/bytes.ts'

/** Which one-time key: a leaf of a numbered tree. */
export type KeyReference = { readonly tree: number; readonly leaf: number }

/**
 * The keys of a meter: a seed in memory, or later a secure element that never lets them out.
 *
 * Keys are fixed by tree number and leaf, so nothing but the numbers has to be stored.
 */
export type MeterSigner = {
  /** The address of the identity key, which the manufacturer's certificate names. */
  readonly identity: Address
  /** The addresses of a tree's `2 ** height` one-time keys in leaf order. */
  leafKeys(tree: number, height: number): Address[]
  /** Signs a 32-byte digest with the identity key; deterministic. */
  signAsIdentity(digest: Uint8Array): Signature
  /** Signs a 32-byte digest with a one-time key; deterministic. */
  signAsLeaf(key: KeyReference, digest: Uint8Array): Signature
}
