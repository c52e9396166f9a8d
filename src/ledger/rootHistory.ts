import { type Bytes32, bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import type { SparseProof } from '../protocol/sparseProof.ts'
import { idKey } from './keys.ts'
import type { LedgerState } from './ledgerState.ts'
import { SparseTree } from './sparseTree.ts'

/** Roots that are remembered at most. */
const mostRoots = 64
/** Changes of the tree since the oldest of them that are remembered at most. */
const mostChanges = 100_000
/** Levels of hashes that are kept of each root at most; so many leaves a subtree are left. */
const mostLevels = 10
const leavesPerSubtree = 16
/** Leaves that one proof may read. */
const mostLeaves = 32_768

/** What the database held under an id at some root, with its proof. */
export type PastProof = { digest: Bytes32 | null; proof: SparseProof }

type PastRoot = {
  root: Bytes32
  headNumber: number
  /** The hashes of all subtrees at depth 1, 2, … of that time, in order. */
  levels: readonly Uint8Array[]
  /** What changed after it and before the next one: id → digest at its time. */
  changes: Map<Bytes32, Uint8Array | undefined>
}

/**
 * The last roots that this node announced, and proofs of what the database held then.
 *
 * A proof costs what one subtree of that time costs: its leaves are today's with the changes since
 * undone, and the hashes beside it were kept. Nothing of it lasts over a restart or a roll-back.
 */
export class RootHistory {
  readonly #state: LedgerState
  /** The tree that is watched: a reload makes another one. */
  #tree: SparseTree | undefined
  #roots: PastRoot[] = []
  #changeCount = 0

  constructor(state: LedgerState) {
    this.#state = state
  }

  /** Keeps the database's present root, which stands for the blocks after a head. */
  note(headNumber: number): Bytes32 {
    const { tree } = this.#state
    if (tree !== this.#tree) this.#watch(tree)
    const root = bytesToHex(tree.root())
    const last = this.#roots.at(-1)
    if (last?.root === root) {
      last.headNumber = headNumber
    } else {
      this.#roots.push({ root, headNumber, levels: hashLevels(tree), changes: new Map() })
      this.#forget()
    }
    return root
  }

  /** The roots that can be proven from, oldest first, with the last head of each. */
  list(): { root: Bytes32; headNumber: number }[] {
    if (this.#tree !== this.#state.tree) return []
    return this.#roots.map(({ root, headNumber }) => ({ root, headNumber }))
  }

  /** Proves what was under an id when a root was noted; undefined for one not remembered. */
  proveAt(root: Bytes32, ctpId: Bytes32): PastProof | undefined {
    if (this.#tree !== this.#state.tree) return undefined
    const at = this.#roots.findLastIndex((past) => past.root === root)
    if (at < 0) return undefined
    const key = idKey(ctpId)
    const { levels } = this.#roots[at]!
    // Mostly once: a path ends above its subtree only where that has no other leaf.
    for (let bits = levels.length; bits >= 0; bits--) {
      const leaves = this.#leavesOf(at, key, bits)
      if (leaves === undefined) return undefined
      if (leaves.size < 2 && bits > 0) continue
      const entries = Array.from(leaves, ([id, digest]) => [idKey(id), digest] as const)
      const { siblings, neighbour } = SparseTree.from(entries).prove(key)
      for (let depth = 1; depth <= bits; depth++) {
        const place = leadingBits(key, depth) ^ 1
        const hash = levels[depth - 1]!.subarray(32 * place, 32 * place + 32)
        siblings[siblings.length - depth] = bytesToHex(hash)
      }
      const digest = leaves.get(ctpId)
      return {
        digest: digest === undefined ? null : bytesToHex(digest),
        proof: { siblings, neighbour },
      }
    }
    return undefined
  }

  #watch(tree: SparseTree): void {
    this.#tree = tree
    this.#roots = []
    this.#changeCount = 0
    tree.watch((key, before) => {
      const changes = this.#roots.at(-1)?.changes
      if (changes === undefined) return
      const id = bytesToHex(key)
      if (changes.has(id)) return
      changes.set(id, before)
      this.#changeCount++
      if (this.#changeCount > mostChanges) this.#forget()
    })
  }

  /** Lets go of the oldest roots until what is left is within bounds. */
  #forget(): void {
    while (this.#roots.length > mostRoots || this.#changeCount > mostChanges) {
      this.#changeCount -= this.#roots.shift()!.changes.size
    }
  }

  /** The leaves that share a key's first bits, as they were at a root; undefined: too many. */
  #leavesOf(at: number, key: Uint8Array, bits: number): Map<Bytes32, Uint8Array> | undefined {
    const present = this.#state.tree.leavesBelow(key, bits, mostLeaves)
    if (present === undefined) return undefined
    const leaves = new Map(present.map((leaf) => [bytesToHex(leaf.key), leaf.digest]))
    const undone = new Set<Bytes32>()
    const digits = bytesToHex(key).slice(0, 2 + Math.floor(bits / 4))
    for (let index = at; index < this.#roots.length; index++) {
      for (const [id, before] of this.#roots[index]!.changes) {
        if (!id.startsWith(digits) || !sharesBits(id, key, bits) || undone.has(id)) continue
        // The first change after the root says what was there; later ones say nothing of it.
        undone.add(id)
        if (before === undefined) leaves.delete(id)
        else leaves.set(id, before)
      }
    }
    return leaves
  }
}

function hashLevels(tree: SparseTree): Uint8Array[] {
  const wanted = Math.floor(Math.log2(Math.max(1, tree.size / leavesPerSubtree)))
  return Array.from({ length: Math.min(mostLevels, wanted) }, (_, index) => {
    const bits = index + 1
    const hashes = new Uint8Array(32 * 2 ** bits)
    const prefix = new Uint8Array(2)
    for (let place = 0; place < 2 ** bits; place++) {
      new DataView(prefix.buffer).setUint16(0, place << (16 - bits))
      hashes.set(tree.nodeHash(prefix, bits), 32 * place)
    }
    return hashes
  })
}

/** The first bits of a key as a number; at most 16. */
function leadingBits(key: Uint8Array, bits: number): number {
  return ((key[0]! << 8) | key[1]!) >> (16 - bits)
}

function sharesBits(id: Bytes32, key: Uint8Array, bits: number): boolean {
  return (
    bits === 0 || leadingBits(hexToBytes(`0x${id.slice(2, 6)}`), bits) === leadingBits(key, bits)
  )
}
