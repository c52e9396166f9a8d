import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Erc } from '../protocol/messages.ts'

/** Which one-time key: a leaf of a numbered tree. */
export type KeyReference = { readonly tree: number; readonly leaf: number }

/** All that a one-time key ever says, in one market and of one CTP. */
export type LeafStatement = { readonly market: Market } & (
  | { readonly name: 'MeterReady'; readonly message: { readonly ctpId: Bytes32 } }
  | { readonly name: 'Erc'; readonly message: Erc }
)

/**
 * The keys of a meter: derived from a seed in memory, or in a secure element that never lets them
 * out.
 *
 * Keys are fixed by tree number and leaf, so nothing but the numbers has to be stored. A one-time
 * key gets statements, not digests: an element can itself refuse to let one key speak of two CTPs
 * or take energy back, whatever the program outside asks of it.
 */
export type MeterSigner = {
  /** The address of the identity key, which the manufacturer's certificate names. */
  readonly identity: Address
  /** The addresses of a tree's `2 ** height` one-time keys in leaf order. */
  leafKeys(tree: number, height: number): Address[]
  /** Signs a 32-byte digest with the identity key; deterministic. */
  signAsIdentity(digest: Uint8Array): Signature
  /** Signs a statement's EIP-712 digest with a one-time key; deterministic. */
  signAsLeaf(key: KeyReference, statement: LeafStatement): Signature
}
