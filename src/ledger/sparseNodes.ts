import { keccak256 } from '../protocol/keccak.ts'
import { hashSparseLeaf } from '../protocol/sparseProof.ts'

/** A node of the tree: an inner node's index, or the complement (`~`) of a leaf's. */
export type NodeRef = number
/** A leaf's index. */
export type LeafIndex = number

const firstCapacity = 64
const noFree = -1
const wordsPerHash = 8

/**
 * The memory of a `SparseTree`: leaves and binary inner nodes in flat arrays that grow.
 *
 * An inner node lies at a depth (its *bit*, 0 to 255) at which the keys below it part. Its stored
 * hash is that of the subtree right below its parent, so it has the empty levels between the two
 * in it. 42 bytes an inner node, 33 a leaf besides key and digest, times the room to grow.
 */
export class SparseNodes {
  // Typed arrays hold words so that hashes can be copied without a view for each.
  private keys = new Uint8Array(32 * firstCapacity)
  private digests = new Uint8Array(32 * firstCapacity)
  private leafWords = new Uint32Array(wordsPerHash * firstCapacity)
  private leafHashes = new Uint8Array(this.leafWords.buffer)
  private isLeafChanged = new Uint8Array(firstCapacity)
  private leafEnd = 0
  private freeLeaves: LeafIndex = noFree

  private children = new Int32Array(2 * firstCapacity)
  private bits = new Uint8Array(firstCapacity)
  private innerWords = new Uint32Array(wordsPerHash * firstCapacity)
  private innerHashes = new Uint8Array(this.innerWords.buffer)
  private isInnerChanged = new Uint8Array(firstCapacity)
  private innerEnd = 0
  private freeInners: NodeRef = noFree

  /** What an inner node's hash is made of: 0x01, left, right, the two aligned to words. */
  private readonly blockWords = new Uint32Array(1 + 2 * wordsPerHash)
  private readonly block = new Uint8Array(this.blockWords.buffer, 3)

  constructor() {
    this.block[0] = 0x01
  }

  keyOf(leaf: LeafIndex): Uint8Array {
    return this.keys.subarray(32 * leaf, 32 * leaf + 32)
  }

  /** Number of leading bits, 0 to 256, that a key shares with a leaf's. */
  countSharedBits(leaf: LeafIndex, key: Uint8Array): number {
    const at = 32 * leaf
    for (let i = 0; i < 32; i++) {
      const difference = this.keys[at + i]! ^ key[i]!
      if (difference !== 0) return 8 * i + Math.clz32(difference) - 24
    }
    return 256
  }

  digestOf(leaf: LeafIndex): Uint8Array {
    return this.digests.subarray(32 * leaf, 32 * leaf + 32)
  }

  newLeaf(key: Uint8Array, digest: Uint8Array): LeafIndex {
    let leaf = this.freeLeaves
    if (leaf === noFree) {
      leaf = this.leafEnd++
      if (32 * leaf === this.keys.length) this.growLeaves()
    } else {
      this.freeLeaves = this.leafWords[wordsPerHash * leaf]! | 0
    }
    this.keys.set(key, 32 * leaf)
    this.digests.set(digest, 32 * leaf)
    this.isLeafChanged[leaf] = 1
    return leaf
  }

  /** Changes a leaf's digest; false if it was the same. */
  replaceDigest(leaf: LeafIndex, digest: Uint8Array): boolean {
    const at = 32 * leaf
    let isSame = true
    for (let i = 0; i < 32; i++) isSame &&= this.digests[at + i] === digest[i]
    if (isSame) return false
    this.digests.set(digest, at)
    this.isLeafChanged[leaf] = 1
    return true
  }

  freeLeaf(leaf: LeafIndex): void {
    this.leafWords[wordsPerHash * leaf] = this.freeLeaves
    this.freeLeaves = leaf
  }

  /** A changed inner node at `bit` with the child towards the key, and the other one. */
  newInner(bit: number, key: Uint8Array, towards: NodeRef, other: NodeRef): NodeRef {
    let inner = this.freeInners
    if (inner === noFree) {
      inner = this.innerEnd++
      if (inner === this.bits.length) this.growInners()
    } else {
      this.freeInners = this.children[2 * inner]!
    }
    this.bits[inner] = bit
    const side = bitAt(key, bit)
    this.children[2 * inner + side] = towards
    this.children[2 * inner + 1 - side] = other
    this.isInnerChanged[inner] = 1
    return inner
  }

  freeInner(inner: NodeRef): void {
    this.children[2 * inner] = this.freeInners
    this.freeInners = inner
  }

  bitOf(inner: NodeRef): number {
    return this.bits[inner]!
  }

  /** The child on the key's side. */
  childTowards(inner: NodeRef, key: Uint8Array): NodeRef {
    const bit = this.bits[inner]!
    return this.children[2 * inner + ((key[bit >> 3]! >> (7 - (bit & 7))) & 1)]!
  }

  setChildTowards(inner: NodeRef, key: Uint8Array, child: NodeRef): void {
    this.children[2 * inner + bitAt(key, this.bits[inner]!)] = child
  }

  siblingOf(inner: NodeRef, child: NodeRef): NodeRef {
    const left = this.children[2 * inner]!
    return left === child ? this.children[2 * inner + 1]! : left
  }

  rightOf(inner: NodeRef): NodeRef {
    return this.children[2 * inner + 1]!
  }

  /** Some leaf below: its key has the prefix that all keys there share. */
  anyLeafOf(ref: NodeRef): LeafIndex {
    while (ref >= 0) ref = this.children[2 * ref]!
    return ~ref
  }

  /** Says that an inner node's hash holds no more; whoever does must say so of all above it. */
  markChanged(inner: NodeRef): void {
    this.isInnerChanged[inner] = 1
  }

  /** Makes the hashes of a subtree whose top lies at `depth` hold again, bottom up. */
  refresh(ref: NodeRef, depth: number): void {
    if (ref < 0) {
      const leaf = ~ref
      if (this.isLeafChanged[leaf] === 0) return
      this.leafHashes.set(hashSparseLeaf(this.keyOf(leaf), this.digestOf(leaf)), 32 * leaf)
      this.isLeafChanged[leaf] = 0
      return
    }
    if (this.isInnerChanged[ref] === 0) return
    const below = this.bits[ref]! + 1
    this.refresh(this.children[2 * ref]!, below)
    this.refresh(this.children[2 * ref + 1]!, below)
    this.innerHashes.set(this.hashFromDepth(ref, depth), 32 * ref)
    this.isInnerChanged[ref] = 0
  }

  /** The stored hash, for which the node must be unchanged since `refresh`; a view. */
  hashOf(ref: NodeRef): Uint8Array {
    const hashes = ref < 0 ? this.leafHashes : this.innerHashes
    const at = 32 * (ref < 0 ? ~ref : ref)
    return hashes.subarray(at, at + 32)
  }

  /** The hash that a refreshed subtree has at a depth from its parent's to its own. */
  hashFromDepth(ref: NodeRef, depth: number): Uint8Array {
    if (ref < 0) return this.hashOf(ref).slice()
    this.loadChild(this.children[2 * ref]!, 1)
    this.loadChild(this.children[2 * ref + 1]!, 1 + wordsPerHash)
    let hash = keccak256(this.block)
    const bit = this.bits[ref]!
    if (bit === depth) return hash
    const key = this.keyOf(this.anyLeafOf(ref))
    for (let level = bit - 1; level >= depth; level--) {
      const side = bitAt(key, level)
      this.block.set(hash, 1 + 32 * side)
      this.block.fill(0, 1 + 32 * (1 - side), 33 + 32 * (1 - side))
      hash = keccak256(this.block)
    }
    return hash
  }

  private loadChild(ref: NodeRef, at: number): void {
    const words = ref < 0 ? this.leafWords : this.innerWords
    const from = wordsPerHash * (ref < 0 ? ~ref : ref)
    for (let i = 0; i < wordsPerHash; i++) this.blockWords[at + i] = words[from + i]!
  }

  private growLeaves(): void {
    const capacity = nextCapacity(this.isLeafChanged.length)
    this.keys = grown(this.keys, 32 * capacity)
    this.digests = grown(this.digests, 32 * capacity)
    this.isLeafChanged = grown(this.isLeafChanged, capacity)
    this.leafWords = grown(this.leafWords, wordsPerHash * capacity)
    this.leafHashes = new Uint8Array(this.leafWords.buffer)
  }

  private growInners(): void {
    const capacity = nextCapacity(this.bits.length)
    this.bits = grown(this.bits, capacity)
    this.isInnerChanged = grown(this.isInnerChanged, capacity)
    this.children = grown(this.children, 2 * capacity)
    this.innerWords = grown(this.innerWords, wordsPerHash * capacity)
    this.innerHashes = new Uint8Array(this.innerWords.buffer)
  }
}

/** Bit `index` of a key, 0 being the most significant. */
export function bitAt(key: Uint8Array, index: number): number {
  return (key[index >> 3]! >> (7 - (index & 7))) & 1
}

/** A quarter more: the arrays of a large tree then waste little, and are copied seldom. */
function nextCapacity(capacity: number): number {
  return capacity + Math.max(firstCapacity, capacity >> 2)
}

function grown<Numbers extends Uint8Array | Int32Array | Uint32Array>(
  from: Numbers,
  length: number,
): Numbers {
  const to = new (from.constructor as new (length: number) => Numbers)(length)
  to.set(from)
  return to
}
