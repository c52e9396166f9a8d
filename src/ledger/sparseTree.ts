import { type Bytes32, bytesToHex, zeroBytes32 } from '../protocol/bytes.ts'
import type { SparseProof } from '../protocol/sparseProof.ts'
import { assert } from '../protocol/spbError.ts'
import { type LeafIndex, type NodeRef, SparseNodes, sideAt } from './sparseNodes.ts'

const keyBits = 256

/** A key and what is under it, 32 bytes each. */
export type TreeLeaf = { key: Uint8Array; digest: Uint8Array }
/** Is told of each change just before it: the key, and its digest so far. Both are copies. */
export type TreeWatcher = (key: Uint8Array, before: Uint8Array | undefined) => void

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
  private rootHash: Uint8Array | undefined
  private leafCount = 0
  private onChange: TreeWatcher | undefined
  /** Inner nodes from the root towards the key of the last `descend`. */
  private readonly path = new Int32Array(keyBits)
  private pathLength = 0

  /** A tree of many entries: quickest where their keys ascend, as those of a store do. */
  static from(entries: Iterable<readonly [key: Uint8Array, digest: Uint8Array]>): SparseTree {
    const tree = new SparseTree()
    for (const [key, digest] of entries) tree.set(key, digest)
    return tree
  }

  /** Number of leaves. */
  get size(): number {
    return this.leafCount
  }

  /** Has one watcher told of all changes from now on; the last one given counts. */
  watch(watcher: TreeWatcher): void {
    this.onChange = watcher
  }

  /** The digest under a key, or undefined. */
  get(key: Uint8Array): Uint8Array | undefined {
    const leaf = this.find(key)
    return leaf === undefined ? undefined : this.nodes.digestOf(leaf).slice()
  }

  /** Puts a digest under a key, in place of what was there. */
  set(key: Uint8Array, digest: Uint8Array): void {
    assertLength(key, 'a key')
    assertLength(digest, 'a digest')
    this.onChange?.(key.slice(), this.get(key))
    if (this.leafCount === 0) {
      this.rootRef = this.addLeaf(key, digest)
      this.rootHash = undefined
      return
    }
    const leaf = this.descend(key)
    const shared = this.nodes.countSharedBits(leaf, key)
    if (shared < keyBits) this.insertAt(shared, key, digest, ~leaf)
    else if (this.nodes.replaceDigest(leaf, digest)) this.markStale(key, this.pathLength)
  }

  /** Takes a key out; false if it was not there. */
  delete(key: Uint8Array): boolean {
    const leaf = this.find(key)
    if (leaf === undefined) return false
    this.onChange?.(key.slice(), this.nodes.digestOf(leaf).slice())
    this.nodes.freeLeaf(leaf)
    this.leafCount--
    if (this.leafCount > 0) this.closeGap(key)
    return true
  }

  /** The root hash, 32 bytes; all zero for the empty tree. */
  root(): Uint8Array {
    return this.refresh().slice()
  }

  /**
   * Hash of the subtree of all keys that start with the first `bits` bits of `prefix`: zero if
   * there are none, a leaf's hash if there is one. Two trees differ below a prefix if this does.
   */
  nodeHash(prefix: Uint8Array, bits: number): Uint8Array {
    const ref = this.subtreeOf(prefix, bits)
    return ref === undefined ? new Uint8Array(32) : this.nodes.hashFromDepth(ref, bits)
  }

  /**
   * The leaves of all keys that start with the first `bits` bits of `prefix`, in order of keys, or
   * undefined where they are more than `most`: that costs no more than `most` leaves do.
   */
  leavesBelow(prefix: Uint8Array, bits: number, most: number): TreeLeaf[] | undefined {
    const top = this.subtreeOf(prefix, bits)
    const leaves: TreeLeaf[] = []
    const waiting: NodeRef[] = top === undefined ? [] : [top]
    while (waiting.length > 0) {
      let ref = waiting.pop()!
      while (ref >= 0) {
        waiting.push(this.nodes.childOf(ref, 1))
        ref = this.nodes.childOf(ref, 0)
      }
      // Each that waits has a leaf at least.
      if (leaves.length + 1 + waiting.length > most) return undefined
      const key = this.nodes.keyOf(~ref).slice()
      leaves.push({ key, digest: this.nodes.digestOf(~ref).slice() })
    }
    return leaves
  }

  /** The topmost node of all keys that start with a prefix; undefined where there are none. */
  private subtreeOf(prefix: Uint8Array, bits: number): NodeRef | undefined {
    assert(bits >= 0 && bits <= keyBits && 8 * prefix.length >= bits, 'the prefix has its bits')
    if (this.leafCount === 0) return undefined
    const { nodes } = this
    const key = new Uint8Array(32)
    key.set(prefix.subarray(0, 32))
    let ref = this.rootRef
    while (ref >= 0 && nodes.bitOf(ref) < bits) ref = this.childTowards(ref, key)
    return nodes.countSharedBits(nodes.anyLeafOf(ref), key) < bits ? undefined : ref
  }

  /** Proves that a key is absent, or what is under it. */
  prove(key: Uint8Array): SparseProof {
    assertLength(key, 'a key')
    if (this.leafCount === 0) return { siblings: [], neighbour: null }
    this.refresh()
    const { nodes } = this
    const siblings: Bytes32[] = []
    let ref = this.rootRef
    while (ref >= 0) {
      const bit = nodes.bitOf(ref)
      // Levels before the node's own have an empty side: the other one, unless the key turns off.
      const isGap = siblings.length < bit
      const shared = isGap ? nodes.countSharedBits(nodes.anyLeafOf(ref), key) : bit
      while (siblings.length < Math.min(bit, shared)) siblings.push(zeroBytes32)
      if (shared < bit) {
        siblings.push(bytesToHex(nodes.hashFromDepth(ref, shared + 1)))
        return { siblings: siblings.reverse(), neighbour: null }
      }
      const side = sideAt(key, bit)
      siblings.push(bytesToHex(nodes.hashOfHalf(ref, side === 0 ? 1 : 0)))
      ref = nodes.childOf(ref, side)
    }
    siblings.reverse()
    if (nodes.countSharedBits(~ref, key) === keyBits) return { siblings, neighbour: null }
    const neighbour = {
      key: bytesToHex(nodes.keyOf(~ref)),
      digest: bytesToHex(nodes.digestOf(~ref)),
    }
    return { siblings, neighbour }
  }

  private refresh(): Uint8Array {
    if (this.leafCount === 0) return new Uint8Array(32)
    this.rootHash ??= this.nodes.hashFromDepth(this.rootRef, 0)
    return this.rootHash
  }

  private find(key: Uint8Array): LeafIndex | undefined {
    assertLength(key, 'a key')
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
      ref = this.childTowards(ref, key)
    }
    this.pathLength = length
    return ~ref
  }

  private childTowards(inner: NodeRef, key: Uint8Array): NodeRef {
    return this.nodes.childOf(inner, sideAt(key, this.nodes.bitOf(inner)))
  }

  private addLeaf(key: Uint8Array, digest: Uint8Array): NodeRef {
    this.leafCount++
    return ~this.nodes.newLeaf(key, digest)
  }

  /** Lets a new leaf part at `bit` from a subtree on the path, or from the leaf at its end. */
  private insertAt(bit: number, key: Uint8Array, digest: Uint8Array, end: NodeRef): void {
    const { nodes, path } = this
    let above = this.pathLength
    while (above > 0 && nodes.bitOf(path[above - 1]!) > bit) above--
    const displaced = above < this.pathLength ? path[above]! : end
    const leaf = this.addLeaf(key, digest)
    const isLeft = sideAt(key, bit) === 0
    const inner = isLeft
      ? nodes.newInner(bit, leaf, displaced)
      : nodes.newInner(bit, displaced, leaf)
    this.hang(inner, key, above)
  }

  /** Puts the sibling of a leaf that is gone in place of their parent, the last of the path. */
  private closeGap(key: Uint8Array): void {
    const last = this.pathLength - 1
    const parent = this.path[last]!
    const side = sideAt(key, this.nodes.bitOf(parent))
    const sibling = this.nodes.childOf(parent, side === 0 ? 1 : 0)
    this.nodes.freeInner(parent)
    this.hang(sibling, key, last)
  }

  /** Makes a node the child, on the key's side, of the path's first `above` nodes. */
  private hang(ref: NodeRef, key: Uint8Array, above: number): void {
    if (above === 0) {
      this.rootRef = ref
    } else {
      const parent = this.path[above - 1]!
      this.nodes.setChild(parent, sideAt(key, this.nodes.bitOf(parent)), ref)
    }
    this.markStale(key, above)
  }

  /** Says that all hashes which the path's first nodes have of the key's side hold no more. */
  private markStale(key: Uint8Array, length: number): void {
    this.rootHash = undefined
    for (let at = 0; at < length; at++) {
      const inner = this.path[at]!
      this.nodes.markStale(inner, sideAt(key, this.nodes.bitOf(inner)))
    }
  }
}

function assertLength(bytes: Uint8Array, what: string): void {
  assert(bytes.length === 32, `${what} has 32 bytes`)
}
