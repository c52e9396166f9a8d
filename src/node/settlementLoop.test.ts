import { describe, expect, it } from 'vitest'
import { accountOf, blockOf, eventOf } from '../../test/support/machineFixture.ts'
import { SettlementWorld } from '../../test/support/settlementFixture.ts'
import { committee, members } from '../../test/support/syncFixture.ts'
import { partyOf, startSeconds, testMarket } from '../../test/support/tradeFixture.ts'
import type { SettleCall } from '../ports/chain.ts'
import { type Hex, hexToBytes, zeroBytes32 } from '../protocol/bytes.ts'
import { type MemberSignature, verifyQuorum } from '../protocol/committee.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { SettleReply, SettleRequest } from '../protocol/nodeMessages.ts'
import { itemsHashOf, unpackBatch } from '../protocol/settlementBatch.ts'
import { signMessage } from '../protocol/signature.ts'
import { wei } from '../protocol/units.ts'

/** Reads the contract's form of signatures. */
function unpackVotes(votes: Hex): MemberSignature[] {
  const bytes = hexToBytes(votes)
  return Array.from({ length: bytes.length / 65 }, (_, at) => ({
    member: bytes[65 * at]!,
    signature: `0x${Buffer.from(bytes.subarray(65 * at + 1, 65 * at + 65)).toString('hex')}`,
  }))
}

/** Checks a settlement as the contract does; what it delivers, in order. */
function deliveriesOf(call: SettleCall): number[] {
  const { epoch, sequence, beneficiary, items, votes } = call
  const order = { epoch, sequence, itemsHash: itemsHashOf(items), beneficiary }
  verifyQuorum(testMarket, committee, 'Settlement', order, unpackVotes(votes))
  return unpackBatch(items).map(({ deliveredWh }) => deliveredWh)
}

function signatureBy(member: number, request: SettleRequest) {
  const { epoch, sequence, beneficiary, items } = request
  const order = { epoch, sequence, itemsHash: itemsHashOf(items), beneficiary }
  return signMessage(testMarket, 'Settlement', order, members[member]!.key)
}

const signAs =
  (member: number) =>
  (request: SettleRequest): SettleReply => ({
    ...{ kind: 'settleReply', id: request.id, refusals: [] },
    signature: signatureBy(member, request),
  })

const refuseAll =
  (code: ErrorCode) =>
  ({ id, receipts }: SettleRequest): SettleReply => ({
    ...{ kind: 'settleReply', id },
    refusals: [...receipts.keys()].map((place) => ({ place, code })),
  })

const silent = () => undefined

/** A world with so many full deliveries that all members know. */
function dueWorld(trades = 1, options: ConstructorParameters<typeof SettlementWorld>[0] = {}) {
  const world = new SettlementWorld(options)
  const all = Array.from({ length: trades }, () => world.trade())
  for (const { receiptOf } of all) world.receipt(receiptOf(500))
  world.tick(0)
  return { world, trades: all, trade: all[0]! }
}

describe('the member whose turn it is', () => {
  it('has the others sign its batch, and sends it with a quorum of signatures', () => {
    const { world } = dueWorld(3)
    expect(world.calls()).toEqual([])
    world.tick(1_000)
    const [{ at, call }] = world.calls() as [{ at: number; call: SettleCall }]
    expect(at).toBe(0)
    expect(deliveriesOf(call)).toEqual([500, 500, 500])
    expect(world.members[0]!.loop.inFlight).toBe(1)
    expect(world.blames()).toEqual(['3→0 ignore network/unasked'])
    // What they signed is left to it for as long as a transaction may take.
    world.tick(12_000)
    expect(world.calls()).toHaveLength(1)
  })

  it('does not ask while too few members are connected, nor while it would not sign', () => {
    const { world } = dueWorld()
    world.connect(2, false)
    world.connect(3, false)
    world.tick(60_000)
    expect(world.sent).toEqual([])
    const gated = dueWorld().world
    gated.members[0]!.gate.require(() => ({ code: 'node/catching-up', text: 'lags' }))
    gated.tick(1_000)
    expect(gated.sent).toEqual([])
  })

  it('sends a batch at once when it is large enough', () => {
    const { world } = dueWorld(3, { batchItems: 3 })
    expect(world.calls()).toHaveLength(1)
  })

  it('replaces a batch that is not mined, though its turn is over', () => {
    const { world } = dueWorld(1, { spanBlocks: 4, takeoverMs: 1e6 })
    world.tick(1_000)
    const { loop } = world.members[0]!
    loop.noteSent(zeroBytes32)
    world.block()
    world.tick(30_000)
    loop.noteOutcome({ status: 'dropped' }, world.nowMs)
    world.tick(0)
    expect(world.calls().map(({ at }) => at)).toEqual([0, 0])
  })
})

describe('the turn', () => {
  it('goes to the next member with the span’s last block', () => {
    const { world } = dueWorld(1, { spanBlocks: 4 })
    world.block()
    world.tick(1_000)
    expect(world.calls().map(({ at }) => at)).toEqual([1])
  })

  it('is taken over soon from a member without a connection', () => {
    const { world } = dueWorld()
    world.connect(0, false)
    world.tick(1_999)
    expect(world.calls()).toEqual([])
    world.tick(1)
    expect(world.calls().map(({ at }) => at)).toEqual([1])
  })

  it('is taken over after a while from a member that does nothing, by one of the others', () => {
    const { world } = dueWorld()
    world.members[0]!.gate.require(() => ({ code: 'node/not-voting', text: 'Byzantine' }))
    world.tick(10_999)
    expect(world.calls()).toEqual([])
    world.tick(1)
    expect(world.calls().map(({ at }) => at)).toEqual([1])
    expect(deliveriesOf(world.calls()[0]!.call)).toEqual([500])
  })

  it('is taken over for those trades alone that the member leaves out', () => {
    const { world, trades } = dueWorld(2)
    world.members[0]!.gate.require(() => ({ code: 'node/not-voting', text: 'Byzantine' }))
    world.tick(8_000)
    const late = world.trade()
    world.receipt(late.receiptOf(600))
    world.tick(0)
    world.tick(3_000)
    expect(deliveriesOf(world.calls()[0]!.call)).toEqual([500, 500])
    expect(trades).toHaveLength(2)
  })

  it('is taken over from a member that gathers signatures and sends nothing', () => {
    const { world } = dueWorld()
    world.tick(1_000)
    const lost = world.calls()[0]!.call
    // What it asks for again and again is left to it once only.
    world.members[0]!.gate.require(() => ({ code: 'node/not-voting', text: 'Byzantine' }))
    world.tick(29_000)
    for (const to of [1, 2, 3]) {
      const request = world.sent.find(({ message }) => message.kind === 'settleRequest')!.message
      expect(world.take(to, 0, request)).toEqual({ verdict: 'accept' })
    }
    world.tick(1_000)
    world.tick(11_000)
    expect(world.calls().map(({ at }) => at)).toEqual([0, 1])
    expect(deliveriesOf(world.calls()[1]!.call)).toEqual(deliveriesOf(lost))
  })

  it('P4: comes sooner for a part whose time runs out', () => {
    const world = new SettlementWorld()
    const trade = world.trade([0, 1, 2, 3], { expirySeconds: startSeconds + 900 })
    world.receipt(trade.receiptOf(100))
    world.members[0]!.gate.require(() => ({ code: 'node/not-voting', text: 'Byzantine' }))
    world.block({ timeSeconds: startSeconds + 1_199 })
    world.tick(60_000)
    expect(world.calls()).toEqual([])
    // Of the 80 s that are left, each member has 5 s.
    world.block({ timeSeconds: startSeconds + 1_420 })
    world.tick(4_999)
    expect(world.calls()).toEqual([])
    world.tick(1)
    expect(world.calls().map(({ at, call }) => [at, deliveriesOf(call)])).toEqual([[1, [100]]])
  })
})

describe('co-signers that lie: with one of four, the batch goes out all the same', () => {
  const cases: [string, (request: SettleRequest) => SettleReply | undefined, string[]][] = [
    ['says nothing', silent, []],
    ['refuses every item', refuseAll('erc/closed'), []],
    ['never votes', refuseAll('node/not-voting'), []],
    [
      'signs with another’s index',
      signAs(2),
      ['1→0 reject signature/invalid', '3→0 ignore network/unasked'],
    ],
    [
      'signs nothing that exists',
      (request) => ({ ...signAs(1)(request), signature: `0x${'11'.repeat(64)}` }),
      ['1→0 reject signature/invalid'],
    ],
    [
      'refuses nothing and signs nothing',
      ({ id }) => ({ kind: 'settleReply', id, refusals: [] }),
      ['1→0 reject input/shape'],
    ],
    [
      'refuses an item that does not exist',
      ({ id }) => ({ ...{ kind: 'settleReply', id }, refusals: [{ place: 2, code: 'erc/late' }] }),
      ['1→0 reject input/shape'],
    ],
    [
      'refuses an item twice',
      ({ id }) => {
        const refusal = { place: 0, code: 'erc/late' as const }
        return { ...{ kind: 'settleReply', id }, refusals: [refusal, refusal] }
      },
      ['1→0 reject input/shape'],
    ],
  ]
  it.each(cases)('one that %s', (_, lie, blames) => {
    const { world } = dueWorld(2)
    world.members[1]!.lie = lie
    world.tick(1_000)
    expect(world.calls().map(({ call }) => deliveriesOf(call))).toEqual([[500, 500]])
    expect(world.blames()).toEqual(expect.arrayContaining(blames.slice(0, 1)))
    expect(world.blames().filter((blame) => blame.includes('reject'))).toEqual(blames.slice(0, 1))
  })

  it('one that answers twice counts once, and a stranger not at all', () => {
    const { world } = dueWorld()
    world.filter = ({ message }) => message.kind !== 'settleRequest'
    world.tick(1_000)
    const request = world.sent[0]!.message as SettleRequest
    const reply = signAs(1)(request)
    expect(world.take(0, 1, reply)).toEqual({ verdict: 'accept' })
    const unasked = { verdict: 'ignore', code: 'network/unasked' }
    expect(world.take(0, 1, reply)).toEqual(unasked)
    expect(world.take(0, 1, signAs(2)(request))).toEqual(unasked)
    expect(world.take(0, 9, signAs(2)(request))).toEqual(unasked)
    expect(world.take(0, 0, signAs(0)(request))).toEqual(unasked)
    expect(world.take(0, 3, { ...signAs(3)(request), id: request.id + 1 })).toEqual(unasked)
    expect(world.calls()).toEqual([])
    expect(world.take(0, 3, signAs(3)(request))).toEqual({ verdict: 'accept' })
    expect(world.calls()).toHaveLength(1)
  })

  it('answers after the batch was given up are ignored; it is tried again', () => {
    const { world } = dueWorld()
    world.members[1]!.lie = silent
    world.members[2]!.lie = silent
    world.tick(1_000)
    const request = world.sent[0]!.message as SettleRequest
    world.tick(1_999)
    expect(world.members[0]!.effects).toEqual([])
    world.tick(1)
    expect(world.members[0]!.effects).toMatchObject([
      {
        kind: 'log',
        message: 'too few members sign a settlement',
        meta: { items: 1, signatures: 2, reasons: { 'node/unreachable': 2 } },
      },
    ])
    const late = world.take(0, 1, signAs(1)(request))
    expect(late).toEqual({ verdict: 'ignore', code: 'network/unasked' })
    delete world.members[2]!.lie
    world.tick(499)
    expect(world.calls()).toEqual([])
    world.tick(1)
    expect(world.calls()).toHaveLength(1)
  })

  it('one that shows an invented receipt is blamed; nothing is paid by it', () => {
    const { world, trade } = dueWorld()
    const other = world.trade()
    const show = (receipt: ReturnType<typeof trade.receiptOf>) => {
      return ({ id }: SettleRequest): SettleReply => ({
        ...{ kind: 'settleReply', id },
        refusals: [{ place: 0, code: 'erc/lower', receipt }],
      })
    }
    world.members[1]!.lie = show(trade.receiptOf(501, partyOf('thief')))
    world.members[2]!.lie = show(other.receiptOf(501))
    world.tick(1_000)
    expect(world.blames().filter((blame) => blame.includes('reject'))).toEqual([
      '1→0 reject erc/wrong-key',
      '2→0 reject settlement/wrong-receipt',
    ])
    expect(world.members[0]!.state.live.get(trade.ctpId)!.deliveredWh).toBe(500)
  })
})

describe('what correct members refuse', () => {
  /** A part that is due: the members know different receipts of it. */
  function partWorld(): SettlementWorld {
    const world = new SettlementWorld()
    const trade = world.trade()
    world.receipt(trade.receiptOf(100))
    world.receipt(trade.receiptOf(300), [2, 3])
    world.block({ timeSeconds: startSeconds + 1_200 })
    return world
  }

  it('P3: a receipt that is higher at others is taken, and paid', () => {
    const world = partWorld()
    expect(world.calls().map(({ call }) => deliveriesOf(call))).toEqual([[300]])
    expect(world.members.map(({ state }) => [...state.live.values()][0]!.deliveredWh)).toEqual([
      ...[300, 300, 300, 300],
    ])
    expect(world.members[0]!.effects).toMatchObject([
      { kind: 'event', event: { kind: 'ctp', ctp: { deliveredWh: 300 } } },
    ])
  })

  it('a CTP whose certificate they lack is shown to them', () => {
    const world = new SettlementWorld()
    const trades = [world.trade(), world.trade([0, 1])]
    for (const { receiptOf } of trades) world.receipt(receiptOf(500), [0, 1])
    world.tick(0)
    world.tick(1_000)
    expect(world.calls().map(({ call }) => deliveriesOf(call))).toEqual([[500, 500]])
    const told = world.sent.filter(({ message }) => message.kind === 'recordsTell')
    expect(told.length).toBeGreaterThan(0)
  })

  it('a CTP whose certificate never reaches them is left out', () => {
    const world = new SettlementWorld()
    world.filter = ({ message }) => message.kind !== 'recordsTell'
    const trades = [world.trade(), world.trade([0, 1])]
    world.receipt(trades[0]!.receiptOf(500))
    world.receipt(trades[1]!.receiptOf(600), [0, 1])
    world.tick(0)
    world.tick(1_000)
    expect(world.calls().map(({ call }) => deliveriesOf(call))).toEqual([[500]])
  })

  it('a CTP that ended in a block that they see is left out for a while, and settled later', () => {
    const world = new SettlementWorld()
    const trades = [world.trade(), world.trade()]
    world.receipt(trades[0]!.receiptOf(500))
    world.receipt(trades[1]!.receiptOf(600))
    const { number, timeSeconds } = world.members[0]!.state.confirmed!
    const head = blockOf(number + 1, timeSeconds + 1)
    const declined = eventOf(head.number, {
      ...{ kind: 'Declined' as const, ctpId: trades[1]!.ctpId, nonce: 1 },
      ...{ consumer: partyOf('consumer').address, producer: partyOf('producer').address },
    })
    for (const at of [2, 3]) {
      const { loop, state } = world.members[at]!
      const nothing = { events: [], trades: [], skipped: [], accounts: [] }
      const update = { confirmed: state.confirmed!, head, headEvents: [declined], ...nothing }
      loop.noteUpdate(update, world.nowMs)
    }
    world.tick(0)
    world.tick(1_000)
    expect(world.calls().map(({ call }) => deliveriesOf(call))).toEqual([[500]])
    // The block was replaced by one without it: at its height it counts no more.
    const { epoch, sequence, beneficiary, items } = world.calls()[0]!.call
    const settled = eventOf(head.number, {
      ...{ kind: 'Settled' as const, epoch, sequence, beneficiary, items },
      ...{ itemsHash: itemsHashOf(items), settledBitmap: 1n, databaseRoot: zeroBytes32 },
      ...{ gasUsed: 1n, calldataBytes: 1 },
    })
    const paid = accountOf(partyOf('consumer').address, { balanceWei: wei(1n), nonceBitmap: 1n })
    world.block({ events: [settled], accounts: [paid] })
    world.tick(4_000)
    world.tick(1_000)
    expect(
      world
        .calls()
        .map(({ call }) => deliveriesOf(call))
        .at(-1),
    ).toContain(600)
  })

  it('an item: the batch loses that one only, though a liar hurries to refuse all', () => {
    const { world } = dueWorld(3)
    world.members[1]!.lie = refuseAll('erc/closed')
    world.members[2]!.lie = ({ id, receipts }) => {
      if (receipts.length < 3) return undefined
      return { ...{ kind: 'settleReply', id }, refusals: [{ place: 1, code: 'erc/late' }] }
    }
    world.filter = ({ from }) => from !== 3
    world.tick(1_000)
    const request = world.sent[0]!.message as SettleRequest
    expect(world.take(0, 3, signAs(3)(request))).toEqual({ verdict: 'accept' })
    const again = world.sent.at(-1)!.message as SettleRequest
    expect(again.id).toBe(request.id + 1)
    const places = (packed: Hex) => unpackBatch(packed).map(({ ctp }) => ctp.nonce)
    expect(places(again.items)).toEqual([0, 2])
  })

  it('all items of a batch: it is given up', () => {
    const { world } = dueWorld(2)
    for (const at of [1, 2]) world.members[at]!.lie = refuseAll('erc/closed')
    world.tick(1_000)
    expect(world.calls()).toEqual([])
    expect(world.members[0]!.effects).toMatchObject([
      { kind: 'log', meta: { items: 2, signatures: 2, reasons: { 'erc/closed': 2 } } },
    ])
  })

  it('new items in each round: it is given up after some', () => {
    const { world } = dueWorld(8)
    const refuseFirst = ({ id }: SettleRequest): SettleReply => ({
      ...{ kind: 'settleReply', id },
      refusals: [{ place: 0, code: 'erc/late' }],
    })
    for (const at of [1, 2]) world.members[at]!.lie = refuseFirst
    world.tick(1_000)
    expect(world.calls()).toEqual([])
    expect(world.members[0]!.effects).toHaveLength(1)
    expect(world.sent.filter(({ from }) => from === 0)).toHaveLength(3 * 5)
  })
})

describe('what undoes a batch that is being signed', () => {
  it('is a reorganisation, another epoch, or the end of all its trades', () => {
    const underWay = () => {
      const { world } = dueWorld()
      for (const at of [1, 2, 3]) world.members[at]!.lie = silent
      world.tick(1_000)
      const request = world.sent[0]!.message as SettleRequest
      return { world, request, loop: world.members[0]!.loop }
    }
    const rolledBack = underWay()
    rolledBack.loop.noteRollBack()
    const answer = rolledBack.world.take(0, 1, signAs(1)(rolledBack.request))
    expect(answer).toEqual({ verdict: 'ignore', code: 'network/unasked' })

    const ended = underWay()
    for (const at of [1, 2, 3]) ended.world.members[at]!.gate.require(() => notVoting)
    ended.world.block({ accounts: [accountOf(partyOf('consumer').address, { nonceBitmap: 1n })] })
    ended.world.take(0, 1, signAs(1)(ended.request))
    ended.world.take(0, 2, signAs(2)(ended.request))
    expect(ended.world.calls()).toEqual([])
    expect(ended.world.members[0]!.effects).toEqual([])

    const renewed = underWay()
    const opened = { kind: 'EpochOpened' as const, epoch: 2, members: [...committee.members] }
    for (const at of [1, 2, 3]) renewed.world.members[at]!.gate.require(() => notVoting)
    renewed.world.members[0]!.state.committee = { epoch: 2, members: opened.members }
    renewed.world.take(0, 1, signAs(1)(renewed.request))
    renewed.world.take(0, 2, signAs(2)(renewed.request))
    expect(renewed.world.calls()).toEqual([])
  })
})

const notVoting = { code: 'node/not-voting' as const, text: 'not now' }
