import { describe, expect, it, vi } from 'vitest'
import { bytesToHex, compareBytes } from '../protocol/bytes.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { verifySparseProof } from '../protocol/sparseProof.ts'
import { SparseTree } from './sparseTree.ts'

vi.mock('../protocol/keccak.ts', async (importActual) => {
  const actual = await importActual<typeof import('../protocol/keccak.ts')>()
  return { ...actual, keccak256: vi.fn(actual.keccak256) }
})

const numbered = (index: number) => keccak256(Uint8Array.of(index >> 16, index >> 8, index))

function treeOf(count: number): SparseTree {
  const tree = new SparseTree()
  for (let index = 0; index < count; index++) tree.set(numbered(index), numbered(~index))
  return tree
}

function countHashes(work: () => void): number {
  vi.mocked(keccak256).mockClear()
  work()
  return vi.mocked(keccak256).mock.calls.length
}

describe('SparseTree', () => {
  it('is zero when empty, and again when emptied', () => {
    const tree = new SparseTree()
    expect(tree.root()).toEqual(new Uint8Array(32))
    expect(tree.delete(numbered(1))).toBe(false)
    expect(tree.get(numbered(1))).toBeUndefined()
    expect(tree.nodeHash(numbered(1), 9)).toEqual(new Uint8Array(32))
    tree.set(numbered(1), numbered(2))
    expect(tree.root()).toEqual(keccak256(Uint8Array.of(0), numbered(1), numbered(2)))
    expect(tree.delete(numbered(1))).toBe(true)
    expect(tree.root()).toEqual(new Uint8Array(32))
    const root = bytesToHex(tree.root())
    const key = bytesToHex(numbered(1))
    const proof = tree.prove(numbered(1))
    expect(verifySparseProof({ root, key, digest: null, proof })).toBe(true)
  })

  it('hands out bytes that change nothing, and keeps none that it was given', () => {
    const tree = new SparseTree()
    const key = numbered(1).slice()
    const digest = numbered(2).slice()
    tree.set(key, digest)
    const before = tree.root().slice()
    key.fill(7)
    digest.fill(7)
    tree.root().fill(7)
    tree.get(numbered(1))!.fill(7)
    tree.nodeHash(numbered(1), 0).fill(7)
    expect(tree.root()).toEqual(before)
    expect(tree.get(numbered(1))).toEqual(numbered(2))
  })

  it('refuses keys and digests of another length as a bug', () => {
    const tree = treeOf(3)
    expect(() => tree.set(new Uint8Array(31), numbered(1))).toThrow('Invariant broken')
    expect(() => tree.set(numbered(1), new Uint8Array(33))).toThrow('Invariant broken')
    expect(() => tree.get(new Uint8Array(0))).toThrow('Invariant broken')
    expect(() => tree.delete(new Uint8Array(33))).toThrow('Invariant broken')
    expect(() => tree.prove(new Uint8Array(20))).toThrow('Invariant broken')
    expect(() => tree.nodeHash(new Uint8Array(1), 9)).toThrow('Invariant broken')
    expect(() => tree.nodeHash(new Uint8Array(33), 257)).toThrow('Invariant broken')
    expect(tree.size).toBe(3)
  })

  it('uses the room of deleted leaves again, with the same root as a new tree', () => {
    const tree = treeOf(2000)
    for (let round = 0; round < 3; round++) {
      for (let index = 0; index < 2000; index += 2) tree.delete(numbered(index))
      tree.root()
      for (let index = 0; index < 2000; index += 2) tree.set(numbered(index), numbered(~index))
    }
    expect(tree.root()).toEqual(treeOf(2000).root())
  })

  it('updates with a number of hashes that grows with the logarithm of its size', () => {
    const hashesOfUpdate = (size: number) => {
      const tree = treeOf(size)
      tree.root()
      const digest = new Uint8Array(32)
      const updates = 64
      const key = Array.from({ length: updates }, (_, index) => numbered(index * 7))
      return (
        countHashes(() => {
          for (const each of key) {
            digest[0]!++
            tree.set(each, digest)
            tree.root()
          }
        }) / updates
      )
    }
    // Depth of a random key is about log2(n) + 1.3, and its leaf is hashed too.
    expect(hashesOfUpdate(1024)).toBeLessThan(14)
    expect(hashesOfUpdate(16 * 1024)).toBeLessThan(18)
  })

  it('hashes a node once for a batch of changes, and nothing where nothing changed', () => {
    const tree = treeOf(4096)
    const all = countHashes(() => tree.root())
    expect(all).toBeLessThan(3 * 4096)
    expect(countHashes(() => tree.root())).toBe(0)
    const keys = Array.from({ length: 4096 }, (_, index) => numbered(index))
    const same = countHashes(() => {
      for (const key of keys) tree.set(key, tree.get(key)!)
      tree.root()
    })
    expect(same).toBe(0)
    const changed = countHashes(() => {
      for (const key of keys) tree.set(key, key)
      tree.root()
    })
    expect(changed).toBe(all)
  })

  it('lists the leaves below a prefix in order, or says that they are too many', () => {
    const tree = treeOf(200)
    const keys = Array.from({ length: 200 }, (_, index) => numbered(index)).sort(compareBytes)
    const all = tree.leavesBelow(new Uint8Array(), 0, 200)
    expect(all?.map(({ key }) => key)).toEqual(keys)
    expect(tree.leavesBelow(new Uint8Array(), 0, 199)).toBeUndefined()
    const prefix = keys[77]!.slice(0, 1)
    const below = keys.filter((key) => key[0]! >> 4 === prefix[0]! >> 4)
    const found = tree.leavesBelow(prefix, 4, 64)
    expect(found).toEqual(below.map((key) => ({ key, digest: tree.get(key) })))
    expect(tree.leavesBelow(keys[77]!, 256, 1)).toHaveLength(1)
    expect(tree.leavesBelow(numbered(9_999), 256, 1)).toEqual([])
    expect(new SparseTree().leavesBelow(prefix, 4, 64)).toEqual([])
  })

  it('tells a watcher of each change what was there before', () => {
    const tree = treeOf(3)
    const told: (readonly [Uint8Array, Uint8Array | undefined])[] = []
    tree.watch((key, before) => told.push([key, before]))
    tree.set(numbered(7), numbered(8))
    tree.set(numbered(7), numbered(9))
    tree.delete(numbered(7))
    tree.delete(numbered(7))
    expect(told).toEqual([
      [numbered(7), undefined],
      [numbered(7), numbered(8)],
      [numbered(7), numbered(9)],
    ])
  })
})
