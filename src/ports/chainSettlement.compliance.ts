import { expect } from 'vitest'
import { type Hex, zeroBytes32 } from '../protocol/bytes.ts'
import { itemsHashOf } from '../protocol/settlementBatch.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import type { SettleCall } from './chain.ts'
import {
  accountNow,
  actAndMine,
  type ComplianceCase,
  eventsOf,
  fund,
  later,
  makeCall,
  makeItem,
  mineLater,
  noPayout,
  parties,
  refusalOf,
  settleNow,
} from './chainWorld.ts'

const { alice, bob, carol, sender } = parties

/** How settlements move money. */
export const settlementCases: ComplianceCase[] = [
  {
    name: 'settles a trade, and tells all about it',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      const call = makeCall(world, [item])
      const { hash, event } = await settleNow(world, [item])
      expect(event).toMatchObject({
        transactionHash: hash,
        epoch: 1,
        sequence: 7n,
        beneficiary: carol.address,
        itemsHash: itemsHashOf(call.items),
        settledBitmap: 1n,
        databaseRoot: zeroBytes32,
        items: call.items,
        // Selector, six words, two lengths, 160 bytes for 141 of items, 224 for 195 of votes.
        calldataBytes: 4 + 6 * 32 + 2 * 32 + 160 + 224,
      })
      expect(await world.chain.outcomeOf(hash)).toEqual({
        status: 'included',
        blockNumber: event.blockNumber,
        isSuccess: true,
        gasUsed: event.gasUsed,
      })
      expect(await accountNow(world, alice)).toMatchObject({
        balanceWei: 999_000n,
        nonceBitmap: 1n,
      })
      expect((await accountNow(world, bob)).balanceWei).toBe(990n)
      expect((await accountNow(world, carol)).balanceWei).toBe(10n)
    },
  },
  {
    name: 'skips what cannot be settled, and settles the rest',
    async run(world) {
      await fund(world, alice)
      const good = await makeItem(world)
      const expired = seconds((await world.chain.head()).timeSeconds - 101)
      const zeroProducer = { producer: noPayout, nonce: 1 }
      const items = [
        await makeItem(world, { consumer: bob, nonce: 1 }),
        await makeItem(world, { consumer: carol }),
        good,
        good,
        await makeItem(world, { nonce: 1, amountWei: wei(2_000_000n) }),
        await makeItem(world, { nonce: 1, amountWei: wei(99n) }),
        await makeItem(world, { nonce: 1, deliveredWh: 0 }),
        await makeItem(world, { nonce: 1, expirySeconds: expired }),
        await makeItem(world, { nonce: 1, deliveredWh: 999 }),
        await makeItem(world, zeroProducer),
        await makeItem(world, { nonce: 2, deliveredWh: 5_000 }),
      ]
      const { event } = await settleNow(world, items)
      expect(event.settledBitmap).toBe((1n << 2n) | (1n << 10n))
      expect(await accountNow(world, alice)).toMatchObject({
        balanceWei: 998_000n,
        nonceBase: 0,
        nonceBitmap: 0b101n,
      })
    },
  },
  {
    name: 'settles a partial delivery in the second half of the grace only',
    async run(world) {
      await fund(world, alice)
      const { timeSeconds } = await world.chain.head()
      const expirySeconds = seconds(timeSeconds + 100)
      const item = await makeItem(world, { expirySeconds, deliveredWh: 333 })
      const full = await makeItem(world, { expirySeconds, nonce: 1 })
      expect((await settleNow(world, [item], 149)).event.settledBitmap).toBe(0n)
      expect((await settleNow(world, [item], 1)).event.settledBitmap).toBe(1n)
      expect((await accountNow(world, alice)).balanceWei).toBe(999_667n)
      expect((await settleNow(world, [full], 50)).event.settledBitmap).toBe(1n)
      const late = await makeItem(world, { expirySeconds, nonce: 2 })
      expect((await settleNow(world, [late], 1)).event.settledBitmap).toBe(0n)
    },
  },
  {
    name: 'slides the nonce window, and takes no nonce below it',
    async run(world) {
      await fund(world, alice)
      await settleNow(world, [await makeItem(world, { nonce: 3 })])
      const { event } = await settleNow(world, [
        await makeItem(world, { nonce: 65 }),
        await makeItem(world, { nonce: 1 }),
        await makeItem(world, { nonce: 2 }),
        await makeItem(world, { nonce: 3 }),
      ])
      expect(event.settledBitmap).toBe(0b101n)
      const { nonceBase, nonceBitmap } = await accountNow(world, alice)
      expect(nonceBase).toBe(2)
      expect(nonceBitmap).toBe((1n << 63n) | 0b11n)
      await settleNow(world, [await makeItem(world, { nonce: 1_000 })])
      expect(await accountNow(world, alice)).toMatchObject({
        nonceBase: 937,
        nonceBitmap: 1n << 63n,
      })
    },
  },
  {
    name: 'keeps one account in several roles of one batch apart',
    async run(world) {
      await fund(world, alice, carol)
      const items = [
        await makeItem(world, { producer: carol.address }),
        await makeItem(world, { consumer: carol, producer: alice.address }),
        await makeItem(world, { nonce: 1, producer: carol.address, amountWei: wei(100n) }),
      ]
      expect((await settleNow(world, items)).event.settledBitmap).toBe(0b111n)
      expect((await accountNow(world, alice)).balanceWei).toBe(1_000_000n - 1_000n + 990n - 100n)
      const earned = 990n - 1_000n + 90n + 30n
      expect((await accountNow(world, carol)).balanceWei).toBe(1_000_000n + earned)
    },
  },
  {
    name: 'takes energy off the producer, down to zero',
    async run(world) {
      await fund(world, alice)
      const untilSeconds = await later(world, 9_000)
      const offer = { priceWeiPerKwh: 1n, isNegotiable: false, negotiationKey: '0x' } as const
      await actAndMine(
        world,
        bob,
        { kind: 'openEnergyAccount', burnedWei: wei(1_000n) },
        { kind: 'addEnergy', energyWh: wh(1_500), untilSeconds, ...offer },
      )
      await settleNow(world, [await makeItem(world)])
      expect((await accountNow(world, bob)).energyWh).toBe(500n)
      await settleNow(world, [await makeItem(world, { nonce: 1 })])
      expect((await accountNow(world, bob)).energyWh).toBe(0n)
    },
  },
  {
    name: 'refuses a batch whose votes are not a quorum’s',
    async run(world) {
      const call = makeCall(world, [await makeItem(world)])
      const votes = call.votes
      const nameOf = async (changed: Partial<SettleCall>) => {
        const refusal = await refusalOf(world.chain.sendSettlement({ ...call, ...changed }))
        expect(refusal.code).toBe('chain/reverted')
        return refusal.meta.contractError
      }
      const vote = (at: number) => votes.slice(2 + at * 130, 2 + (at + 1) * 130)
      const swapped = `0x${vote(1)}${vote(0)}${vote(2)}` as const
      expect(await nameOf({ votes: votes.slice(0, -130) as Hex })).toBe('InvalidVotesLength')
      expect(await nameOf({ votes: swapped })).toBe('VoteOutOfOrder')
      expect(await nameOf({ sequence: 8n })).toBe('InvalidVote')
      expect(await nameOf({ votes: `0x${vote(0)}${vote(1)}09${vote(2).slice(2)}` })).toBe(
        'UnknownMember',
      )
      expect(await nameOf({ epoch: 2 })).toBe('EpochNotCurrent')
    },
  },
]

/** What becomes of settlements on their way into a block. */
export const transactionCases: ComplianceCase[] = [
  {
    name: 'replaces a settlement that is not in a block yet',
    async run(world) {
      await fund(world, alice)
      const [first, second] = [await makeItem(world), await makeItem(world, { nonce: 1 })]
      const old = await world.chain.sendSettlement(makeCall(world, [first]))
      expect(await world.chain.outcomeOf(old)).toEqual({ status: 'pending' })
      const replacing = await world.chain.sendSettlement(makeCall(world, [first, second]))
      const number = await mineLater(world)
      const events = await world.chain.events(number, number)
      expect(events).toMatchObject([{ transactionHash: replacing, settledBitmap: 3n }])
      expect(await world.chain.outcomeOf(old)).toEqual({ status: 'dropped' })
      expect(await world.chain.outcomeOf(replacing)).toMatchObject({ status: 'included' })
      await mineLater(world)
      expect(await world.chain.outcomeOf(old)).toEqual({ status: 'dropped' })
    },
  },
  {
    name: 'tells that a transaction was dropped, and sends it again',
    async run(world) {
      await fund(world, alice)
      const call = makeCall(world, [await makeItem(world)])
      const hash = await world.chain.sendSettlement(call)
      await world.dropTransactions()
      const number = await mineLater(world)
      expect(await world.chain.outcomeOf(hash)).toEqual({ status: 'dropped' })
      expect(await world.chain.events(number, number)).toEqual([])
      const again = await world.chain.sendSettlement(call)
      await mineLater(world)
      expect(await world.chain.outcomeOf(again)).toMatchObject({ isSuccess: true })
    },
  },
  {
    name: 'shows a reorganisation by its blocks’ hashes, and what it took away',
    async run(world) {
      await fund(world, alice)
      const before = await mineLater(world)
      const kept = await world.chain.blockAt(before)
      const { hash, event } = await settleNow(world, [await makeItem(world)])
      const gone = await world.chain.blockAt(event.blockNumber)
      await world.reorg(1)
      expect((await world.chain.head()).number).toBe(event.blockNumber)
      expect((await world.chain.blockAt(event.blockNumber))?.hash).not.toBe(gone?.hash)
      expect(await world.chain.blockAt(before)).toEqual(kept)
      expect(await eventsOf(world, before)).toEqual([])
      expect(await world.chain.outcomeOf(hash)).toEqual({ status: 'dropped' })
      expect((await accountNow(world, alice)).balanceWei).toBe(1_000_000n)
      const again = await settleNow(world, [await makeItem(world)])
      expect(again.event.settledBitmap).toBe(1n)
    },
  },
  {
    name: 'refuses to send what its account cannot pay for',
    async run(world) {
      await fund(world, alice)
      await world.impoverish(sender.address)
      const call = makeCall(world, [await makeItem(world)])
      const refusal = await refusalOf(world.chain.sendSettlement(call))
      expect(refusal.code).toBe('chain/insufficient-funds')
    },
  },
]
