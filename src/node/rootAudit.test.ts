import { describe, expect, it } from 'vitest'
import {
  addBlock,
  makeContext,
  makeManyRecords,
  openLedger,
  peerOf,
} from '../../test/support/syncFixture.ts'
import { testMarket } from '../../test/support/tradeFixture.ts'
import { certifyRecord } from '../ledger/ctpRecords.ts'
import { RecoveryCache } from '../ledger/recoveryCache.ts'
import type { BlockHeader } from '../ports/chain.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import { rootExtraOf } from '../protocol/rootText.ts'
import { RootAudit } from './rootAudit.ts'

const rootOf = (index: number): Bytes32 => `0x${index.toString(16).padStart(2, '0').repeat(32)}`
const proposerOf = (index: number): Address => `0x${String(index).repeat(40)}`
/** A header that names a root, made by a proposer. */
const naming = (root: Bytes32, proposer = 1) => ({
  extra: rootExtraOf(root),
  proposer: proposerOf(proposer),
})

function openAudit() {
  const state = openLedger()
  const context = makeContext(state, 0, [1, 2, 3])
  const compared: string[] = []
  const told: string[] = []
  const audit = new RootAudit(context, {
    onDifference: (peer) => compared.push(peer),
    onRoot: (peer, root) => told.push(`${peer} ${root}`),
  })
  /** The chain grows by a block of that header. */
  const grow = (header?: Pick<BlockHeader, 'extra' | 'proposer'>) => {
    context.effects.length = 0
    const { head } = addBlock(state)
    const { number, hash } = head
    const headers = header === undefined ? [] : [{ number, hash, ...header }]
    const nothing = { events: [], headEvents: [], trades: [], skipped: [], accounts: [] }
    audit.noteUpdate({ confirmed: head, head, ...nothing, headers })
    return head.number
  }
  const tell = (peer: number, root: Bytes32, headNumber = state.head!.number) =>
    audit.take(peerOf(peer), { kind: 'root', root, headNumber })
  const kinds = () => context.effects.map(({ kind }) => kind)
  // Blocks of the first moments are not judged: their notices may have come before the start.
  for (let count = 0; count < 4; count++) grow()
  return { state, context, audit, grow, tell, compared, told, kinds }
}

describe('RootAudit', () => {
  it('hands the root to the client and tells it to peers, once a head', () => {
    const { state, context, audit, grow } = openAudit()
    const [record] = makeManyRecords(1)
    certifyRecord(state, record!, new RecoveryCache(testMarket))
    const headNumber = grow()
    const root = bytesToHex(state.tree.root())
    expect(context.effects[0]).toEqual({ kind: 'announceRoot', root })
    expect(context.effects.slice(1)).toEqual(
      [1, 2, 3].map((peer) => ({
        kind: 'send',
        peer: peerOf(peer),
        message: { kind: 'root', root, headNumber },
      })),
    )
    expect(audit.history.list().at(-1)).toEqual({ root, headNumber })
    context.effects.length = 0
    const nothing = { events: [], headEvents: [], trades: [], skipped: [], accounts: [] }
    audit.noteUpdate({ confirmed: state.confirmed!, head: state.head!, ...nothing })
    expect(context.effects).toEqual([])
  })

  it('compares with the member whose root a header has, and calls that no divergence', () => {
    const { audit, grow, tell, compared, told } = openAudit()
    expect(tell(1, rootOf(7))).toEqual({ verdict: 'accept' })
    grow(naming(rootOf(7)))
    expect(compared).toEqual([peerOf(1)])
    expect(told).toEqual([`${peerOf(1)} ${rootOf(7)}`])
    expect([audit.audited, audit.divergence]).toEqual([1, 0])
  })

  it('waits some blocks for a notice that is late', () => {
    const { audit, grow, tell, kinds } = openAudit()
    for (const peer of [1, 2, 3]) tell(peer, rootOf(peer))
    grow(naming(rootOf(7)))
    grow()
    expect(kinds()).not.toContain('log')
    tell(1, rootOf(7))
    grow()
    grow()
    expect([audit.audited, audit.divergence]).toEqual([1, 0])
  })

  it('P4: says so when a proposer’s root was told to nobody, and compares with its owner', () => {
    const { audit, grow, tell, compared, context } = openAudit()
    tell(1, rootOf(7))
    grow(naming(rootOf(7)))
    const number = grow(naming(rootOf(8)))
    for (let count = 0; count < 3; count++) {
      expect(audit.divergence).toBe(0)
      grow()
    }
    expect(audit.divergence).toBe(1)
    expect(compared).toEqual([peerOf(1), peerOf(1)])
    const [log] = context.effects.filter(({ kind }) => kind === 'log')
    const meta = { number, peer: peerOf(1), proposer: proposerOf(1) }
    expect(log).toMatchObject({ level: 'warn', meta })
  })

  it('says so when a root was told long ago, also when it was this node’s own', () => {
    const { audit, grow, tell, state } = openAudit()
    tell(1, rootOf(7), state.head!.number - 20)
    grow(naming(rootOf(7)))
    expect([audit.audited, audit.divergence]).toEqual([0, 1])
    for (const peer of [1, 2, 3]) tell(peer, rootOf(peer))
    const cache = new RecoveryCache(testMarket)
    const [first, second] = makeManyRecords(2)
    certifyRecord(state, first!, cache)
    grow()
    const old = bytesToHex(state.tree.root())
    grow(naming(old, 2))
    expect(audit.divergence).toBe(1)
    certifyRecord(state, second!, cache)
    for (let count = 0; count < 18; count++) grow()
    grow(naming(old, 2))
    for (let count = 0; count < 4; count++) grow()
    expect(audit.divergence).toBe(2)
  })

  it('judges nobody while not all members told a root, nor what is no root', () => {
    const { audit, grow, tell } = openAudit()
    tell(1, rootOf(1))
    tell(2, rootOf(2))
    grow(naming(rootOf(9)))
    for (let count = 0; count < 4; count++) grow()
    expect(audit.divergence).toBe(0)
    tell(3, rootOf(3))
    const version: Hex = `0xd883010d0f${'00'.repeat(27)}`
    for (const extra of [version, `0x${'00'.repeat(32)}`, '0x', '0x1234'] satisfies Hex[]) {
      grow({ extra, proposer: undefined })
    }
    for (let count = 0; count < 4; count++) grow()
    expect(audit.divergence).toBe(0)
    grow(naming(rootOf(9)))
    for (let count = 0; count < 4; count++) grow()
    expect(audit.divergence).toBe(1)
  })

  it('takes nobody for a proposer’s owner while several told the same root', () => {
    const { audit, grow, tell, compared } = openAudit()
    tell(1, rootOf(7))
    tell(2, rootOf(7))
    grow(naming(rootOf(7)))
    tell(2, rootOf(8))
    grow(naming(rootOf(8)))
    expect(compared.at(-1)).toBe(peerOf(2))
    // Now it is known whose it is, and what another member tells is no excuse of long standing.
    grow(naming(rootOf(9)))
    for (let count = 0; count < 4; count++) grow()
    expect(compared.at(-1)).toBe(peerOf(2))
    expect(audit.divergence).toBe(1)
  })

  it('keeps 64 roots of a member, none of a stranger, and forgets who left', () => {
    const { audit, grow, tell, context } = openAudit()
    context.peers.noteConnection('stranger', true)
    audit.take('stranger', { kind: 'root', root: rootOf(99), headNumber: 9 })
    for (let index = 1; index <= 65; index++) tell(1, rootOf(index))
    grow(naming(rootOf(1)))
    grow(naming(rootOf(99)))
    expect(audit.audited).toBe(0)
    grow(naming(rootOf(2)))
    expect(audit.audited).toBe(1)
    audit.noteConnection(peerOf(1), false)
    grow(naming(rootOf(3)))
    expect(audit.audited).toBe(1)
  })
})
