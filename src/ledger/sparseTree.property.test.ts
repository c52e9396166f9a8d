import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, concatBytes, type Hex, hexToBytes } from '../protocol/bytes.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { verifySparseProof } from '../protocol/sparseProof.ts'
import { SparseTree } from './sparseTree.ts'

type Leaves = ReadonlyMap<Hex, Uint8Array>

const bitOf = (key: Uint8Array, bit: number) => (key[bit >> 3]! >> (7 - (bit & 7))) & 1

/** The definition, word by word, over the leaves below one prefix. */
function hashByDefinition(leaves: [Uint8Array, Uint8Array][], depth = 0): Uint8Array {
  if (leaves.length === 0) return new Uint8Array(32)
  if (leaves.length === 1) return keccak256(Uint8Array.of(0), leaves[0]![0], leaves[0]![1])
  const halves = [0, 1].map((side) =>
    hashByDefinition(
      leaves.filter(([key]) => bitOf(key, depth) === side),
      depth + 1,
    ),
  )
  return keccak256(Uint8Array.of(1), ...halves)
}

function expectedRoot(leaves: Leaves, prefix: Uint8Array = new Uint8Array(32), bits = 0): Hex {
  const below = [...leaves]
    .map(([key, digest]): [Uint8Array, Uint8Array] => [hexToBytes(key), digest])
    .filter(([key]) => {
      for (let bit = 0; bit < bits; bit++) if (bitOf(key, bit) !== bitOf(prefix, bit)) return false
      return true
    })
  return bytesToHex(hashByDefinition(below, bits))
}

/** Keys that part at any depth: few starts, one flipped bit, so that prefixes are long. */
const key = fc
  .tuple(fc.constantFrom(0x00, 0xff, 0xa5), fc.option(fc.integer({ min: 0, max: 255 })))
  .map(([fill, flipped]) => {
    const bytes = new Uint8Array(32).fill(fill)
    if (flipped !== null) bytes[flipped >> 3]! ^= 0x80 >> (flipped & 7)
    return bytes
  })
const anyKey = fc.oneof(key, fc.uint8Array({ minLength: 32, maxLength: 32 }))
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 })
const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ key: anyKey, digest }) },
  { weight: 2, arbitrary: fc.record({ key, digest: fc.constant(undefined) }) },
  { weight: 1, arbitrary: fc.constant('root' as const) },
)

function apply(steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[]) {
  const tree = new SparseTree()
  const leaves = new Map<Hex, Uint8Array>()
  for (const next of steps) {
    if (next === 'root') {
      expect(bytesToHex(tree.root())).toBe(expectedRoot(leaves))
    } else if (next.digest === undefined) {
      expect(tree.delete(next.key)).toBe(leaves.delete(bytesToHex(next.key)))
    } else {
      tree.set(next.key, next.digest)
      leaves.set(bytesToHex(next.key), next.digest)
    }
  }
  return { tree, leaves }
}

describe('SparseTree', () => {
  it('hashes to its definition after any changes, whenever the root is asked for', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const { tree, leaves } = apply(steps)
        expect(bytesToHex(tree.root())).toBe(expectedRoot(leaves))
        expect(tree.size).toBe(leaves.size)
        for (const [text, value] of leaves) expect(tree.get(hexToBytes(text))).toEqual(value)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('has a root that depends on the set alone, not on the order or on what is gone', () => {
    const entries = fc.uniqueArray(fc.tuple(anyKey, digest), {
      selector: ([bytes]) => bytesToHex(bytes),
      maxLength: 40,
    })
    const shuffled = entries.chain((list) =>
      fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })),
    )
    fc.assert(
      fc.property(shuffled, fc.array(fc.tuple(anyKey, digest)), ([list, order], passing) => {
        const direct = SparseTree.from(list)
        const detour = new SparseTree()
        for (const [bytes, value] of passing) detour.set(bytes, value)
        detour.root()
        for (const [bytes, value] of order) detour.set(bytes, value)
        const isKept = new Set(list.map(([bytes]) => bytesToHex(bytes)))
        for (const [bytes] of passing) if (!isKept.has(bytesToHex(bytes))) detour.delete(bytes)
        expect(detour.root()).toEqual(direct.root())
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  it('proves presence and absence of every key, and nothing else', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), anyKey, digest, (steps, asked, other) => {
        const { tree, leaves } = apply(steps)
        const root = bytesToHex(tree.root())
        for (const bytes of [asked, ...[...leaves.keys()].map(hexToBytes)]) {
          const text = bytesToHex(bytes)
          const found = leaves.get(text)
          const proof = tree.prove(bytes)
          const truth = found === undefined ? null : bytesToHex(found)
          const lies = [null, bytesToHex(other), root].filter((claim) => claim !== truth)
          expect(verifySparseProof({ root, key: text, digest: truth, proof })).toBe(true)
          for (const lie of lies) {
            expect(verifySparseProof({ root, key: text, digest: lie, proof })).toBe(false)
          }
        }
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  it('gives the hash of the subtree under any prefix', () => {
    const bits = fc.integer({ min: 0, max: 256 })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), anyKey, bits, (steps, asked, length) => {
        const { tree, leaves } = apply(steps)
        for (const prefix of [asked, ...[...leaves.keys()].slice(0, 5).map(hexToBytes)]) {
          const hash = bytesToHex(tree.nodeHash(prefix, length))
          expect(hash).toBe(expectedRoot(leaves, prefix, length))
        }
        expect(tree.nodeHash(new Uint8Array(0), 0)).toEqual(tree.root())
      }),
      { seed: 1, numRuns: 150 },
    )
  })
})

describe('SparseTree under a key grinder', () => {
  /** Each key shares all its first bits with all others but one more. */
  const ladder = Array.from({ length: 256 }, (_, flipped) => {
    const bytes = new Uint8Array(32)
    bytes[flipped >> 3] = 0x80 >> (flipped & 7)
    return bytes
  })

  it('holds keys that share every prefix length, with paths of at most 256', () => {
    const leaves = new Map<Hex, Uint8Array>()
    const tree = new SparseTree()
    for (const bytes of [...ladder, new Uint8Array(32)]) {
      tree.set(bytes, bytes)
      leaves.set(bytesToHex(bytes), bytes)
    }
    const root = bytesToHex(tree.root())
    expect(root).toBe(expectedRoot(leaves))
    const proof = tree.prove(new Uint8Array(32))
    expect(proof.siblings).toHaveLength(256)
    const zero = bytesToHex(new Uint8Array(32))
    expect(verifySparseProof({ root, key: zero, digest: zero, proof })).toBe(true)
    for (const bytes of ladder) expect(tree.delete(bytes)).toBe(true)
    const leaf = keccak256(concatBytes(Uint8Array.of(0), new Uint8Array(64)))
    expect(tree.root()).toEqual(leaf)
  })

  it('follows the last bit of two keys that part there', () => {
    const last = ladder[255]!
    const tree = SparseTree.from([
      [new Uint8Array(32), last],
      [last, last],
    ])
    const leaves = new Map([
      [bytesToHex(new Uint8Array(32)), last],
      [bytesToHex(last), last],
    ])
    expect(bytesToHex(tree.root())).toBe(expectedRoot(leaves))
    const siblings = tree.prove(last).siblings
    expect(siblings).toHaveLength(256)
    expect(siblings.slice(1).every((hash) => hash === bytesToHex(new Uint8Array(32)))).toBe(true)
  })
})
