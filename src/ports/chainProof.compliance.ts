import { expect } from 'vitest'
import { type Hex, zeroBytes32 } from '../protocol/bytes.ts'
import { digestOf } from '../protocol/digest.ts'
import { type BatchItem, packBatch } from '../protocol/settlementBatch.ts'
import { signDigest, signMessage } from '../protocol/signature.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import {
  accountNow,
  actAndMine,
  type ChainWorld,
  type ComplianceCase,
  certify,
  complianceOptions,
  eventsOf,
  fund,
  governanceOf,
  idOfItem,
  later,
  makeCall,
  makeDecline,
  makeItem,
  makeProof,
  members,
  mineLater,
  nextMembers,
  noPayout,
  parties,
  partyOf,
  refusalNameOf,
  settleNow,
} from './chainWorld.ts'

const { alice, bob, carol } = parties
const { graceSeconds, longestLifeSeconds } = complianceOptions

/** What an item's CTP and the proof path moved: of Alice, of Bob, and whether its nonce is used. */
async function stateOf(world: ChainWorld): Promise<[bigint, bigint, bigint]> {
  const [{ balanceWei, nonceBitmap }, earning] = [
    await accountNow(world, alice),
    await accountNow(world, bob),
  ]
  return [balanceWei, earning.balanceWei, nonceBitmap]
}

/** How one trade is paid or given up without any node. */
const proofPathCases: ComplianceCase[] = [
  {
    name: 'P3: settles a full delivery by proof, whoever sends it, without a fee',
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
      const from = (await world.chain.head()).number + 1
      const item = await makeItem(world, { offerId: 1n, deliveredWh: 1_200 })
      await actAndMine(world, carol, makeProof(world, item))
      const [event, ...others] = await eventsOf(world, from)
      expect(others).toEqual([])
      expect(event).toMatchObject({
        kind: 'SettledWithProof',
        blockNumber: from,
        ctpId: idOfItem(world, item),
        consumer: alice.address,
        producer: bob.address,
        offerId: 1n,
        nonce: 0,
        deliveredWh: 1_000,
        paymentWei: 1_000n,
      })
      if (event?.kind !== 'SettledWithProof') throw new Error('There is no settlement.')
      expect(event.gasUsed).toBeGreaterThan(21_000n)
      expect(event.transactionHash).toMatch(/^0x[0-9a-f]{64}$/)
      expect(await stateOf(world)).toEqual([999_000n, 1_000n, 1n])
      expect((await accountNow(world, bob)).energyWh).toBe(500n)
    },
  },
  {
    name: 'P3: settles a part for its producer alone, from expiry to the end of the grace',
    async run(world) {
      await fund(world, alice)
      const expirySeconds = await later(world, 500)
      const item = await makeItem(world, { expirySeconds, deliveredWh: 333 })
      const proof = makeProof(world, item)
      const early = seconds(expirySeconds - 1)
      const last = seconds(expirySeconds + graceSeconds)
      expect(await refusalNameOf(world, bob, proof, early)).toBe('PartTooEarly')
      expect(await refusalNameOf(world, carol, proof, expirySeconds)).toBe('NotProducer')
      expect(await refusalNameOf(world, bob, proof, seconds(last + 1))).toBe('TradeOver')
      await world.tryOut(bob, proof, last)
      // The committee cannot settle a part in the first half of the grace.
      await world.act(bob, proof)
      await world.mine(expirySeconds)
      expect(await stateOf(world)).toEqual([999_667n, 333n, 1n])
    },
  },
  {
    name: 'settles a full delivery by proof until the end of the grace, and not after',
    async run(world) {
      await fund(world, alice)
      const expirySeconds = await later(world, 500)
      const proof = makeProof(world, await makeItem(world, { expirySeconds }))
      const last = seconds(expirySeconds + graceSeconds)
      expect(await refusalNameOf(world, bob, proof, seconds(last + 1))).toBe('TradeOver')
      await world.act(carol, proof)
      await world.mine(last)
      expect(await stateOf(world)).toEqual([999_000n, 1_000n, 1n])
    },
  },
  {
    name: 'lets a producer decline, which uses the nonce and moves nothing',
    async run(world) {
      await fund(world, alice)
      const from = (await world.chain.head()).number + 1
      const item = await makeItem(world, { nonce: 70 })
      await actAndMine(world, bob, makeDecline(world, item))
      expect((await eventsOf(world, from)).map(({ transactionHash: _, ...rest }) => rest)).toEqual([
        {
          kind: 'Declined',
          blockNumber: from,
          ctpId: idOfItem(world, item),
          consumer: alice.address,
          producer: bob.address,
          nonce: 70,
        },
      ])
      expect(await accountNow(world, alice)).toMatchObject({
        balanceWei: 1_000_000n,
        nonceBase: 7,
        nonceBitmap: 1n << 63n,
      })
      expect(await refusalNameOf(world, bob, makeProof(world, item))).toBe('NonceUsed')
      expect((await settleNow(world, [item])).event.settledBitmap).toBe(0n)
      expect((await accountNow(world, bob)).balanceWei).toBe(0n)
    },
  },
  {
    name: 'lets nobody but the producer decline, only what came to nothing, and not for ever',
    async run(world) {
      await fund(world, alice)
      const expirySeconds = await later(world, 500)
      const item = await makeItem(world, { expirySeconds })
      const decline = makeDecline(world, item)
      const last = seconds(expirySeconds + graceSeconds)
      for (const stranger of [alice, carol]) {
        expect(await refusalNameOf(world, stranger, decline)).toBe('NotProducer')
      }
      const delivered = { ...decline, item: packBatch([item]) }
      expect(await refusalNameOf(world, bob, delivered)).toBe('DeliveryDeclined')
      const uncertified = { ...decline, votes: certify(world, item, { quorum: [0, 2] }) }
      expect(await refusalNameOf(world, bob, uncertified)).toBe('InvalidHoldVotesLength')
      expect(await refusalNameOf(world, bob, decline, seconds(last + 1))).toBe('TradeOver')
      await world.tryOut(bob, decline, last)
    },
  },
  {
    name: 'takes an ended epoch’s certificate as long as a hold of it can live',
    async run(world) {
      await fund(world, alice)
      const votesRoot = zeroBytes32
      const digest = digestOf(world.facts, 'EpochEnd', { epoch: 1, votesRoot })
      const ends = [0, 1, 2].map((member) => ({
        member,
        votesRoot,
        signature: signDigest(digest, members[member]!.privateKey),
      }))
      const next = nextMembers.map(({ address }) => address)
      const open = world.encodeOpenEpoch(next, ends)
      await actAndMine(world, alice, governanceOf(world, 0n, open))
      const endedAt = (await world.chain.head()).timeSeconds
      const last = seconds(endedAt + longestLifeSeconds + graceSeconds)
      const item = await makeItem(world, { expirySeconds: last })
      const proof = makeProof(world, item)
      expect(await refusalNameOf(world, bob, proof, seconds(last + 1))).toBe('EpochTooOld')
      const renamed = { ...proof, epoch: 2 }
      expect(await refusalNameOf(world, bob, renamed, last)).toBe('InvalidVote')
      expect(await refusalNameOf(world, bob, { ...proof, epoch: 3 }, last)).toBe('UnknownEpoch')
      const decline = makeDecline(world, item)
      expect(await refusalNameOf(world, bob, decline, seconds(last + 1))).toBe('EpochTooOld')
      await world.act(bob, proof)
      await world.mine(last)
      expect(await stateOf(world)).toEqual([999_000n, 1_000n, 1n])
    },
  },
]

/** P5: both settlement paths, in every order, pay a trade once. */
const raceCases: ComplianceCase[] = [
  {
    name: 'P5: pays once where a batch comes before a proof',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      expect((await settleNow(world, [item])).event.settledBitmap).toBe(1n)
      const after = await stateOf(world)
      expect(await refusalNameOf(world, bob, makeProof(world, item))).toBe('NonceUsed')
      expect(await refusalNameOf(world, bob, makeDecline(world, item))).toBe('NonceUsed')
      await actAndMine(world, bob, makeProof(world, item), makeDecline(world, item))
      expect(await stateOf(world)).toEqual(after)
    },
  },
  {
    name: 'P5: pays once where a proof comes before a batch, which settles the rest',
    async run(world) {
      await fund(world, alice)
      const [item, other] = [await makeItem(world), await makeItem(world, { nonce: 1 })]
      await actAndMine(world, bob, makeProof(world, item))
      expect(await refusalNameOf(world, bob, makeProof(world, item))).toBe('NonceUsed')
      expect((await settleNow(world, [item, other])).event.settledBitmap).toBe(0b10n)
      expect(await stateOf(world)).toEqual([998_000n, 1_990n, 0b11n])
    },
  },
  {
    name: 'P5: pays once where both are in one block',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      await world.chain.sendSettlement(makeCall(world, [item]))
      await world.act(bob, makeProof(world, item))
      await world.act(carol, makeProof(world, item))
      const number = await mineLater(world)
      const paid = (await world.chain.events(number, number)).filter(
        (event) =>
          event.kind === 'SettledWithProof' ||
          (event.kind === 'Settled' && event.settledBitmap === 1n),
      )
      expect(paid).toHaveLength(1)
      expect((await accountNow(world, alice)).balanceWei).toBe(999_000n)
    },
  },
  {
    name: 'P5: pays once more where a reorganisation took the first payment away',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      await mineLater(world)
      await actAndMine(world, bob, makeProof(world, item))
      await world.reorg(1)
      expect(await stateOf(world)).toEqual([1_000_000n, 0n, 0n])
      expect((await settleNow(world, [item])).event.settledBitmap).toBe(1n)
      expect(await refusalNameOf(world, bob, makeProof(world, item))).toBe('NonceUsed')
    },
  },
]

/** Each way in which a proof can be wrong, and what it is refused with. */
const refusalCases: ComplianceCase[] = [
  {
    name: 'refuses proofs of trades that could not be certified',
    async run(world) {
      await fund(world, alice, carol)
      const nameOf = async (item: BatchItem) => refusalNameOf(world, bob, makeProof(world, item))
      expect(await nameOf(await makeItem(world, { producer: noPayout }))).toBe('ZeroProducer')
      expect(await nameOf(await makeItem(world, { energyWh: wh(0) }))).toBe('ZeroTradedEnergy')
      expect(await nameOf(await makeItem(world, { amountWei: wei(99n) }))).toBe('AmountTooSmall')
      expect(await nameOf(await makeItem(world, { consumer: bob }))).toBe('SelfTrade')
      expect(await nameOf(await makeItem(world, { deliveredWh: 0 }))).toBe('NothingDelivered')
      const dear = await makeItem(world, { amountWei: wei(1_000_001n) })
      expect(await nameOf(dear)).toBe('BalanceTooSmall')
      const item = await makeItem(world)
      const unsigned = { ...item, consumerSignature: `0x${'00'.repeat(64)}` as const }
      expect(await nameOf(unsigned)).toBe('InvalidConsumerSignature')
      const proof = makeProof(world, item)
      const short = { ...proof, item: proof.item.slice(0, -2) as Hex }
      expect(await refusalNameOf(world, bob, short)).toBe('InvalidItemLength')
    },
  },
  {
    name: 'P6: refuses a receipt that is not the bound meter key’s over these very words',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      const proof = makeProof(world, item)
      const nameOf = (change: object) => refusalNameOf(world, bob, { ...proof, ...change })
      const strangers = makeProof(world, item, { meter: partyOf(98) })
      expect(await nameOf({ ercSignature: strangers.ercSignature })).toBe('InvalidErc')
      expect(await nameOf({ measuredAtSeconds: 5 })).toBe('InvalidErc')
      expect(await nameOf({ ercSignature: '0x11' })).toBe('InvalidSignatureLength')
      expect(await nameOf({ ercSignature: `0x${'00'.repeat(64)}` })).toBe('InvalidErc')
      const more = packBatch([{ ...item, deliveredWh: wh(1_001) }])
      expect(await nameOf({ item: more })).toBe('InvalidErc')
      const keyless = await makeItem(world, { meterKey: noPayout })
      const unsigned = { ...makeProof(world, keyless), ercSignature: `0x${'00'.repeat(64)}` }
      expect(await refusalNameOf(world, bob, unsigned as typeof proof)).toBe('InvalidErc')
    },
  },
  {
    name: 'P1: refuses what a quorum did not certify, or its consumer did not sign',
    async run(world) {
      await fund(world, alice)
      const [item, other] = [await makeItem(world), await makeItem(world, { nonce: 1 })]
      const proof = makeProof(world, item)
      const nameOf = (votes: Hex) => refusalNameOf(world, bob, { ...proof, votes })
      const votesOf = (quorum: number[]) => certify(world, item, { quorum })
      expect(await nameOf('0x')).toBe('InvalidHoldVotesLength')
      expect(await nameOf(votesOf([0, 2]))).toBe('InvalidHoldVotesLength')
      expect(await nameOf(votesOf([0, 1, 2, 3]))).toBe('InvalidHoldVotesLength')
      expect(await nameOf(votesOf([2, 0, 3]))).toBe('VoteOutOfOrder')
      expect(await nameOf(votesOf([0, 2, 2]))).toBe('VoteOutOfOrder')
      expect(await nameOf(certify(world, other))).toBe('InvalidVote')
      expect(await nameOf(certify(world, item, { epoch: 2 }))).toBe('InvalidVote')
      expect(await nameOf(`0x09${proof.votes.slice(4)}`)).toBe('UnknownMember')
      const elsewhere = { ...world, facts: { ...world.facts, chainId: 9 } }
      expect(await nameOf(certify(elsewhere, item))).toBe('InvalidVote')
      const consumerSignature = signMessage(world.facts, 'Ctp', item.ctp, carol.privateKey)
      const stolen = packBatch([{ ...item, consumerSignature }])
      expect(await refusalNameOf(world, bob, { ...proof, item: stolen })).toBe('InvalidVote')
      expect(await stateOf(world)).toEqual([1_000_000n, 0n, 0n])
    },
  },
  {
    name: 'takes votes over many CTPs, and refuses paths that lead elsewhere',
    async run(world) {
      await fund(world, alice)
      const item = await makeItem(world)
      const companions = await Promise.all(
        Array.from({ length: 63 }, (_, at) => makeItem(world, { nonce: at + 1 })),
      )
      const proof = makeProof(world, item, { by: { companions } })
      const { votes } = proof
      const nameOf = (changed: string) =>
        refusalNameOf(world, bob, { ...proof, votes: changed as Hex })
      const at = 2 + 2 * 65
      const withPath = (index: string, height: string) =>
        `${votes.slice(0, at)}${index}${height}${votes.slice(at + 4)}`
      expect(await nameOf(withPath('01', '06'))).toBe('InvalidVote')
      expect(await nameOf(withPath('40', '06'))).toBe('InvalidVotePath')
      expect(await nameOf(withPath('00', '07'))).toBe('InvalidVotePath')
      expect(await nameOf(withPath('00', '05'))).toBe('InvalidVote')
      expect(await nameOf(withPath('00', 'ff'))).toBe('InvalidHoldVotesLength')
      expect(await nameOf(votes.slice(0, -64))).toBe('InvalidHoldVotesLength')
      expect(await nameOf(`${votes}00`)).toBe('InvalidHoldVotesLength')
      await actAndMine(world, carol, proof)
      expect(await stateOf(world)).toEqual([999_000n, 1_000n, 1n])
    },
  },
]

/** How a producer is paid, or gives a trade up, without any node's help. */
export const proofCases: readonly ComplianceCase[] = [
  ...proofPathCases,
  ...raceCases,
  ...refusalCases,
]
