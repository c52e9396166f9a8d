import { keccak256 } from '../protocol/keccak.ts'
import { hashSparseLeaf } from '../protocol/sparseProof.ts'

/** A node of the tree: an inner node's index, or the complement (`~`) of a leaf's. */
export type NodeRef = number
/** A leaf's index. */
export type LeafIndex = number
/** Left is 0, right is 1. */
export type Side = 0 | 1

const firstCapacity = 64
const noFree = -1

const leafBytes = 64
const digestOffset = 32

// An inner node's words: two children, and its bit with a stale flag a side.
const innerWords = 3
const bitOffset = 2
const hashWords = 8
const bitMask = 0xff
const staleFlags = [0x100, 0x200] as const

/**
 * The memory of a `SparseTree`: leaves and binary inner nodes in flat arrays that grow.
 *
 * An inner node lies at a depth (its *bit*, 0 to 255) at which the keys below it part. It holds the
 * hashes of its two halves, so that a change reads one stretch of memory a level, and no sibling.
 * Between a half's top and the next inner node there may be levels with one empty side; they are
 * in the half's hash and take no memory. 76 bytes an inner node besides 64 a leaf.
 */
export class SparseNodes {
  private leaves = new Uint8Array(leafBytes * firstCapacity)
  private leafEnd = 0
  private readonly freeLeaves: LeafIndex[] = []

  private inners = new Int32Array(innerWords * firstCapacity)
  /** Two hashes an inner node, apart from the above so that a descent touches little memory. */
  private halves = new Int32Array(2 * hashWords * firstCapacity)
  private halfBytes = new Uint8Array(this.halves.buffer)
  private innerEnd = 0
  private freeInners: NodeRef = noFree

  /** What an inner node's hash is made of: 0x01, left, right, the two aligned to words. */
  private readonly blockWords = new Int32Array(1 + 2 * hashWords)
  private readonly block = new Uint8Array(this.blockWords.buffer, 3)

  constructor() {
    this.block[0] = 0x01
  }

  /** A view that holds until the leaf is freed or another is made. */
  keyOf(leaf: LeafIndex): Uint8Array {
    return this.leaves.subarray(leafBytes * leaf, leafBytes * leaf + digestOffset)
  }

  /** A view, as `keyOf`. */
  digestOf(leaf: LeafIndex): Uint8Array {
    return this.leaves.subarray(leafBytes * leaf + digestOffset, leafBytes * (leaf + 1))
  }

  /** Number of leading bits, 0 to 256, that a key shares with a leaf's. */
  countSharedBits(leaf: LeafIndex, key: Uint8Array): number {
    const at = leafBytes * leaf
    for (let i = 0; i < 32; i++) {
      const difference = this.leaves[at + i]! ^ key[i]!
      if (difference !== 0) return 8 * i + Math.clz32(difference) - 24
    }
    return 256
  }

  newLeaf(key: Uint8Array, digest: Uint8Array): LeafIndex {
    const leaf = this.freeLeaves.pop() ?? this.leafEnd++
    if (leafBytes * leaf === this.leaves.length) {
      const leaves = new Uint8Array(leafBytes * nextCapacity(leaf))
      leaves.set(this.leaves)
      this.leaves = leaves
    }
    this.leaves.set(key, leafBytes * leaf)
    this.leaves.set(digest, leafBytes * leaf + digestOffset)
    return leaf
  }

  /** Changes a leaf's digest; false if it was the same. */
  replaceDigest(leaf: LeafIndex, digest: Uint8Array): boolean {
    const at = leafBytes * leaf + digestOffset
    let isSame = true
    for (let i = 0; i < 32; i++) isSame &&= this.leaves[at + i] === digest[i]
    if (!isSame) this.leaves.set(digest, at)
    return !isSame
  }

  freeLeaf(leaf: LeafIndex): void {
    this.freeLeaves.push(leaf)
  }

  /** An inner node at `bit`, whose hashes are yet to be made. */
  newInner(bit: number, left: NodeRef, right: NodeRef): NodeRef {
    let inner = this.freeInners
    if (inner === noFree) {
      inner = this.innerEnd++
      if (innerWords * inner === this.inners.length) this.growInners(inner)
    } else {
      this.freeInners = this.inners[innerWords * inner]!
    }
    const at = innerWords * inner
    this.inners[at] = left
    this.inners[at + 1] = right
    this.inners[at + bitOffset] = bit | staleFlags[0] | staleFlags[1]
    return inner
  }

  freeInner(inner: NodeRef): void {
    this.inners[innerWords * inner] = this.freeInners
    this.freeInners = inner
  }

  bitOf(inner: NodeRef): number {
    return this.inners[innerWords * inner + bitOffset]! & bitMask
  }

  childOf(inner: NodeRef, side: Side): NodeRef {
    return this.inners[innerWords * inner + side]!
  }

  setChild(inner: NodeRef, side: Side, child: NodeRef): void {
    this.inners[innerWords * inner + side] = child
  }

  /** Some leaf below: its key has the prefix that all keys there share. */
  anyLeafOf(ref: NodeRef): LeafIndex {
    while (ref >= 0) ref = this.childOf(ref, 0)
    return ~ref
  }

  /** Says that the hash of one half holds no more; so must be said of all above it. */
  markStale(inner: NodeRef, side: Side): void {
    this.inners[innerWords * inner + bitOffset]! |= staleFlags[side]
  }

  /** The hash of a subtree whose top lies at `depth`, above or at its first inner node. */
  hashFromDepth(ref: NodeRef, depth: number): Uint8Array {
    if (ref < 0) return hashSparseLeaf(this.keyOf(~ref), this.digestOf(~ref))
    this.refreshHalf(ref, 0)
    this.refreshHalf(ref, 1)
    const from = 2 * hashWords * ref
    for (let i = 0; i < 2 * hashWords; i++) this.blockWords[1 + i] = this.halves[from + i]!
    const hash = keccak256(this.block)
    const bit = this.bitOf(ref)
    return bit === depth ? hash : this.hashThroughGap(ref, hash, bit, depth)
  }

  /** The hash of one half, which must have been refreshed; a view. */
  hashOfHalf(inner: NodeRef, side: Side): Uint8Array {
    const at = 64 * inner + 32 * side
    return this.halfBytes.subarray(at, at + 32)
  }

  private refreshHalf(inner: NodeRef, side: Side): void {
    const at = innerWords * inner
    if ((this.inners[at + bitOffset]! & staleFlags[side]) === 0) return
    const hash = this.hashFromDepth(this.inners[at + side]!, this.bitOf(inner) + 1)
    this.halfBytes.set(hash, 64 * inner + 32 * side)
    this.inners[at + bitOffset]! &= ~staleFlags[side]
  }

  /** Takes a hash from an inner node's bit up to `depth`, past levels with one empty side. */
  private hashThroughGap(ref: NodeRef, hash: Uint8Array, bit: number, depth: number): Uint8Array {
    const key = this.keyOf(this.anyLeafOf(ref))
    for (let level = bit - 1; level >= depth; level--) {
      const side = sideAt(key, level)
      this.block.set(hash, 1 + 32 * side)
      this.block.fill(0, 33 - 32 * side, 65 - 32 * side)
      hash = keccak256(this.block)
    }
    return hash
  }

  private growInners(capacity: number): void {
    const inners = new Int32Array(innerWords * nextCapacity(capacity))
    inners.set(this.inners)
    this.inners = inners
    const halves = new Int32Array(2 * hashWords * nextCapacity(capacity))
    halves.set(this.halves)
    this.halves = halves
    this.halfBytes = new Uint8Array(halves.buffer)
  }
}

/** The side to which a key turns at a bit, 0 being the most significant. */
export function sideAt(key: Uint8Array, bit: number): Side {
  return ((key[bit >> 3]! >> (7 - (bit & 7))) & 1) as Side
}

/** A quarter more: large trees then waste little, and are copied seldom. */
function nextCapacity(capacity: number): number {
  return capacity + Math.max(firstCapacity, capacity >> 2)
}
