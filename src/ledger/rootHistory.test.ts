import { describe, expect, it } from 'vitest'
import { addBlock, openLedger } from '../../test/support/syncFixture.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { verifySparseProof } from '../protocol/sparseProof.ts'
import { rollBack } from './chainUpdates.ts'
import type { LedgerState } from './ledgerState.ts'
import { RootHistory } from './rootHistory.ts'

const numbered = (index: number) => keccak256(Uint8Array.of(index >> 16, index >> 8, index))
const idOf = (index: number): Bytes32 => bytesToHex(numbered(index))

/** Proves an id at a root and checks the proof as a stranger would; what was there. */
function provenAt(history: RootHistory, root: Bytes32, ctpId: Bytes32) {
  const past = history.proveAt(root, ctpId)
  expect(past).toBeDefined()
  const { digest, proof } = past!
  expect(verifySparseProof({ root, key: ctpId, digest, proof })).toBe(true)
  return digest
}

function fill(state: LedgerState, from: number, to: number, shift = 1): void {
  for (let index = from; index < to; index++)
    state.tree.set(numbered(index), numbered(index + shift))
}

describe('RootHistory', () => {
  // The sizes at which none, some and all levels of hashes are kept.
  it.each([0, 1, 2, 40, 600, 20_000])('proves what was there, of %i leaves', (count) => {
    const state = openLedger()
    const history = new RootHistory(state)
    fill(state, 0, count)
    const roots: Bytes32[] = []
    for (let round = 0; round < 4; round++) {
      roots.push(history.note(round))
      fill(state, 0, 3, 100 + round)
      state.tree.delete(numbered(4 + round))
      fill(state, count + 5 * round, count + 5 * round + 5)
    }
    const last = count + 9
    expect(provenAt(history, roots[0]!, idOf(1))).toBe(count > 1 ? idOf(2) : null)
    expect(provenAt(history, roots[2]!, idOf(1))).toBe(idOf(102))
    expect(provenAt(history, roots[1]!, idOf(4))).toBe(count > 4 ? null : idOf(5))
    expect(provenAt(history, roots[0]!, idOf(4))).toBe(count > 4 ? idOf(5) : null)
    expect(provenAt(history, roots[1]!, idOf(last))).toBe(null)
    expect(provenAt(history, roots[3]!, idOf(last))).toBe(idOf(last + 1))
    for (let index = 1_000_000; index < 1_000_040; index++) {
      expect(provenAt(history, roots[0]!, idOf(index))).toBe(null)
    }
  })

  it('proves a leaf that is alone in its subtree', () => {
    const state = openLedger()
    const history = new RootHistory(state)
    // All keys but one start with a zero byte, so that nine levels have one subtree.
    const [lonely, lower] = [Uint8Array.from(numbered(0)), Uint8Array.from(numbered(1))]
    lonely[0] = 0xff
    lower[0] = 0xfe
    for (let index = 2; index < 9_000; index++) {
      const key = Uint8Array.from(numbered(index))
      key[0] = 0
      state.tree.set(key, numbered(index))
    }
    state.tree.set(lonely, numbered(7))
    const root = history.note(1)
    expect(provenAt(history, root, bytesToHex(lonely))).toBe(idOf(7))
    expect(provenAt(history, root, bytesToHex(lower))).toBe(null)
    state.tree.set(lower, numbered(8))
    expect(provenAt(history, root, bytesToHex(lower))).toBe(null)
    expect(provenAt(history, history.note(2), bytesToHex(lower))).toBe(idOf(8))
  })

  it('remembers the last 64 roots, and of equal ones the newest head', () => {
    const state = openLedger()
    const history = new RootHistory(state)
    const roots = Array.from({ length: 65 }, (_, index) => {
      fill(state, index, index + 1)
      return history.note(index)
    })
    expect(history.note(99)).toBe(roots[64])
    expect(history.list()).toHaveLength(64)
    expect(history.list().at(-1)).toEqual({ root: roots[64], headNumber: 99 })
    expect(history.proveAt(roots[0]!, idOf(0))).toBeUndefined()
    expect(provenAt(history, roots[1]!, idOf(2))).toBe(null)
  })

  it('forgets roots after which too much changed', () => {
    const state = openLedger()
    const history = new RootHistory(state)
    fill(state, 0, 20_000)
    const first = history.note(1)
    fill(state, 20_000, 80_000)
    const second = history.note(2)
    expect(provenAt(history, first, idOf(1))).toBe(idOf(2))
    fill(state, 80_000, 120_001)
    expect(history.proveAt(first, idOf(1))).toBeUndefined()
    expect(provenAt(history, second, idOf(80_000))).toBe(null)
  })

  it('starts anew after a roll-back', () => {
    const state = openLedger()
    addBlock(state)
    const history = new RootHistory(state)
    const root = history.note(1)
    rollBack(state)
    expect(history.proveAt(root, idOf(1))).toBeUndefined()
    expect(history.list()).toEqual([])
    expect(history.note(1)).toBe(root)
    fill(state, 0, 3)
    expect(provenAt(history, root, idOf(1))).toBe(null)
    expect(hexToBytes(history.note(2))).toEqual(state.tree.root())
  })
})
