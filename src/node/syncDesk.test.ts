import { describe, expect, it } from 'vitest'
import {
  makeContext,
  makeManyRecords,
  openLedger,
  peerOf,
  receiptOf,
} from '../../test/support/syncFixture.ts'
import { testMarket } from '../../test/support/tradeFixture.ts'
import { certifyRecord } from '../ledger/ctpRecords.ts'
import { RecoveryCache } from '../ledger/recoveryCache.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import type { RecordsTell, TreePlace, TreeTell } from '../protocol/nodeMessages.ts'
import { SyncDesk } from './syncDesk.ts'
import { childPlaces, rootPlace } from './treePlaces.ts'

const peer = peerOf(1)

function openDesk(count: number, options = { asksPerSecond: 4, asksAtOnce: 8 }) {
  const state = openLedger()
  const context = makeContext(state, 0, [1])
  const records = makeManyRecords(count)
  const cache = new RecoveryCache(testMarket)
  for (const record of records) certifyRecord(state, record, cache)
  const desk = new SyncDesk(options, context)
  const ask = (message: Parameters<SyncDesk['take']>[1]) => {
    context.effects.length = 0
    const judgement = desk.take(peer, message)
    const [effect] = context.effects
    return { judgement, answer: effect?.kind === 'send' ? effect.message : undefined }
  }
  const askTree = (...places: TreePlace[]) => ask({ kind: 'treeAsk', id: 7, places })
  return { state, context, desk, records, cache, ask, askTree }
}

describe('SyncDesk', () => {
  it('tells hashes of 16 subtrees, or all leaves where they are few', () => {
    const { state, askTree, records } = openDesk(200)
    const { answer } = askTree(rootPlace)
    expect(answer).toMatchObject({ kind: 'treeTell', id: 7 })
    const { root, answers } = answer as TreeTell
    expect(root).toBe(bytesToHex(state.tree.root()))
    const children = childPlaces(rootPlace)
    expect(children.map(({ prefix }) => prefix).slice(-2)).toEqual(['0xe0', '0xf0'])
    expect(answers[0]).toEqual({
      kind: 'hashes',
      hashes: children.map(({ prefix, bits }) =>
        bytesToHex(state.tree.nodeHash(hexToBytes(prefix), bits)),
      ),
    })
    const below = (askTree(...children).answer as TreeTell).answers
    const ids = below.flatMap((each) => (each.kind === 'leaves' ? each.leaves : []))
    expect(ids.map(({ ctpId }) => ctpId)).toEqual(records.map(({ ctpId }) => ctpId).sort())
    expect(ids[0]!.digest).toBe(bytesToHex(state.tree.get(hexToBytes(ids[0]!.ctpId))!))
  })

  it('tells what it keeps of CTPs, and says nothing of others', () => {
    const { state, ask, records, cache } = openDesk(3)
    const receipt = receiptOf(records[1]!, 100)
    certifyRecord(state, { ...records[1]!, receipt }, cache)
    const stranger: Bytes32 = `0x${'12'.repeat(32)}`
    const ctpIds = [records[2]!.ctpId, stranger, records[1]!.ctpId]
    const { answer, judgement } = ask({ kind: 'recordsAsk', id: 9, ctpIds })
    expect(judgement).toEqual({ verdict: 'accept' })
    expect(answer).toMatchObject({ kind: 'recordsTell', id: 9 })
    expect((answer as RecordsTell).records).toEqual([
      { certificate: records[2]!.certificate },
      { certificate: records[1]!.certificate, receipt },
    ])
  })

  it.each([
    ['between steps', { prefix: '0x12', bits: 6 }],
    ['too deep', { prefix: `0x${'00'.repeat(32)}`, bits: 256 }],
    ['with a prefix too short', { prefix: '0x', bits: 4 }],
    ['with digits beyond its bits', { prefix: '0x12', bits: 4 }],
    ['of less than nothing', { prefix: '0x', bits: -4 }],
  ] as const)('rejects a place %s', (_, place) => {
    const { askTree } = openDesk(1)
    expect(askTree(rootPlace, place)).toEqual({
      judgement: { verdict: 'reject', code: 'input/shape' },
      answer: undefined,
    })
  })

  it('drops what one peer asks beyond its budget, and serves it again later', () => {
    const { askTree, context, desk } = openDesk(1)
    for (let count = 0; count < 8; count++) {
      expect(askTree(rootPlace).judgement.verdict).toBe('accept')
    }
    const overloaded = { verdict: 'ignore', code: 'node/overloaded' }
    expect(askTree(rootPlace)).toEqual({ judgement: overloaded, answer: undefined })
    const ask = { kind: 'treeAsk' as const, id: 1, places: [rootPlace] }
    expect(desk.take(peerOf(2), ask).verdict).toBe('accept')
    context.clock.nowMs += 250
    expect(askTree(rootPlace).judgement.verdict).toBe('accept')
    expect(askTree(rootPlace).judgement.verdict).toBe('ignore')
    desk.noteConnection(peer, false)
    expect(askTree(rootPlace).judgement.verdict).toBe('accept')
  })
})
