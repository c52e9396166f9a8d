import { describe, expect, it } from 'vitest'
import { accountOf, blockOf, eventOf } from '../../test/support/machineFixture.ts'
import { type SettlementTrade, SettlementWorld } from '../../test/support/settlementFixture.ts'
import { addBlock, committee, members } from '../../test/support/syncFixture.ts'
import {
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { buckets } from '../ledger/buckets.ts'
import { recordVote } from '../ledger/voting.ts'
import { zeroBytes32 } from '../protocol/bytes.ts'
import { verifyCtpSubmission } from '../protocol/ctpSubmission.ts'
import type { SettleReply, SettleRequest } from '../protocol/nodeMessages.ts'
import { itemsHashOf, packBatch } from '../protocol/settlementBatch.ts'
import { recoverMessage } from '../protocol/signature.ts'
import { type SignedErc, verifyErc } from '../protocol/signedErc.ts'
import { wei, wh } from '../protocol/units.ts'

const thief = partyOf('thief')
const consumer = partyOf('consumer')

type Part = { trade: SettlementTrade; receipt: SignedErc; deliveredWh?: number; amountWei?: bigint }

/** An order over trades as a proposer may make it up: by default as their receipts say. */
function orderOf(parts: readonly Part[], fields: Partial<SettleRequest> = {}): SettleRequest {
  const items = parts.map(({ trade, receipt, deliveredWh, amountWei }) => {
    const { ctp, consumerSignature } = trade.record.certificate
    return {
      ctp: amountWei === undefined ? ctp : { ...ctp, amountWei: wei(amountWei) },
      consumerSignature,
      deliveredWh: wh(deliveredWh ?? receipt.erc.deliveredWh),
    }
  })
  return {
    ...{ kind: 'settleRequest', id: 7, epoch: 1, sequence: 3n, beneficiary: thief.address },
    items: packBatch(items),
    receipts: parts.map(({ receipt }) => receipt),
    ...fields,
  }
}

/** Members 1 to 3 judge what member 0 asks for; nobody proposes by himself. */
class DeskWorld extends SettlementWorld {
  constructor() {
    super({ batchItems: 1_000, batchAgeMs: 1e9, takeoverMs: 1e9 })
  }

  /** What member 1 thinks of an order, and what it answers. */
  ask(request: SettleRequest, from = 0) {
    const before = this.sent.length
    const judgement = this.take(1, from, request)
    const replies = this.sent.slice(before).map(({ message }) => message as SettleReply)
    expect(replies.length).toBeLessThanOrEqual(1)
    return { judgement, reply: replies[0] }
  }

  /** The codes with which member 1 refuses an order's items. */
  codes(request: SettleRequest): string[] {
    const { judgement, reply } = this.ask(request)
    expect(judgement).toEqual({ verdict: 'accept' })
    expect(reply).toMatchObject({ kind: 'settleReply', id: request.id })
    expect(reply!.signature).toBeUndefined()
    return reply!.refusals.map(({ code }) => code)
  }

  get state() {
    return this.members[1]!.state
  }
}

function expectSigned(world: DeskWorld, request: SettleRequest): void {
  const { judgement, reply } = world.ask(request)
  expect(judgement).toEqual({ verdict: 'accept' })
  expect(reply).toMatchObject({ id: request.id, refusals: [] })
  const { epoch, sequence, beneficiary, items } = request
  const order = { epoch, sequence, beneficiary, itemsHash: itemsHashOf(items) }
  const signer = recoverMessage(testMarket, 'Settlement', order, reply!.signature!)
  expect(signer).toBe(members[1]!.address)
}

const rejection = (code: string) => ({ judgement: { verdict: 'reject', code }, reply: undefined })

describe('a member that is asked to sign', () => {
  it('signs what it would settle itself, and has written it down before that leaves', () => {
    const world = new DeskWorld()
    const trades = [world.trade(), world.trade()]
    const parts = trades.map((trade) => ({ trade, receipt: trade.receiptOf(500) }))
    for (const { receipt } of parts) world.receipt(receipt, [1])
    const request = orderOf(parts)
    const isWritten: boolean[] = []
    world.filter = () => {
      isWritten.push(world.state.batches.has(itemsHashOf(request.items)))
      return true
    }
    expectSigned(world, request)
    expect(isWritten).toEqual([true])
    expect(world.state.store.count(buckets.batch)).toBe(1)
    expectSigned(world, request)
    expect(world.state.store.count(buckets.batch)).toBe(1)
  })

  it('P3: takes in a higher receipt than it knew', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    world.receipt(trade.receiptOf(100), [1])
    expectSigned(world, orderOf([{ trade, receipt: trade.receiptOf(500) }]))
    expect(world.state.live.get(trade.ctpId)).toMatchObject({ deliveredWh: 500 })
    expect(world.members[1]!.effects).toMatchObject([
      { kind: 'event', event: { kind: 'ctp', ctp: { deliveredWh: 500 } } },
    ])
  })

  it('refuses a lower one, and shows the highest that it knows', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    world.receipt(trade.receiptOf(300), [1])
    world.block({ timeSeconds: startSeconds + 1_200 })
    const { reply } = world.ask(orderOf([{ trade, receipt: trade.receiptOf(200) }]))
    expect(reply!.refusals).toEqual([
      { place: 0, code: 'erc/lower', receipt: trade.receiptOf(300) },
    ])
    verifyErc(testMarket, reply!.refusals[0]!.receipt!, trade.record.certificate.ctp.meterKey)
    expectSigned(world, orderOf([{ trade, receipt: trade.receiptOf(300) }]))
  })

  it('signs any receipt of a full delivery: more energy pays no more', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    world.receipt(trade.receiptOf(700), [1])
    expectSigned(world, orderOf([{ trade, receipt: trade.receiptOf(500) }]))
    expect(world.codes(orderOf([{ trade, receipt: trade.receiptOf(499) }]))).toEqual(['erc/lower'])
  })

  it('names every item that it refuses, and signs none of the others with them', () => {
    const world = new DeskWorld()
    const trades = [world.trade(), world.trade([0]), world.trade(), world.trade()]
    const parts = trades.map((trade) => ({ trade, receipt: trade.receiptOf(500) }))
    parts[2] = { trade: trades[2]!, receipt: trades[2]!.receiptOf(100) }
    expect(world.ask(orderOf(parts)).reply!.refusals).toEqual([
      { place: 1, code: 'erc/unknown-ctp' },
      { place: 2, code: 'settlement/too-early' },
    ])
    expect(world.state.batches.size).toBe(0)
  })
})

describe('a proposer that cheats gets nothing signed, and is mostly blamed', () => {
  const cases: [string, string, (world: DeskWorld) => SettleRequest][] = [
    [
      'inflates the energy beyond its receipt',
      'settlement/wrong-receipt',
      (world) => {
        const trade = world.trade()
        return orderOf([{ trade, receipt: trade.receiptOf(100), deliveredWh: 500 }])
      },
    ],
    [
      'invents a receipt',
      'erc/wrong-key',
      (world) => {
        const trade = world.trade()
        return orderOf([{ trade, receipt: trade.receiptOf(500, thief) }])
      },
    ],
    [
      'shows a receipt of another CTP',
      'settlement/wrong-receipt',
      (world) => {
        const [trade, other] = [world.trade(), world.trade()]
        return orderOf([{ trade, receipt: other.receiptOf(500) }])
      },
    ],
    [
      'inflates the amount, which makes another CTP of it',
      'settlement/wrong-receipt',
      (world) => {
        const trade = world.trade()
        return orderOf([{ trade, receipt: trade.receiptOf(500), amountWei: 2_000n }])
      },
    ],
    [
      'names a CTP twice',
      'settlement/repeated',
      (world) => {
        const trade = world.trade()
        const part = { trade, receipt: trade.receiptOf(500) }
        return orderOf([part, part])
      },
    ],
    [
      'settles nothing',
      'erc/zero',
      (world) => {
        const trade = world.trade()
        return orderOf([{ trade, receipt: trade.receiptOf(0) }])
      },
    ],
    [
      'sends fewer receipts than items',
      'input/shape',
      (world) => {
        const trade = world.trade()
        return orderOf([{ trade, receipt: trade.receiptOf(500) }], { receipts: [] })
      },
    ],
    ['sends no items', 'input/shape', () => orderOf([], { items: '0x' })],
  ]
  it.each(cases)('one that %s: %s', (_, code, makeOrder) => {
    const world = new DeskWorld()
    expect(world.ask(makeOrder(world))).toEqual(rejection(code))
    expect(world.state.batches.size).toBe(0)
  })

  it('one that is no member: network/unexpected', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    const judgement = { verdict: 'ignore', code: 'network/unexpected' }
    expect(world.ask(request, 9)).toEqual({ judgement, reply: undefined })
  })

  it('one whose CTP has votes, but no certificate: erc/unknown-ctp', () => {
    const world = new DeskWorld()
    const submission = makeSubmission({ consumer, producer: partyOf('producer') })
    recordVote(world.state, verifyCtpSubmission(testMarket, submission))
    const trade = world.trade([0])
    expect(world.state.live.get(trade.ctpId)).toMatchObject({ state: 'proposed' })
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    expect(world.codes(request)).toEqual(['erc/unknown-ctp'])
  })

  it('one that makes up a CTP and its receipt: erc/unknown-ctp', () => {
    const world = new DeskWorld()
    const trade = world.trade([0])
    const request = orderOf([{ trade, receipt: trade.receiptOf(500, thief) }])
    expect(world.codes(request)).toEqual(['erc/unknown-ctp'])
  })
})

describe('a member refuses', () => {
  it('an order of another epoch: certificate/wrong-epoch', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }], { epoch: 2 })
    expect(world.ask(request)).toEqual({
      judgement: { verdict: 'ignore', code: 'certificate/wrong-epoch' },
      reply: {
        ...{ kind: 'settleReply', id: 7 },
        refusals: [{ place: 0, code: 'certificate/wrong-epoch' }],
      },
    })
  })

  it('while it does not vote, with the reason', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    world.members[1]!.gate.tick(world.nowMs + 60_001)
    const { judgement, reply } = world.ask(request)
    expect(judgement).toEqual({ verdict: 'ignore', code: 'chain/stalled' })
    expect(reply!.refusals).toEqual([{ place: 0, code: 'chain/stalled' }])
    world.members[1]!.gate.tick(world.nowMs)
    expectSigned(world, request)
  })

  it('more orders than it has time for: node/overloaded, until some time has passed', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    for (let order = 0; order < 16; order++) expectSigned(world, request)
    const overloaded = { verdict: 'ignore', code: 'node/overloaded' }
    expect(world.ask(request).judgement).toEqual(overloaded)
    // Each proposer has time of its own.
    expect(world.ask(request, 2).judgement).toEqual({ verdict: 'accept' })
    world.nowMs += 500
    expectSigned(world, request)
    expectSigned(world, request)
    expect(world.ask(request).judgement).toEqual(overloaded)
  })

  it('a part before expiry and half of the grace: settlement/too-early', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(100) }])
    world.block({ timeSeconds: startSeconds + 1_199 })
    expect(world.codes(request)).toEqual(['settlement/too-early'])
    world.block({ timeSeconds: startSeconds + 1_200 })
    expectSigned(world, request)
  })

  it('a CTP past expiry and grace, at a head or for good: erc/late', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    world.receipt(trade.receiptOf(500), [1])
    const { number } = world.state.confirmed!
    const headAt = (time: number) => ({ head: blockOf(number + 9, startSeconds + time) })
    world.block(headAt(1_500))
    expectSigned(world, request)
    world.block(headAt(1_501))
    expect(world.codes(request)).toEqual(['erc/late'])
    world.block({ timeSeconds: startSeconds + 1_501 })
    expect(world.state.live.size).toBe(0)
    expect(world.codes(request)).toEqual(['erc/late'])
  })

  it('a CTP that was settled or declined: erc/closed', () => {
    const world = new DeskWorld()
    const trade = world.trade()
    world.block({ accounts: [accountOf(consumer.address, { nonceBitmap: 1n })] })
    const request = orderOf([{ trade, receipt: trade.receiptOf(500) }])
    expect(world.codes(request)).toEqual(['erc/closed'])
  })

  it('P5: a CTP that it saw settled in a block that is not confirmed: settlement/ended', () => {
    const world = new DeskWorld()
    const [trade, skipped] = [world.trade(), world.trade()]
    const parts = [trade, skipped].map((each) => ({ trade: each, receipt: each.receiptOf(500) }))
    const request = orderOf(parts)
    // Only the call data say what was settled: this member did not sign the batch.
    const { items, sequence, beneficiary } = request
    const { number, timeSeconds } = world.state.confirmed!
    const head = blockOf(number + 2, timeSeconds + 2)
    const settled = eventOf(head.number, {
      ...{ kind: 'Settled' as const, epoch: committee.epoch, sequence, beneficiary, items },
      ...{ itemsHash: itemsHashOf(items), settledBitmap: 1n, databaseRoot: zeroBytes32 },
      ...{ gasUsed: 1n, calldataBytes: 1 },
    })
    const update = addBlock(world.state, { head, headEvents: [settled] })
    // Each look at the chain shows the same block again.
    for (let look = 0; look < 2; look++) world.members[1]!.loop.noteUpdate(update, world.nowMs)
    expect(world.codes(request)).toEqual(['settlement/ended'])
    world.members[1]!.loop.noteRollBack()
    expectSigned(world, request)
  })
})
