import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addressFor, bytes32For } from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Hex, hexToBytes, zeroBytes32 } from './bytes.ts'
import { keccak256 } from './keccak.ts'
import { buildMerkleTree, hashLeaf, rootOfPath } from './merkle.ts'

const leavesOf = (count: number, name = 'leaf') =>
  Array.from({ length: count }, (_, index) => bytes32For(`${name} ${index}`))
const join = (...parts: Hex[]) => `0x${parts.map((part) => part.slice(2)).join('')}` as Hex
const hashNode = (left: Hex, right: Hex) =>
  bytesToHex(keccak256(hexToBytes(join('0x01', left, right))))
const leafHash = (data: Hex) => bytesToHex(hashLeaf(data))

describe('buildMerkleTree', () => {
  it('hashes a leaf with its prefix', () => {
    expect(leafHash('0xab')).toBe(bytesToHex(keccak256(Uint8Array.of(0x00, 0xab))))
  })

  it('makes a single leaf’s hash the root', () => {
    const [leaf] = leavesOf(1)
    const tree = buildMerkleTree([leaf!])
    expect(tree).toMatchObject({ root: leafHash(leaf!), height: 0 })
    expect(tree.pathOf(0)).toEqual({ index: 0, siblings: [] })
  })

  it('hashes pairs in index order and fills up with zeros', () => {
    const [a, b, c] = leavesOf(3)
    const left = hashNode(leafHash(a!), leafHash(b!))
    const right = hashNode(leafHash(c!), zeroBytes32)
    const tree = buildMerkleTree([a!, b!, c!])
    expect(tree).toMatchObject({ root: hashNode(left, right), height: 2 })
    expect(tree.pathOf(2)).toEqual({ index: 2, siblings: [zeroBytes32, left] })
  })

  it('takes 20-byte keys as leaves', () => {
    const keys = ['a', 'b', 'c'].map(addressFor)
    const tree = buildMerkleTree(keys)
    expect(rootOfPath(keys[1]!, tree.pathOf(1))).toBe(tree.root)
  })

  it('crashes on no leaf, and on the path of none', () => {
    expect(() => buildMerkleTree([])).toThrow('Invariant broken')
    const tree = buildMerkleTree(leavesOf(3))
    expect(() => tree.pathOf(3)).toThrow('Invariant broken')
    expect(() => tree.pathOf(-1)).toThrow('Invariant broken')
  })
})

describe('rootOfPath', () => {
  it('leads every leaf of every size of tree to its root', () => {
    for (let count = 1; count <= 33; count++) {
      const leaves = leavesOf(count)
      const tree = buildMerkleTree(leaves)
      expect(tree.height).toBe(Math.ceil(Math.log2(count)))
      leaves.forEach((leaf, index) => {
        expect(rootOfPath(leaf, tree.pathOf(index))).toBe(tree.root)
      })
    }
  })

  it('leads elsewhere with a wrong index, another leaf or a changed sibling', () => {
    const leaves = leavesOf(8)
    const tree = buildMerkleTree(leaves)
    fc.assert(
      fc.property(
        fc.nat(7),
        fc.nat(7),
        fc.nat(2),
        fc.integer({ min: 2, max: 65 }),
        (index, other, level, digit) => {
          const path = tree.pathOf(index)
          const leaf = leaves[index]!
          if (other !== index) {
            expect(rootOfPath(leaf, { ...path, index: other })).not.toBe(tree.root)
            expect(rootOfPath(leaves[other]!, path)).not.toBe(tree.root)
          }
          const sibling = path.siblings[level]!
          const changed = (Number.parseInt(sibling[digit]!, 16) ^ 1).toString(16)
          const siblings = path.siblings.with(
            level,
            `${sibling.slice(0, digit)}${changed}${sibling.slice(digit + 1)}` as Hex,
          )
          expect(rootOfPath(leaf, { index, siblings })).not.toBe(tree.root)
        },
      ),
      { seed: 1, numRuns: 200 },
    )
  })

  it('leads to no root of another tree', () => {
    const path = buildMerkleTree(leavesOf(4)).pathOf(1)
    const other = buildMerkleTree(leavesOf(4, 'other leaf'))
    expect(rootOfPath(leavesOf(4)[1]!, path)).not.toBe(other.root)
  })

  it('does not let a node pose as a leaf, nor a leaf as a node', () => {
    const leaves = leavesOf(4)
    const tree = buildMerkleTree(leaves)
    const hashes = leaves.map(leafHash)
    const left = hashNode(hashes[0]!, hashes[1]!)
    const right = hashNode(hashes[2]!, hashes[3]!)
    const short = { index: 0, siblings: [right] }
    expect(hashNode(left, right)).toBe(tree.root)
    for (const posing of [left, join(hashes[0]!, hashes[1]!), join('0x01', hashes[0]!, hashes[1]!)])
      expect(rootOfPath(posing, short)).not.toBe(tree.root)
    expect(rootOfPath(hashes[0]!, tree.pathOf(0))).not.toBe(tree.root)
  })

  it('does not let the filling pose as a leaf', () => {
    const tree = buildMerkleTree(leavesOf(3))
    const { siblings } = tree.pathOf(2)
    const filling = { index: 3, siblings: [leafHash(leavesOf(3)[2]!), siblings[1]!] }
    expect(rootOfPath(zeroBytes32, filling)).not.toBe(tree.root)
    expect(rootOfPath('0x', filling)).not.toBe(tree.root)
  })

  it.each([
    [-1, 1],
    [2, 1],
    [1, 0],
    [2 ** 31, 31],
    [0, 32],
    [2 ** 33, 33],
  ])('finds no root for index %i at height %i', (index, height) => {
    const siblings = Array.from({ length: height }, () => zeroBytes32)
    expect(rootOfPath(zeroBytes32, { index, siblings })).toBeUndefined()
  })

  it('takes the last index of the highest tree', () => {
    const siblings = Array.from({ length: 31 }, () => zeroBytes32)
    expect(rootOfPath(zeroBytes32, { index: 2 ** 31 - 1, siblings })).toBeDefined()
  })
})
