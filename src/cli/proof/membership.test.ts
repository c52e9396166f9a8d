import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { BlockHeader } from '../../ports/chain.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../../protocol/bytes.ts'
import { rootExtraOf } from '../../protocol/rootText.ts'
import { hashSparseLeaf } from '../../protocol/sparseProof.ts'
import { createTestCli, runCli } from '../testCli.cases.ts'
import { findMembership } from './findMembership.ts'
import { type MembershipProof, parseMembershipProof } from './membershipProof.ts'

const bytes32 = (byte: number): Bytes32 => bytesToHex(new Uint8Array(32).fill(byte))
const proof = { siblings: [], neighbour: null }
const viewOf = (byte: number) => ({ root: bytes32(byte), digest: bytes32(1), proof })
const headerOf = (number: number, byte: number): BlockHeader => ({
  ...{ number, hash: bytes32(number), proposer: undefined, extra: rootExtraOf(bytes32(byte)) },
})

describe('looking for a header', () => {
  it('finds the newest lasting one that names a root of which a proof was given', async () => {
    const headers = [0, 1, 2, 3, 4, 5].map((number) => headerOf(number, number < 2 ? 7 : 50))
    let head = 4
    const found = await findMembership(
      {
        readProof: async () => viewOf(7),
        readHead: async () => head++,
        readHeaders: async (from, to) => headers.slice(from, to + 1),
        nowMs: () => 0,
      },
      1_000,
    )
    expect(found).toEqual({ view: viewOf(7), header: headers[1] })
  })

  it('keeps proofs of roots that the node has left behind', async () => {
    let [polls, head] = [0, 10]
    const found = await findMembership(
      {
        readProof: async () => viewOf(100 + polls++),
        readHead: async () => head++,
        readHeaders: async (from, to) => (from <= 8 && to >= 8 ? [headerOf(8, 100)] : []),
        nowMs: () => 0,
      },
      1_000,
    )
    expect(found.header?.number).toBe(8)
    expect(found.view).toEqual(viewOf(100))
  })

  it('gives up in time, with a proof that no header names', async () => {
    let nowMs = 0
    const found = await findMembership(
      {
        readProof: async () => viewOf(7),
        readHead: async () => 9,
        readHeaders: async () => [],
        nowMs: () => {
          nowMs += 600
          return nowMs
        },
      },
      1_000,
    )
    expect(found).toEqual({ view: viewOf(7), header: undefined })
  })
})

describe('a membership proof', () => {
  const [ctpId, digest] = [bytes32(2), bytes32(3)]
  const root = bytesToHex(hashSparseLeaf(hexToBytes(ctpId), hexToBytes(digest)))
  const market = { chainId: 5, address: `0x${'aa'.repeat(20)}` } as const
  const whole: MembershipProof = { version: 1, market, ctpId, digest, root, proof, block: null }

  function write(value: unknown) {
    const cli = createTestCli()
    mkdirSync(cli.cwd, { recursive: true })
    writeFileSync(
      join(cli.cwd, 'proof.json'),
      typeof value === 'string' ? value : JSON.stringify(value),
    )
    return cli
  }

  it('is read as it was written', () => {
    const block = { number: 4, hash: bytes32(9), proposer: null }
    expect(parseMembershipProof(JSON.stringify({ ...whole, block }))).toEqual({ ...whole, block })
  })

  it('is checked without a chain as far as that goes', async () => {
    const { code, out } = await runCli(write(whole), 'proof verify proof.json --json')
    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ verdict: 'path-valid', isLive: true })
  })

  it('does not hold where another state or CTP is claimed', async () => {
    for (const change of [{ digest: bytes32(4) }, { ctpId: bytes32(4) }, { digest: null }]) {
      const { code, out } = await runCli(write({ ...whole, ...change }), 'proof verify proof.json')
      expect(code).toBe(3)
      expect(out).toContain('Not valid')
    }
  })

  it.each([
    ['input/shape', '{'],
    ['input/shape', { ...whole, version: 2 }],
    ['input/shape', { ...whole, surplus: 1 }],
    ['input/hex', { ...whole, root: '0x12' }],
    ['input/too-large', ' '.repeat(40_000)],
  ])('is refused with %s where it is none', async (error, value) => {
    const { code, out } = await runCli(write(value), 'proof verify proof.json --json')
    expect([code, JSON.parse(out).error.code]).toEqual([2, error])
  })

  it('needs a file', async () => {
    const { code } = await runCli(createTestCli(), 'proof verify nothing.json')
    expect(code).toBe(2)
  })
})
