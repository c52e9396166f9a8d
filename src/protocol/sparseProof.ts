import { type Bytes32, bytesToHex, hexToBytes, isHex } from './bytes.ts'
import { decodeHex, decodeList, decodeObject } from './decodeMessage.ts'
import { keccak256 } from './keccak.ts'

const leafPrefix = Uint8Array.of(0x00)
const nodePrefix = Uint8Array.of(0x01)
const keyBits = 256

/** A key of a sparse Merkle tree and the digest of what is under it. */
export type SparseLeaf = { key: Bytes32; digest: Bytes32 }

/**
 * Shows what a sparse Merkle tree holds under one key, or that it holds nothing.
 *
 * The tree over 32-byte keys, most significant bit first: an empty subtree hashes to 32 zero
 * bytes, one with a single leaf to that leaf's `keccak256(0x00 ‖ key ‖ digest)` at whatever depth,
 * any other to `keccak256(0x01 ‖ left ‖ right)`. So the root depends on the set alone.
 */
export type SparseProof = {
  /** Hashes beside the key's path, from its end up to the root; at most 256. */
  siblings: Bytes32[]
  /** The leaf of another key at which the path of an absent key ends; null otherwise. */
  neighbour: SparseLeaf | null
}

/** What a proof is to show: `digest` is under `key`, or with `null` that the key is absent. */
export type SparseClaim = {
  root: Bytes32
  key: Bytes32
  digest: Bytes32 | null
  proof: SparseProof
}

/**
 * True if the proof shows the claim. Never throws, whatever it is given.
 *
 * No root, however dishonestly it was made, can have proofs of two digests under one key or of a
 * key's presence and absence: the key alone says which way to turn at each level, and the prefixes
 * keep a node from posing as a leaf and the reverse. A zero hash has no known preimage, so nothing
 * can pose as an empty subtree.
 */
export function verifySparseProof(claim: SparseClaim): boolean {
  const { root, key, digest } = claim
  if (!isHex(root, 32) || !isHex(key, 32) || !(digest === null || isHex(digest, 32))) return false
  const proof = safeProof(claim.proof)
  if (proof === undefined) return false
  const path = hexToBytes(key)
  let hash = hashOfEnd(path, digest, proof)
  if (hash === undefined) return false
  let depth = proof.siblings.length
  for (const text of proof.siblings) {
    const sibling = hexToBytes(text)
    hash = bitAt(path, --depth)
      ? keccak256(nodePrefix, sibling, hash)
      : keccak256(nodePrefix, hash, sibling)
  }
  return bytesToHex(hash) === root.toLowerCase()
}

function safeProof(value: unknown): SparseProof | undefined {
  try {
    return decodeSparseProof(value)
  } catch {
    return undefined
  }
}

/** Hash at the end of a key's path; undefined where no honest proof ends so. */
function hashOfEnd(
  path: Uint8Array,
  digest: Bytes32 | null,
  { siblings, neighbour }: SparseProof,
): Uint8Array | undefined {
  if (digest !== null) {
    return neighbour === null ? hashSparseLeaf(path, hexToBytes(digest)) : undefined
  }
  if (neighbour === null) return new Uint8Array(32)
  const other = hexToBytes(neighbour.key)
  const shared = countSharedBits(path, other)
  if (shared === keyBits || shared < siblings.length) return undefined
  return hashSparseLeaf(other, hexToBytes(neighbour.digest))
}

/** Hash of a single leaf, of a 32-byte key and a 32-byte digest. */
export function hashSparseLeaf(key: Uint8Array, digest: Uint8Array): Uint8Array {
  return keccak256(leafPrefix, key, digest)
}

/** Bit `index` of a key, 0 being the most significant. */
function bitAt(key: Uint8Array, index: number): number {
  return (key[index >> 3]! >> (7 - (index & 7))) & 1
}

/** Number of leading bits, 0 to 256, that two 32-byte keys share. */
function countSharedBits(a: Uint8Array, b: Uint8Array): number {
  for (let at = 0; at < 32; at++) {
    const difference = a[at]! ^ b[at]!
    if (difference !== 0) return 8 * at + Math.clz32(difference) - 24
  }
  return keyBits
}

/** Parses a proof from JSON, whose shape is the type's. Throws `input/*`. */
export function decodeSparseProof(value: unknown): SparseProof {
  const { siblings, neighbour } = decodeObject(value, ['siblings', 'neighbour'], 'proof')
  return {
    siblings: decodeList(siblings, keyBits, 'siblings', (hash) => decodeHex(hash, 32, 'sibling')),
    neighbour: neighbour === null ? null : decodeSparseLeaf(neighbour),
  }
}

function decodeSparseLeaf(value: unknown): SparseLeaf {
  const { key, digest } = decodeObject(value, ['key', 'digest'], 'neighbour')
  return { key: decodeHex(key, 32, 'key'), digest: decodeHex(digest, 32, 'digest') }
}
