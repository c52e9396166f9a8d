import { expect } from 'vitest'
import { bytesToHex, type Hex } from '../protocol/bytes.ts'
import { digestOf } from '../protocol/digest.ts'
import { signDigest, signMessage } from '../protocol/signature.ts'
import { maxUint40, seconds, wei, wh } from '../protocol/units.ts'
import { proofCases } from './chainProof.compliance.ts'
import { settlementCases, transactionCases } from './chainSettlement.compliance.ts'
import {
  accountNow,
  actAndMine,
  type ComplianceCase,
  complianceOptions,
  eventsOf,
  fund,
  governanceOf,
  later,
  makeCall,
  makeItem,
  members,
  mineLater,
  nextMembers,
  noPayout,
  parties,
  partyOf,
  refusalOf,
} from './chainWorld.ts'
import type { MarketAction } from './marketAction.ts'

const { alice, bob, carol, authority, manufacturer, meter } = parties

const readingCases: ComplianceCase[] = [
  {
    name: 'tells its head, its blocks, and that there is none above',
    async run(world) {
      const time = await later(world)
      const number = await mineLater(world)
      const head = await world.chain.head()
      expect(head).toEqual({ number, hash: head.hash, timeSeconds: time })
      expect(head.hash).toMatch(/^0x[0-9a-f]{64}$/)
      expect(await world.chain.blockAt(number)).toEqual(head)
      expect((await world.chain.blockAt(number - 1))?.hash).not.toBe(head.hash)
      expect(await world.chain.blockAt(number + 1)).toBe(undefined)
    },
  },
  {
    name: 'begins its events with the first committee, in the deployment block',
    async run(world) {
      const from = world.facts.deploymentBlock
      const [opened, ...rest] = await world.chain.events(from, from)
      const addresses = members.map(({ address }) => address)
      expect(opened).toMatchObject({ kind: 'EpochOpened', epoch: 1, members: addresses })
      expect(rest).toMatchObject([
        { kind: 'AuthoritySet', authority: authority.address, isTrusted: true },
        {
          kind: 'ManufacturerSet',
          manufacturer: manufacturer.address,
          endsSeconds: maxUint40,
        },
      ])
      expect(await world.chain.currentEpoch()).toBe(1)
      expect(await world.chain.committee(1)).toEqual({ members: addresses, endedAtSeconds: 0 })
      expect(await world.chain.committee(9)).toEqual({ members: [], endedAtSeconds: 0 })
    },
  },
  {
    name: 'gives events of no blocks for an empty range, and none of blocks that it lacks',
    async run(world) {
      const { number } = await world.chain.head()
      expect(await world.chain.events(number, number - 1)).toEqual([])
      const refusal = await refusalOf(world.chain.events(0, number + 1))
      expect(refusal.code).toBe('chain/unreachable')
      expect(refusal.isRetryable).toBe(true)
    },
  },
  {
    name: 'reads accounts as they were, in the order asked for, however many',
    async run(world) {
      const before = await fund(world, alice)
      await actAndMine(world, alice, { kind: 'deposit', amountWei: wei(1n) })
      const { number } = await world.chain.head()
      const upper = `0x${alice.address.slice(2).toUpperCase()}` as const
      const many = Array.from({ length: 501 }, (_, at) => partyOf((at % 200) + 50).address)
      const states = await world.chain.accounts([...many, upper], number)
      expect(states.map(({ account }) => account)).toEqual([...many, alice.address])
      expect(states.at(-1)).toEqual({
        account: alice.address,
        balanceWei: 1_000_001n,
        nonceBase: 0,
        nonceBitmap: 0n,
        energyWh: 0n,
        requestedWei: 0n,
        readyAtSeconds: 0,
        payout: noPayout,
      })
      const [old] = await world.chain.accounts([alice.address], before)
      expect(old?.balanceWei).toBe(1_000_000n)
      expect(await world.chain.accounts([], number)).toEqual([])
    },
  },
]

const eventCases: ComplianceCase[] = [
  {
    name: 'tells of money that goes in and out',
    async run(world) {
      const from = (await world.chain.head()).number + 1
      const start = await later(world)
      await actAndMine(
        world,
        alice,
        { kind: 'deposit', amountWei: wei(500n) },
        { kind: 'depositFor', account: bob.address, amountWei: wei(70n) },
        { kind: 'requestWithdrawal', amountWei: wei(300n) },
        { kind: 'requestWithdrawal', amountWei: wei(200n) },
        { kind: 'cancelWithdrawal' },
        { kind: 'requestWithdrawal', amountWei: wei(900n) },
        { kind: 'fixPayout', payout: carol.address },
      )
      await mineLater(world, 4_000)
      await actAndMine(world, alice, { kind: 'withdraw' })
      const account = alice.address
      const events = await eventsOf(world, from)
      expect(events.map(({ transactionHash: _, ...event }) => event)).toEqual([
        { blockNumber: from, kind: 'Deposited', account, from: account, amountWei: 500n },
        {
          blockNumber: from + 1,
          kind: 'Deposited',
          account: bob.address,
          from: account,
          amountWei: 70n,
        },
        ...[300n, 200n].map((requestedWei, at) => ({
          blockNumber: from + 2 + at,
          kind: 'WithdrawalRequested',
          account,
          requestedWei,
          readyAtSeconds: start + 20 + 4_000,
        })),
        { blockNumber: from + 4, kind: 'WithdrawalCancelled', account },
        {
          blockNumber: from + 5,
          kind: 'WithdrawalRequested',
          account,
          requestedWei: 900n,
          readyAtSeconds: start + 50 + 4_000,
        },
        { blockNumber: from + 6, kind: 'PayoutFixed', account, payout: carol.address },
        { blockNumber: from + 8, kind: 'Withdrawn', account, to: carol.address, amountWei: 500n },
      ])
      expect(await accountNow(world, alice)).toMatchObject({
        balanceWei: 0n,
        requestedWei: 0n,
        payout: carol.address,
      })
    },
  },
  {
    name: 'tells of energy accounts and offers',
    async run(world) {
      const from = (await world.chain.head()).number + 1
      const untilSeconds = await later(world, 9_000)
      const offer = {
        kind: 'addEnergy',
        energyWh: wh(5_000),
        priceWeiPerKwh: 42n,
        isNegotiable: true,
        untilSeconds,
        negotiationKey: '0x02aa',
      } as const
      await actAndMine(
        world,
        bob,
        { kind: 'openEnergyAccount', burnedWei: wei(1_000n) },
        offer,
        { ...offer, negotiationKey: '0x' },
        { kind: 'withdrawOffer', offerId: 1n },
      )
      const certificate = { account: carol.address, notAfterSeconds: untilSeconds }
      const signature = signMessage(
        world.facts,
        'EnergyAccountCertificate',
        certificate,
        authority.privateKey,
      )
      await actAndMine(world, carol, {
        kind: 'openEnergyAccountWithCertificate',
        authority: authority.address,
        notAfterSeconds: untilSeconds,
        signature,
      })
      const producer = bob.address
      const added = { ...offer, kind: 'OfferAdded', producer }
      const events = await eventsOf(world, from)
      expect(events.map(({ transactionHash: _, blockNumber: __, ...event }) => event)).toEqual([
        { kind: 'EnergyAccountOpened', account: producer, authority: noPayout, burnedWei: 1_000n },
        { ...added, offerId: 1n },
        { ...added, offerId: 2n, negotiationKey: '0x' },
        { kind: 'OfferWithdrawn', offerId: 1n, producer },
        {
          kind: 'EnergyAccountOpened',
          account: carol.address,
          authority: authority.address,
          burnedWei: 0n,
        },
      ])
      expect((await accountNow(world, bob)).energyWh).toBe(5_000n)
    },
  },
  {
    name: 'tells of governance: authorities, the end of an epoch and the next one',
    async run(world) {
      const from = (await world.chain.head()).number + 1
      const { address } = partyOf(31)
      const votesRoot = bytesToHex(new Uint8Array(32).fill(8))
      const digest = digestOf(world.facts, 'EpochEnd', { epoch: 1, votesRoot })
      const ends = [0, 1, 3].map((member) => ({
        member,
        votesRoot,
        signature: signDigest(digest, members[member]!.privateKey),
      }))
      const next = nextMembers.map((member) => member.address)
      const trust = world.encodeSetAuthority(address, true)
      const open = world.encodeOpenEpoch(next, ends)
      await actAndMine(world, alice, governanceOf(world, 0n, trust), governanceOf(world, 1n, open))
      const endedAtSeconds = (await world.chain.head()).timeSeconds
      expect(await eventsOf(world, from)).toMatchObject([
        { kind: 'AuthoritySet', authority: address, isTrusted: true },
        { kind: 'EpochEnded', epoch: 1, ends },
        { kind: 'EpochOpened', epoch: 2, members: next },
      ])
      expect(await world.chain.currentEpoch()).toBe(2)
      expect(await world.chain.committee(1)).toMatchObject({ endedAtSeconds })
      expect(await world.chain.committee(2)).toEqual({ members: next, endedAtSeconds: 0 })
      const late = world.chain.sendSettlement(makeCall(world, [await makeItem(world)]))
      expect(await refusalOf(late)).toMatchObject({
        code: 'chain/reverted',
        meta: { contractError: 'EpochNotCurrent', epoch: '1', currentEpoch: '2' },
      })
    },
  },
]

const standingCases: ComplianceCase[] = [
  {
    name: 'tells of manufacturers and revoked meters, whose ends no live hold can outlast',
    async run(world) {
      const from = (await world.chain.head()).number + 1
      const [other, witness] = [partyOf(32).address, meter.address]
      const time = await later(world)
      const soonest = seconds(time + complianceOptions.longestLifeSeconds)
      const trust = world.encodeSetManufacturer(other, seconds(maxUint40))
      const end = world.encodeSetManufacturer(manufacturer.address, soonest)
      await world.act(alice, governanceOf(world, 0n, trust))
      await world.act(alice, governanceOf(world, 1n, end))
      await world.mine(time)
      const next = await later(world)
      const revoke = (endsSeconds: number) =>
        governanceOf(world, 2n, world.encodeRevokeMeter(witness, seconds(endsSeconds)))
      const tooNear = await refusalOf(world.tryOut(alice, revoke(soonest + 9), next))
      expect(tooNear.meta).toMatchObject({
        contractError: 'EndTooNear',
        endsSeconds: String(soonest + 9),
        earliestSeconds: String(soonest + 10),
      })
      await world.act(alice, revoke(soonest + 10))
      await world.mine(next)
      expect(await eventsOf(world, from)).toMatchObject([
        { kind: 'ManufacturerSet', manufacturer: other, endsSeconds: maxUint40 },
        { kind: 'ManufacturerSet', manufacturer: manufacturer.address, endsSeconds: soonest },
        { kind: 'MeterRevoked', meter: witness, endsSeconds: soonest + 10 },
      ])
    },
  },
  {
    name: 'sets no standing without a quorum, and none of the zero address',
    async run(world) {
      const from = (await world.chain.head()).number + 1
      const time = await later(world)
      const far = seconds(maxUint40)
      const nameOf = async (call: Hex, change = {}) => {
        const action = { ...governanceOf(world, 0n, call), ...change } as MarketAction
        const { meta } = await refusalOf(world.tryOut(alice, action, time))
        await world.act(alice, action)
        return meta.contractError
      }
      const trust = world.encodeSetManufacturer(bob.address, far)
      const votes = { votes: `0x${'00'.repeat(195)}` }
      expect(await nameOf(trust, votes)).toBe('InvalidVote')
      expect(await nameOf(world.encodeSetManufacturer(noPayout, far))).toBe('ZeroManufacturer')
      expect(await nameOf(world.encodeRevokeMeter(noPayout, far))).toBe('ZeroMeter')
      const near = world.encodeSetManufacturer(bob.address, time)
      expect(await nameOf(near)).toBe('EndTooNear')
      await world.mine(time)
      expect(await eventsOf(world, from)).toEqual([])
    },
  },
]

/** What every implementation of `Chain` does, whatever is behind it. */
export const chainCases: readonly ComplianceCase[] = [
  ...readingCases,
  ...eventCases,
  ...standingCases,
  ...settlementCases,
  ...proofCases,
  ...transactionCases,
]
