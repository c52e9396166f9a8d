import { type Bytes32, bytesToHex, zeroBytes32 } from '../protocol/bytes.ts'
import type { SparseProof } from '../protocol/sparseProof.ts'
import { assert } from '../protocol/spbError.ts'
import { bitAt, type LeafIndex, type NodeRef, SparseNodes } from './sparseNodes.ts'

const keyBits = 256

/**
 * A sparse Merkle tree from 32-byte keys to 32-byte digests; `SparseProof` says how it hashes.
 *
 * Only nodes at which keys part are stored: n - 1 for n leaves, whatever prefixes somebody grinds
 * into the keys. Hashes are made when they are asked for, each changed node's once however many
 * changes went before. An update costs O(log n) for keys that are hashes, never over 256 levels.
 */
export class SparseTree {
  private readonly nodes = new SparseNodes()
  private rootRef: NodeRef = 0
  private leafCount = 0
  /** Inner nodes from the root towards the key of the last `descend`. */
  private readonly path = new Int32Array(keyBits)
  private pathLength = 0

  /** A tree of many entries; several times faster than `set` where their keys ascend. */
  static from(entries: Iterable<readonly [key: Uint8Array, digest: Uint8Array]>): SparseTree {
    const tree = new SparseTree()
    let isAscending = true
    for (const [key, digest] of entries) {
      isAscending &&= tree.append(key, digest)
      if (!isAscending) tree.set(key, digest)
    }
    return tree
  }

  /** Number of leaves. */
  get size(): number {
    return this.leafCount
  }

  /** The digest under a key, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const leaf = this.find(key)
    return leaf === undefined ? undefined : this.nodes.digestOf(leaf).slice()
  }

  /** Puts a digest under a key, in place of what was there. */
  set(key: Uint8Array, digest: Uint8Array): void {
    assertLengths(key, digest)
    if (this.leafCount === 0) {
      this.rootRef = this.addLeaf(key, digest)
      return
    }
    const leaf = this.descend(key)
    const shared = this.nodes.countSharedBits(leaf, key)
    if (shared === keyBits) {
      if (this.nodes.replaceDigest(leaf, digest)) this.markPath(this.pathLength)
      return
    }
    this.insertAt(shared, key, this.addLeaf(key, digest), ~leaf)
  }

  /** Takes a key out; false if it was not there. */
  delete(key: Uint8Array): boolean {
    const leaf = this.find(key)
    if (leaf === undefined) return false
    this.nodes.freeLeaf(leaf)
    this.leafCount--
    if (this.pathLength > 0) this.closeGap(key)
    return true
  }

  /** The root hash, 32 bytes; all zero for the empty tree. */
  root(): Uint8Array {
    if (this.leafCount === 0) return new Uint8Array(32)
    this.nodes.refresh(this.rootRef, 0)
    return this.nodes.hashOf(this.rootRef).slice()
  }

  /**
   * Hash of the subtree of all keys that start with the first `bits` bits of `prefix`: zero if
   * there are none, a leaf's hash if there is one. Two trees differ below a prefix if this does.
   */
  nodeHash(prefix: Uint8Array, bits: number): Uint8Array {
    assert(bits >= 0 && bits <= keyBits && 8 * prefix.length >= bits, 'the prefix has its bits')
    if (this.leafCount === 0) return new Uint8Array(32)
    const { nodes } = this
    nodes.refresh(this.rootRef, 0)
    const key = new Uint8Array(32)
    key.set(prefix.subarray(0, 32))
    let ref = this.rootRef
    while (ref >= 0 && nodes.bitOf(ref) < bits) ref = nodes.childTowards(ref, key)
    if (nodes.countSharedBits(nodes.anyLeafOf(ref), key) < bits) return new Uint8Array(32)
    return nodes.hashFromDepth(ref, bits)
  }

  /** Proves that a key is absent, or what is under it. */
  prove(key: Uint8Array): SparseProof {
    assertLengths(key)
    if (this.leafCount === 0) return { siblings: [], neighbour: null }
    const { nodes } = this
    nodes.refresh(this.rootRef, 0)
    const siblings: Bytes32[] = []
    let ref = this.rootRef
    while (ref >= 0) {
      const bit = nodes.bitOf(ref)
      // Levels between two stored nodes have an empty sibling, unless the key turns off here.
      const isGap = bit > siblings.length
      const shared = isGap ? nodes.countSharedBits(nodes.anyLeafOf(ref), key) : bit
      while (siblings.length < Math.min(bit, shared)) siblings.push(zeroBytes32)
      if (shared < bit) {
        siblings.push(bytesToHex(nodes.hashFromDepth(ref, shared + 1)))
        return { siblings: siblings.reverse(), neighbour: null }
      }
      const next = nodes.childTowards(ref, key)
      siblings.push(bytesToHex(nodes.hashOf(nodes.siblingOf(ref, next))))
      ref = next
    }
    siblings.reverse()
    if (nodes.countSharedBits(~ref, key) === keyBits) return { siblings, neighbour: null }
    const digest = bytesToHex(nodes.digestOf(~ref))
    return { siblings, neighbour: { key: bytesToHex(nodes.keyOf(~ref)), digest } }
  }

  private find(key: Uint8Array): LeafIndex | undefined {
    assertLengths(key)
    if (this.leafCount === 0) return undefined
    const leaf = this.descend(key)
    return this.nodes.countSharedBits(leaf, key) === keyBits ? leaf : undefined
  }

  /** The only leaf that can have the key; leaves the way there in `path`. */
  private descend(key: Uint8Array): LeafIndex {
    let ref = this.rootRef
    let length = 0
    while (ref >= 0) {
      this.path[length++] = ref
      ref = this.nodes.childTowards(ref, key)
    }
    this.pathLength = length
    return ~ref
  }

  private addLeaf(key: Uint8Array, digest: Uint8Array): NodeRef {
    this.leafCount++
    return ~this.nodes.newLeaf(key, digest)
  }

  /**
   * Lets a new leaf part at `bit` from a subtree on the path, or from the leaf at its end. The path
   * then leads to the new leaf.
   */
  private insertAt(bit: number, key: Uint8Array, leaf: NodeRef, end: NodeRef): void {
    const { nodes, path } = this
    let above = this.pathLength
    while (above > 0 && nodes.bitOf(path[above - 1]!) > bit) above--
    const displaced = above < this.pathLength ? path[above]! : end
    // It starts deeper now, so the empty levels above it are fewer.
    if (displaced >= 0) nodes.markChanged(displaced)
    const inner = nodes.newInner(bit, key, leaf, displaced)
    this.hang(above, key, inner)
    this.markPath(above)
    path[above] = inner
    this.pathLength = above + 1
  }

  /** Puts the sibling of a leaf that is gone in place of their parent, the last of the path. */
  private closeGap(key: Uint8Array): void {
    const { nodes, path } = this
    const last = this.pathLength - 1
    const parent = path[last]!
    const sibling = nodes.siblingOf(parent, nodes.childTowards(parent, key))
    if (sibling >= 0) nodes.markChanged(sibling)
    nodes.freeInner(parent)
    this.hang(last, key, sibling)
    this.markPath(last)
  }

  /** Makes `ref` the child, towards the key, of the path's first `above` nodes. */
  private hang(above: number, key: Uint8Array, ref: NodeRef): void {
    if (above === 0) this.rootRef = ref
    else this.nodes.setChildTowards(this.path[above - 1]!, key, ref)
  }

  private markPath(length: number): void {
    for (let at = 0; at < length; at++) this.nodes.markChanged(this.path[at]!)
  }

  /**
   * Adds a key above all others, with `path` holding the rightmost inner nodes: no search. False,
   * and nothing done, if the key is not above them.
   */
  private append(key: Uint8Array, digest: Uint8Array): boolean {
    assertLengths(key, digest)
    if (this.leafCount === 0) {
      this.rootRef = this.addLeaf(key, digest)
      this.pathLength = 0
      return true
    }
    const { nodes } = this
    const last =
      this.pathLength === 0 ? this.rootRef : nodes.rightOf(this.path[this.pathLength - 1]!)
    const shared = nodes.countSharedBits(~last, key)
    if (shared === keyBits || bitAt(key, shared) === 0) return false
    this.insertAt(shared, key, this.addLeaf(key, digest), last)
    return true
  }
}

function assertLengths(key: Uint8Array, digest?: Uint8Array): void {
  assert(key.length === 32, 'a key has 32 bytes')
  assert(digest === undefined || digest.length === 32, 'a digest has 32 bytes')
}
