import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { accountOf, eventOf, MachineWorld } from '../../test/support/machineFixture.ts'
import {
  growTree,
  makeReceipt,
  makeSubmission,
  manufacturer,
  type Party,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { ChainEvent } from '../ports/chain.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { paymentOf } from '../protocol/payment.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds, wei, wh } from '../protocol/units.ts'
import { isUsedOnChain } from './accountBook.ts'
import type { SettledTrade } from './chainUpdates.ts'
import { type LedgerState, stateDigestOf } from './ledgerState.ts'
import { listCtps, viewAccount } from './ledgerViews.ts'
import { ctpRowOf, listSettleable } from './receipts.ts'
import { SparseTree } from './sparseTree.ts'

const consumers = ['ash', 'birch', 'cedar'].map((name) => partyOf(name))
const producer = partyOf('producer')
const tree = growTree(testMarket, 'shared', 6)

/** What the contract would hold: enough of it to be paid from and reorganised. */
type ModelAccount = { balanceWei: bigint; requestedWei: bigint; used: Set<number> }
type Model = Map<string, ModelAccount>
/** When the standing of all meters’ maker and of their witness ends. */
type Ends = { manufacturer: Seconds; witness?: Seconds }

const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('submit' as const),
      who: fc.nat(2),
      amountWei: fc.integer({ min: 10, max: 4_000 }),
      life: fc.integer({ min: 6, max: 3_000 }),
      nonceShift: fc.constantFrom(0, 0, 0, 0, 1, -1),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('receipt' as const),
      pick: fc.nat(1_000),
      deliveredWh: fc.integer({ min: 1, max: 700 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('block' as const),
      seconds: fc.integer({ min: 1, max: 900 }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('settle' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('withdraw' as const),
      who: fc.nat(2),
      requestedWei: fc.integer({ min: 0, max: 3_000 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('standing' as const),
      who: fc.constantFrom('manufacturer' as const, 'witness' as const),
      endsIn: fc.integer({ min: 0, max: 3_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reorganise' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const) }) },
)
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never

/** Plays commands against the shipped rules and a plain model of the contract. */
class Play {
  readonly store = createMemoryStore()
  world = new MachineWorld({ store: this.store })
  model: Model = new Map()
  /** Model and block before each block, for reorganisations. */
  readonly past: { model: Model; ends: Ends; number: number; seconds: number }[] = []
  ends: Ends = { manufacturer: seconds(startSeconds * 2) }
  paidTwice = 0

  constructor() {
    for (const { address } of consumers) {
      this.model.set(address, { balanceWei: 5_000n, requestedWei: 0n, used: new Set() })
    }
    this.block(1, [], consumers)
  }

  statesOf(parties: readonly Party[]) {
    return parties.map(({ address }) => {
      const { balanceWei, requestedWei, used } = this.model.get(address)!
      let nonceBitmap = 0n
      // The plays are short: no nonce reaches the end of the window.
      for (const nonce of used) nonceBitmap |= 1n << BigInt(nonce)
      const state = { balanceWei: wei(balanceWei), requestedWei: wei(requestedWei), nonceBitmap }
      return accountOf(address, state)
    })
  }

  block(seconds: number, trades: SettledTrade[], touched: readonly Party[]): void {
    this.world.block({ seconds, trades, accounts: this.statesOf(touched) })
  }

  remember(): void {
    const copy: Model = new Map()
    for (const [address, account] of this.model) {
      copy.set(address, { ...account, used: new Set(account.used) })
    }
    const { number, nowSeconds } = this.world
    this.past.push({ model: copy, ends: this.ends, number, seconds: nowSeconds })
    if (this.past.length > 200) this.past.shift()
  }

  run(step: Command): void {
    switch (step.kind) {
      case 'submit': {
        const consumer = consumers[step.who]!
        const next = viewAccount(this.world.state, consumer.address).nextNonce
        const nonce = Math.max(0, next + step.nonceShift)
        if (nonce >= 60) break
        const expirySeconds = this.world.nowSeconds + step.life
        const isKnown = this.world.state.accounts.liveOf(consumer.address).has(nonce)
        const answer = this.world.submit(
          makeSubmission({
            ...{ consumer, producer, nonce, tree, leaf: nonce, amountWei: BigInt(step.amountWei) },
            expirySeconds,
          }),
        )
        const { manufacturer: makerEnds, witness: witnessEnds = makerEnds } = this.ends
        const isVouched = expirySeconds <= makerEnds && expirySeconds <= witnessEnds
        // One that is known already gets the answer that it got, whatever became of its witness.
        if (!isVouched && !isKnown) expect(answer).toBeInstanceOf(SpbError)
        break
      }
      case 'receipt': {
        const live = [...this.world.state.live.values()]
        const ctp = live[step.pick % Math.max(1, live.length)]
        if (ctp === undefined) break
        const key = tree.keys[ctp.nonce]!
        this.world.receipt(makeReceipt(testMarket, ctp.ctpId, step.deliveredWh, key))
        break
      }
      case 'block':
        this.remember()
        this.block(step.seconds, [], [])
        break
      case 'settle':
        this.remember()
        this.settle()
        break
      case 'withdraw': {
        this.remember()
        const consumer = consumers[step.who]!
        this.model.get(consumer.address)!.requestedWei = BigInt(step.requestedWei)
        this.block(1, [], [consumer])
        break
      }
      case 'standing':
        this.setStanding(step)
        break
      case 'reorganise': {
        const before = this.past.pop()
        if (before === undefined) break
        this.world.step({ kind: 'reorganised' })
        this.model = before.model
        this.ends = before.ends
        this.world.number = before.number
        this.world.nowSeconds = before.seconds
        break
      }
      case 'restart':
        this.world = new MachineWorld({ store: this.store })
    }
  }

  /** A governed end, in a block of its own. */
  setStanding(step: Extract<Command, { kind: 'standing' }>): void {
    this.remember()
    const endsSeconds = seconds(this.world.nowSeconds + step.endsIn)
    this.ends = { ...this.ends, [step.who]: endsSeconds }
    const end =
      step.who === 'witness'
        ? { kind: 'MeterRevoked' as const, meter: tree.signed.witness.meter, endsSeconds }
        : {
            kind: 'ManufacturerSet' as const,
            manufacturer: manufacturer.address,
            endsSeconds,
          }
    const event = eventOf(this.world.number + 1, end) as ChainEvent
    this.world.block({ events: [event] })
  }

  /** Settles what is due as the contract would: nonces used, balances moved. */
  settle(): void {
    const { state } = this.world
    const trades = [...listSettleable(state, this.world.nowSeconds + 1)].map(
      (live): SettledTrade => {
        const { ctp } = ctpRowOf(state, live.number)
        const paidWei = paymentOf(ctp.amountWei, ctp.energyWh, live.deliveredWh)
        const account = this.model.get(live.consumer)!
        if (account.used.has(ctp.nonce)) this.paidTwice++
        expect(account.balanceWei).toBeGreaterThanOrEqual(paidWei)
        account.balanceWei -= paidWei
        account.used.add(ctp.nonce)
        const { ctpId, deliveredWh } = live
        const at = { blockNumber: this.world.number + 1, transactionHash: ctpId, gasShare: 1 }
        const soldWh = wh(Math.min(deliveredWh, ctp.energyWh))
        return { ctpId, offerId: ctp.offerId, deliveredWh, soldWh, paidWei, ...at }
      },
    )
    this.block(1, trades, consumers)
  }
}

function checkInvariants({ world, model, paidTwice, ends }: Play): void {
  const { state } = world
  expect(paidTwice).toBe(0)
  const { standing } = state
  expect(standing.manufacturerEndsSeconds(manufacturer.address)).toBe(ends.manufacturer)
  expect(standing.meterEndsSeconds(tree.signed.witness.meter)).toBe(ends.witness)
  for (const { address } of consumers) {
    const { balanceWei } = model.get(address)!
    const view = viewAccount(state, address)
    const held = view.holds.reduce((sum, { amountWei }) => sum + amountWei, 0n)
    expect(view.heldWei).toBe(held)
    expect(held).toBeLessThanOrEqual(balanceWei)
    for (const live of state.accounts.liveOf(address).values()) {
      expect(isUsedOnChain(undefined, live.nonce)).toBe(false)
      expect(model.get(address)!.used.has(live.nonce)).toBe(false)
      expect(state.confirmed!.timeSeconds).toBeLessThanOrEqual(
        live.expirySeconds + state.facts.options.graceSeconds,
      )
    }
  }
  expect(bytesToHex(state.tree.root())).toBe(bytesToHex(freshRoot(state)))
}

/** The root made anew from the live CTPs: it must depend on the set alone. */
function freshRoot(state: LedgerState): Uint8Array {
  const fresh = new SparseTree()
  for (const live of state.live.values()) {
    if (live.state !== 'proposed') fresh.set(keyOf(live.ctpId), stateDigestOf(live))
  }
  return fresh.root()
}

const keyOf = (id: string) => Uint8Array.from(Buffer.from(id.slice(2), 'hex'))

const snapshotOf = (state: LedgerState) => ({
  root: bytesToHex(state.tree.root()),
  ctps: listCtps(state, { limit: 1_000 }).map(({ settlesFromSeconds: _ignored, ...view }) => view),
  accounts: consumers.map(({ address }) => viewAccount(state, address)),
  confirmed: state.confirmed,
})

describe('the ledger under random lives of its accounts', () => {
  it('P2, P5, P6, P8: promises what there is, pays once, trusts in time, forgets nothing', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 60 }), (steps) => {
        const play = new Play()
        for (const step of steps) {
          play.run(step)
          checkInvariants(play)
        }
        const before = snapshotOf(play.world.state)
        expect(snapshotOf(new MachineWorld({ store: play.store }).state)).toEqual(before)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  it('frees everything that nobody receipts, however the play went (P4)', () => {
    fc.assert(
      fc.property(fc.array(command, { maxLength: 40 }), (steps) => {
        const play = new Play()
        for (const step of steps) play.run(step)
        play.block(4_000, [], [])
        for (const { address } of consumers) {
          expect(viewAccount(play.world.state, address).heldWei).toBe(0n)
        }
        expect(play.world.state.live.size).toBe(0)
      }),
      { seed: 2, numRuns: 20 },
    )
  })
})

describe('a refusal', () => {
  it('leaves no trace in the database', () => {
    const play = new Play()
    const before = snapshotOf(play.world.state)
    const consumer = consumers[0]!
    const expirySeconds = (play.world.nowSeconds + 100) as Seconds
    const tooMuch = makeSubmission({ consumer, producer, amountWei: 5_001n, expirySeconds })
    expect(play.world.submit(tooMuch)).toBeInstanceOf(SpbError)
    expect(snapshotOf(play.world.state)).toEqual(before)
    expect(play.store.count(1)).toBe(0)
  })
})
