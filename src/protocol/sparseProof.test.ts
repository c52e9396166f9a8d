import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Bytes32, bytesToHex, hexToBytes, zeroBytes32 } from './bytes.ts'
import { keccak256 } from './keccak.ts'
import {
  decodeSparseProof,
  hashSparseLeaf,
  type SparseClaim,
  type SparseProof,
  verifySparseProof,
} from './sparseProof.ts'

const hex = (fill: number): Bytes32 => `0x${fill.toString(16).padStart(2, '0').repeat(32)}`
const leaf = (key: Bytes32, digest: Bytes32) => hashSparseLeaf(hexToBytes(key), hexToBytes(digest))
const node = (left: Uint8Array, right: Uint8Array) => keccak256(Uint8Array.of(1), left, right)

/** Three leaves: 00… in the left half, 80… and c0… in the right one. */
const [low, middle, high] = [hex(0x00), hex(0x80), hex(0xc0)]
const [lowDigest, middleDigest, highDigest] = [hex(1), hex(2), hex(3)]
const right = node(leaf(middle, middleDigest), leaf(high, highDigest))
const root = bytesToHex(node(leaf(low, lowDigest), right))
const proofOfHigh: SparseProof = {
  siblings: [bytesToHex(leaf(middle, middleDigest)), bytesToHex(leaf(low, lowDigest))],
  neighbour: null,
}
const proofAtLow: SparseProof = {
  siblings: [bytesToHex(right)],
  neighbour: { key: low, digest: lowDigest },
}

describe('verifySparseProof', () => {
  it('accepts presence', () => {
    const claim = { root, key: high, digest: highDigest, proof: proofOfHigh }
    expect(verifySparseProof(claim)).toBe(true)
    expect(
      verifySparseProof({ ...claim, root: root.toUpperCase().replace('X', 'x') as Bytes32 }),
    ).toBe(true)
  })

  it('accepts absence at another leaf, at an empty side, and in an empty tree', () => {
    const atLeaf = { root, key: hex(0x01), digest: null, proof: proofAtLow }
    expect(verifySparseProof(atLeaf)).toBe(true)
    const gap = bytesToHex(node(new Uint8Array(32), right))
    const atGap: SparseProof = { siblings: [bytesToHex(right)], neighbour: null }
    expect(verifySparseProof({ root: gap, key: low, digest: null, proof: atGap })).toBe(true)
    const nothing: SparseProof = { siblings: [], neighbour: null }
    expect(verifySparseProof({ root: zeroBytes32, key: low, digest: null, proof: nothing })).toBe(
      true,
    )
  })

  it.each<[string, Partial<SparseClaim>]>([
    ['another digest', { digest: middleDigest }],
    ['another key', { key: middle }],
    ['absence of what is there', { digest: null }],
    ['another root', { root: hex(9) }],
    [
      'a neighbour besides a digest',
      { proof: { ...proofOfHigh, neighbour: proofAtLow.neighbour } },
    ],
    ['a sibling less', { proof: { siblings: proofOfHigh.siblings.slice(1), neighbour: null } }],
    [
      'siblings turned round',
      {
        proof: { siblings: proofOfHigh.siblings.toReversed(), neighbour: null },
      },
    ],
  ])('refuses %s', (_what, change) => {
    const claim = { root, key: high, digest: highDigest, proof: proofOfHigh, ...change }
    expect(verifySparseProof(claim)).toBe(false)
  })

  it('refuses absence at the key’s own leaf, and at a leaf that is not on its way', () => {
    expect(verifySparseProof({ root, key: low, digest: null, proof: proofAtLow })).toBe(false)
    const misplaced = bytesToHex(node(right, leaf(low, lowDigest)))
    expect(verifySparseProof({ root: misplaced, key: high, digest: null, proof: proofAtLow })).toBe(
      false,
    )
  })

  it('refuses an inner node that poses as a leaf', () => {
    // Were leaves not prefixed, the two hashes under `right` would be a key and its digest.
    const claim: SparseClaim = {
      root,
      key: bytesToHex(leaf(middle, middleDigest)),
      digest: bytesToHex(leaf(high, highDigest)),
      proof: { siblings: [bytesToHex(leaf(low, lowDigest))], neighbour: null },
    }
    expect(verifySparseProof(claim)).toBe(false)
  })

  it('refuses whatever is not a proof without throwing', () => {
    const nearly = fc.record({
      siblings: fc.array(fc.constantFrom(low, '0x', '0xzz', 7, null), { maxLength: 3 }),
      neighbour: fc.constantFrom(null, {}, { key: low, digest: 'x' }, proofAtLow.neighbour, 3),
    })
    const field = fc.oneof(fc.anything(), fc.constantFrom(low, null, `${low}00`))
    fc.assert(
      fc.property(field, field, field, fc.oneof(fc.anything(), nearly), (...parts) => {
        const [asRoot, key, digest, proof] = parts
        const claim = { root: asRoot, key, digest, proof } as unknown as SparseClaim
        const isEmpty = asRoot === low && key === low && digest === null
        const verdict = verifySparseProof(claim)
        // The zero hash is the root of the empty tree, which such a claim may well hit.
        if (!isEmpty) expect(verdict).toBe(false)
      }),
      { seed: 1, numRuns: 1000 },
    )
  })

  it('refuses more siblings than a key has bits', () => {
    let hash = leaf(low, lowDigest)
    const siblings: Bytes32[] = []
    for (let level = 0; level < 257; level++) {
      siblings.push(zeroBytes32)
      hash = node(hash, new Uint8Array(32))
      const claim: SparseClaim = {
        root: bytesToHex(hash),
        key: low,
        digest: lowDigest,
        proof: { siblings, neighbour: null },
      }
      if (level >= 254) expect(verifySparseProof(claim)).toBe(siblings.length <= 256)
    }
  })
})

describe('decodeSparseProof', () => {
  it('reads back what JSON made of a proof', () => {
    for (const proof of [proofOfHigh, proofAtLow]) {
      expect(decodeSparseProof(JSON.parse(JSON.stringify(proof)))).toEqual(proof)
    }
  })

  it.each([
    [null, 'input/shape'],
    [[], 'input/shape'],
    [{ siblings: [] }, 'input/shape'],
    [{ siblings: {}, neighbour: null }, 'input/shape'],
    [{ siblings: [], neighbour: [] }, 'input/shape'],
    [{ siblings: [], neighbour: null, more: 1 }, 'input/shape'],
    [{ siblings: [], neighbour: { key: low } }, 'input/shape'],
    [{ siblings: ['0x00'], neighbour: null }, 'input/hex'],
    [{ siblings: [], neighbour: { key: low, digest: 5 } }, 'input/hex'],
    [{ siblings: Array(257).fill(low), neighbour: null }, 'input/too-large'],
  ])('refuses %j', (value, code) => {
    expect(() => decodeSparseProof(value)).toThrow(expect.objectContaining({ code }))
  })
})
