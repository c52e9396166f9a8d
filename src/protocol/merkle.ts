import { type Bytes32, bytesToHex, type Hex, hexToBytes } from './bytes.ts'
import { keccak256 } from './keccak.ts'
import { assert } from './spbError.ts'

const leafPrefix = Uint8Array.of(0x00)
const nodePrefix = Uint8Array.of(0x01)
const zeroHash = new Uint8Array(32)

/** A leaf's place in a tree and the sibling hashes from the leaf up to the root. */
export type MerklePath = { index: number; siblings: Bytes32[] }

/** Hash of a leaf: a 20-byte key or a 32-byte id. The prefix keeps nodes from posing as leaves. */
export function hashLeaf(data: Hex): Uint8Array {
  return keccak256(leafPrefix, hexToBytes(data))
}

/** All layers of a tree from leaf hashes to root, filled up to a power of two with zero hashes. */
function buildLayers(leaves: readonly Hex[]): Uint8Array[][] {
  assert(leaves.length > 0, 'a Merkle tree has a leaf')
  let layer = leaves.map(hashLeaf)
  while ((layer.length & (layer.length - 1)) !== 0) layer.push(zeroHash)
  const layers = [layer]
  while (layer.length > 1) {
    const above: Uint8Array[] = []
    for (let i = 0; i < layer.length; i += 2) {
      above.push(keccak256(nodePrefix, layer[i]!, layer[i + 1]!))
    }
    layers.push(above)
    layer = above
  }
  return layers
}

/** A tree over leaves in index order, with the path of each; at least one leaf. */
export type MerkleTree = { root: Bytes32; height: number; pathOf(index: number): MerklePath }

/** Builds a whole tree; a single leaf's root is its leaf hash. */
export function buildMerkleTree(leaves: readonly Hex[]): MerkleTree {
  const layers = buildLayers(leaves)
  const height = layers.length - 1
  // Neighbours’ paths share most of their hashes: each is put into text once.
  const texts = layers.map((): Bytes32[] => [])
  const textOf = (level: number, at: number) => {
    texts[level]![at] ??= bytesToHex(layers[level]![at]!)
    return texts[level]![at]
  }
  return {
    root: bytesToHex(layers[height]![0]!),
    height,
    pathOf(index) {
      assert(index >= 0 && index < leaves.length, 'the index names a leaf')
      const siblings: Bytes32[] = []
      for (let level = 0; level < height; level++) {
        siblings.push(textOf(level, (index >> level) ^ 1))
      }
      return { index, siblings }
    },
  }
}

/** The root to which a leaf's path leads, or undefined where the index exceeds the height. */
export function rootOfPath(leaf: Hex, path: MerklePath): Bytes32 | undefined {
  const height = path.siblings.length
  if (height > 31 || path.index < 0 || path.index >= 2 ** height) return undefined
  let hash = hashLeaf(leaf)
  for (let level = 0; level < height; level++) {
    const sibling = hexToBytes(path.siblings[level]!)
    const isRight = ((path.index >> level) & 1) === 1
    hash = isRight ? keccak256(nodePrefix, sibling, hash) : keccak256(nodePrefix, hash, sibling)
  }
  return bytesToHex(hash)
}
