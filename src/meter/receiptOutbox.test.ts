import { describe, expect, it } from 'vitest'
import type { Bytes32 } from '../protocol/bytes.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wh } from '../protocol/units.ts'
import { ReceiptOutbox } from './receiptOutbox.ts'

const ctpId: Bytes32 = `0x${'11'.repeat(32)}`
const other: Bytes32 = `0x${'22'.repeat(32)}`
const options = { everyMs: 60_000, retryMs: 1_000, longestRetryMs: 8_000 }
const startMs = 1_000_000_000
const away = new SpbError('node/unreachable')

function growing(deliveredWh: number, change: { isFull?: boolean; id?: Bytes32 } = {}) {
  const { isFull = false, id = ctpId } = change
  const expirySeconds = seconds(startMs / 1000 + 600)
  return { ctpId: id, isFull, expirySeconds, deliveredWh: wh(deliveredWh) }
}

describe('the outbox of receipts', () => {
  it('sends the first receipt at once, and the next ones now and then', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    expect(outbox.due(startMs)).toEqual([ctpId])
    outbox.sent(ctpId, wh(10), startMs)
    expect(outbox.size).toBe(0)
    outbox.add(growing(20), startMs + 5_000)
    expect(outbox.due(startMs + 59_999)).toEqual([])
    expect(outbox.due(startMs + 60_000)).toEqual([ctpId])
  })

  it('sends a full delivery at once', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    outbox.sent(ctpId, wh(10), startMs)
    outbox.add(growing(100, { isFull: true }), startMs + 1)
    expect(outbox.due(startMs + 1)).toEqual([ctpId])
  })

  it('sends what came of a partial delivery at the deadline', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs + 570_000)
    outbox.sent(ctpId, wh(10), startMs + 570_000)
    outbox.add(growing(20), startMs + 590_000)
    expect(outbox.due(startMs + 599_000)).toEqual([])
    expect(outbox.due(startMs + 600_000)).toEqual([ctpId])
  })

  it('keeps energy that came while a receipt was on its way', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    outbox.add(growing(15), startMs + 10)
    outbox.sent(ctpId, wh(10), startMs + 20)
    expect(outbox.size).toBe(1)
    expect(outbox.due(startMs + 60_020)).toEqual([ctpId])
  })

  it('waits longer after each failure, up to a bound, also when more comes', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    let nowMs = startMs
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 8_000]) {
      outbox.failed(ctpId, away, nowMs, 1)
      outbox.add(growing(11, { isFull: true }), nowMs)
      expect(outbox.due(nowMs + waitMs - 1)).toEqual([])
      nowMs += waitMs
      expect(outbox.due(nowMs)).toEqual([ctpId])
    }
    expect(outbox.lastError).toBe(away)
    outbox.sent(ctpId, wh(11), nowMs)
    expect(outbox.lastError).toBeUndefined()
  })

  it('keeps retries of many meters apart by chance', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    outbox.failed(ctpId, away, startMs, 0)
    expect(outbox.due(startMs + 499)).toEqual([])
    expect(outbox.due(startMs + 500)).toEqual([ctpId])
  })

  it('gives up one receipt, and no other', () => {
    const outbox = new ReceiptOutbox(options)
    outbox.add(growing(10), startMs)
    outbox.add(growing(10, { id: other }), startMs)
    outbox.drop(ctpId)
    outbox.failed(ctpId, away, startMs, 0)
    expect(outbox.due(startMs)).toEqual([other])
  })
})
