import { describe, expect, it } from 'vitest'
import {
  accountOf,
  blockOf,
  codeOf,
  eventOf,
  foundingEvents,
  MachineWorld,
  member,
} from '../../test/support/machineFixture.ts'
import {
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { buckets } from '../ledger/buckets.ts'
import { offerOf } from '../ledger/ledgerState.ts'
import { viewAccount, viewDossier } from '../ledger/ledgerViews.ts'
import type { AccountState, BlockRef, Chain, ChainEvent, SettleCall } from '../ports/chain.ts'
import { type Address, zeroBytes32 } from '../protocol/bytes.ts'
import { itemsHashOf } from '../protocol/settlementBatch.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wei } from '../protocol/units.ts'
import type { CtpView } from '../protocol/views.ts'
import { followChain } from './chainFollower.ts'
import type { NodeEffect } from './nodeEffect.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const farSeconds = startSeconds + 80_000

function openWorld(options: ConstructorParameters<typeof MachineWorld>[0] = {}): MachineWorld {
  const world = new MachineWorld(options)
  world.fund(consumer.address, 10_000n)
  world.offer(1n, producer.address, { energyWh: 4_000_000_000 })
  return world
}

const submissionOf = (options: Partial<Parameters<typeof makeSubmission>[0]> = {}) =>
  makeSubmission({ consumer, producer, offerId: 1n, ...options })

/** Submits a CTP and has all of it, or a part, receipted. */
function deliver(world: MachineWorld, deliveredWh = 500, options = {}): CtpView {
  const submission = submissionOf(options)
  const view = world.submit(submission) as CtpView
  world.receipt(makeReceipt(testMarket, view.ctpId, deliveredWh, submission.meterKey))
  return view
}

const kindsOf = (effects: NodeEffect[], kind: NodeEffect['kind']) =>
  effects.filter((effect) => effect.kind === kind)

function callOf(effects: NodeEffect[]): SettleCall {
  const settle = effects.find((effect) => effect.kind === 'settle')
  if (settle === undefined) throw new Error('No settlement goes out.')
  return settle.call
}

type ChainAnswers = {
  head: BlockRef
  blockAt: (number: number) => BlockRef | undefined
  events?: ChainEvent[]
  states?: Record<Address, Partial<AccountState>>
}

/** A chain that gives fixed answers and notes which accounts it was asked for. */
function createScriptedChain({ head, blockAt, events = [], states = {} }: ChainAnswers) {
  const asked: Address[] = []
  const chain: Chain = {
    head: async () => head,
    blockAt: async (number) => blockAt(number),
    events: async () => events,
    accounts: async (accounts) => {
      asked.push(...accounts)
      return accounts.map((account) => accountOf(account, states[account] ?? {}))
    },
    committee: async () => ({ members: [], endedAtSeconds: 0 as never }),
    currentEpoch: async () => 1,
    headers: async () => [],
    announceRoot: async () => false,
    sendSettlement: async () => zeroBytes32,
    outcomeOf: async () => ({ status: 'pending' }),
  }
  return { chain, asked }
}

/** A settlement as an event, its items hidden by a wrapper contract. */
const hiddenSettlement = (blockNumber: number, items: `0x${string}`, settledBitmap: bigint) =>
  eventOf(blockNumber, {
    ...{ kind: 'Settled' as const, epoch: 1, sequence: 0n, beneficiary: member.address },
    ...{ itemsHash: itemsHashOf(items), settledBitmap, databaseRoot: zeroBytes32 },
    ...{ gasUsed: 60_000n, calldataBytes: 400 },
  })

describe('what a hostile or unlucky chain can do', () => {
  it('P2: a reorganisation in the middle of a look is noticed', async () => {
    const world = openWorld()
    const known = world.state.confirmed!
    const onOther = (number: number) => blockOf(number, known.timeSeconds + 1, 'other')
    let looks = 0
    const { chain } = createScriptedChain({
      head: onOther(known.number + 1),
      blockAt: (number) => (looks++ === 0 ? known : onOther(number)),
    })
    expect(await followChain(chain, world.state, 0)).toEqual({ kind: 'reorganised' })
  })

  it('a client that lags is waited for, not taken for a reorganisation', async () => {
    const world = openWorld()
    const known = world.state.confirmed!
    const { chain } = createScriptedChain({
      head: blockOf(known.number - 1, known.timeSeconds - 1),
      blockAt: () => undefined,
    })
    await expect(followChain(chain, world.state, 0)).rejects.toMatchObject({
      code: 'chain/unreachable',
    })
  })

  it('an old batch that a wrapper settles again makes nobody’s account be read', async () => {
    const world = openWorld()
    world.submit(submissionOf())
    const known = world.state.confirmed!
    const next = blockOf(known.number + 1, known.timeSeconds + 1)
    const { chain, asked } = createScriptedChain({
      head: next,
      blockAt: (number) => (number === known.number ? known : next),
      events: [hiddenSettlement(next.number, '0x', 0n)],
    })
    await followChain(chain, world.state, 0)
    expect(asked).toEqual([member.address])
  })

  it('P5: a trade that a wrapper settled first is settled, and its producer paid', async () => {
    const world = openWorld()
    const { ctpId } = deliver(world)
    const { items } = callOf(world.block({ seconds: 2 }))
    const known = world.state.confirmed!
    const next = blockOf(known.number + 1, known.timeSeconds + 1)
    const { chain } = createScriptedChain({
      head: next,
      blockAt: (number) => (number === known.number ? known : next),
      events: [hiddenSettlement(next.number, items, 1n)],
      states: {
        [consumer.address]: { balanceWei: wei(9_000n), nonceBitmap: 1n },
        [producer.address]: { balanceWei: wei(1_000n) },
      },
    })
    const finding = await followChain(chain, world.state, 0)
    if (finding.kind === 'update') world.step({ kind: 'chain', update: finding.update })
    expect(viewDossier(world.state, ctpId).state).toBe('settled')
    expect(viewAccount(world.state, producer.address).balanceWei).toBe(1_000n)
    expect(offerOf(world.state, 1n)?.soldWh).toBe(500)
    expect(world.machine.totals.settled).toBe(1)
  })

  it('the end of an offer from before the first block read is no bug of ours', () => {
    const world = openWorld()
    const event = { kind: 'OfferWithdrawn' as const, offerId: 77n, producer: producer.address }
    expect(() => world.block({ events: [eventOf(world.number + 1, event)] })).not.toThrow()
  })

  it('an epoch end that a head showed counts until that height is confirmed', () => {
    const world = openWorld()
    const { number, nowSeconds } = world
    const event = { kind: 'EpochOpened' as const, epoch: 2, members: [producer.address] }
    const head = blockOf(number + 3, nowSeconds + 3)
    world.block({ head, headEvents: [eventOf(number + 3, event)] })
    world.block({ head: blockOf(number + 3, nowSeconds + 3, 'fork') })
    expect(codeOf(world.submit(submissionOf()))).toBe('node/not-voting')
    world.block()
    world.block()
    expect(world.submit(submissionOf())).toMatchObject({ state: 'held' })
  })
})

describe('what households can do to others', () => {
  it('voids of strangers, or of nonces to come, leave nothing behind', () => {
    const world = openWorld()
    world.block({ seconds: 100 })
    const rows = world.store.count(buckets.nonce)
    const stranger = partyOf('stranger')
    const ask = (who: typeof consumer, nonce: number) =>
      codeOf(world.askVoid(submissionOf({ consumer: who, nonce, expirySeconds: 1 })))
    expect(ask(stranger, 0)).toBe('ctp/insufficient-balance')
    expect(ask(consumer, 5)).toBe('ctp/nonce-skipped')
    expect(ask(consumer, 4_000_000_000)).toBe('ctp/nonce-skipped')
    expect(world.store.count(buckets.nonce)).toBe(rows)
  })

  it('a void asked for again gets the same certificate', () => {
    const world = openWorld()
    const stuck = submissionOf({ expirySeconds: world.nowSeconds + 10 })
    world.block({ seconds: 1_000 })
    const first = world.askVoid(stuck)
    expect(first).toMatchObject({ nonce: 0, account: consumer.address })
    expect(world.askVoid(stuck)).toEqual(first)
  })

  it('two CTPs of one account that arrive together are both taken', () => {
    const world = openWorld()
    const inputs = [0, 1].map((nonce) => ({
      ...{
        kind: 'ctp' as const,
        request: nonce,
        verified: world.verified(submissionOf({ nonce })),
      },
    }))
    const effects = world.step(...inputs)
    expect(kindsOf(effects, 'refuse')).toEqual([])
    expect(kindsOf(effects, 'reply')).toHaveLength(2)
  })

  it('P3: a flood of full deliveries does not crowd out a part whose time runs out', () => {
    const world = openWorld()
    const view = deliver(world, 100)
    const { settlesFromSeconds, freeAtSeconds } = viewDossier(world.state, view.ctpId)
    world.block({ seconds: settlesFromSeconds - world.nowSeconds })
    // A pause, while which the flood builds up.
    world.step({ kind: 'settlementFailed', error: new SpbError('chain/unreachable') })
    const flood = Array.from({ length: 300 }, (_, index) => partyOf(`flood ${index}`))
    const accounts = flood.map(({ address }) => accountOf(address, { balanceWei: wei(1_000n) }))
    const effects = world.block({ accounts })
    for (const party of flood) {
      const terms = { energyWh: 50, amountWei: 100n, expirySeconds: farSeconds }
      deliver(world, 50, { consumer: party, ...terms })
      effects.push(...world.effects)
    }
    const { items } = callOf([...effects, ...world.block({ seconds: 4 })])
    expect(world.nowSeconds).toBeLessThan(freeAtSeconds)
    expect(items).toContain(view.consumerSignature.slice(2))
  })
})

describe('settlements on a slow or silent chain', () => {
  it('the next batch need not wait until the last one is confirmed', () => {
    const world = openWorld()
    deliver(world, 500, { expirySeconds: farSeconds })
    const first = callOf(world.block({ seconds: 2 }))
    world.step({ kind: 'settlementSent', transactionHash: zeroBytes32 })
    const second = deliver(world, 500, { nonce: 1, expirySeconds: farSeconds })
    expect(kindsOf(world.block({ seconds: 2 }), 'settle')).toEqual([])
    const head = blockOf(world.number + 3, world.nowSeconds + 3)
    world.block({ head, headEvents: [hiddenSettlement(head.number, first.items, 1n)] })
    const { items } = callOf(world.block({ seconds: 2, head }))
    expect(items).toContain(second.consumerSignature.slice(2))
    expect(items).toHaveLength(2 + 2 * 141)
  })

  it('a batch that does not fit into a block gets smaller until it does', () => {
    const world = openWorld()
    for (let nonce = 0; nonce < 9; nonce++) {
      deliver(world, 50, { nonce, energyWh: 50, amountWei: 100n, expirySeconds: farSeconds })
    }
    const sizeOf = (effects: NodeEffect[]) => (callOf(effects).items.length - 2) / 282
    expect(sizeOf(world.block({ seconds: 2 }))).toBe(9)
    world.step({ kind: 'settlementFailed', error: new SpbError('chain/reverted') })
    expect(sizeOf(world.block({ seconds: 30 }))).toBe(4)
    world.step({ kind: 'settlementFailed', error: new SpbError('chain/reverted') })
    expect(sizeOf(world.block({ seconds: 30 }))).toBe(2)
    // In a block, but out of gas there: as much a failure as one that was never sent.
    const outcome = { status: 'included' as const, blockNumber: 9, isSuccess: false, gasUsed: 1n }
    expect(kindsOf(world.step({ kind: 'settlementOutcome', outcome }), 'settle')).toEqual([])
    expect(sizeOf(world.block({ seconds: 30 }))).toBe(1)
  })

  it('nothing is sent again, at a higher fee, while the chain makes no block', () => {
    const world = openWorld()
    deliver(world, 500, { expirySeconds: farSeconds })
    world.block({ seconds: 2 })
    world.step({ kind: 'settlementSent', transactionHash: zeroBytes32 })
    for (let ms = 30_000; ms < 1_500_000; ms += 30_000) {
      const effects = world.step({ kind: 'tick', nowMs: world.nowSeconds * 1000 + ms })
      expect(kindsOf(effects, 'checkSettlement')).toEqual([])
    }
    expect(world.machine.gate.reason()?.code).toBe('chain/stalled')
    expect(kindsOf(world.block({ seconds: 1_500 }), 'checkSettlement')).toHaveLength(1)
  })
})

describe('a member with a new database', () => {
  it('P2: waits until all that it may have signed is over, where accounts have money', () => {
    const world = new MachineWorld({ isFirstStart: false })
    expect(world.machine.gate.reason()).toBeUndefined()
    const wiped = new MachineWorld({ isFirstStart: false, isWithoutBlocks: true })
    const { address } = consumer
    const placed = { account: address, from: address, amountWei: wei(10_000n) }
    wiped.block({
      events: [...foundingEvents(2), eventOf(2, { kind: 'Deposited', ...placed })],
      accounts: [accountOf(address, { balanceWei: wei(10_000n) })],
    })
    expect(codeOf(wiped.submit(submissionOf()))).toBe('node/not-voting')
    wiped.block({ seconds: 86_400 + 600 })
    wiped.offer(1n, producer.address, { untilSeconds: wiped.nowSeconds + 1_000 })
    const later = submissionOf({ expirySeconds: wiped.nowSeconds + 900 })
    expect(wiped.submit(later)).toMatchObject({ state: 'held' })
  })
})
