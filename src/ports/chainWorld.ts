import {
  type Address,
  type Bytes32,
  type Hex,
  zeroAddress,
  zeroBytes32,
} from '../protocol/bytes.ts'
import { packSignatures } from '../protocol/committee.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import type { Ctp } from '../protocol/messages.ts'
import { packProofVotes } from '../protocol/proofSettlement.ts'
import { type BatchItem, itemsHashOf, packBatch } from '../protocol/settlementBatch.ts'
import { addressOf, recoverSigner, signDigest, signMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds, wei, wh } from '../protocol/units.ts'
import type {
  AccountState,
  Chain,
  ChainEvent,
  MarketFacts,
  SettleCall,
  SignedEpochEnd,
} from './chain.ts'
import type { MarketAction } from './marketAction.ts'

/** Somebody with a key. */
export type Party = { address: Address; privateKey: Uint8Array }

/** The same party for the same number, from 1 to 255. */
export function partyOf(number: number): Party {
  const privateKey = new Uint8Array(32).fill(number)
  return { address: addressOf(privateKey), privateKey }
}

/** Parties of every case: households, an authority, the node's account, a maker and its meter. */
export const parties = {
  alice: partyOf(1),
  bob: partyOf(2),
  carol: partyOf(3),
  authority: partyOf(4),
  sender: partyOf(5),
  manufacturer: partyOf(6),
  meter: partyOf(99),
}

/** The committee of the first epoch, and the one that follows. */
export const members = [11, 12, 13, 14].map(partyOf)
export const nextMembers = [21].map(partyOf)

/** Terms under which time rules and fees can be told apart quickly. */
export const complianceOptions = {
  longestLifeSeconds: seconds(3_600),
  graceSeconds: seconds(100),
  withdrawalDelaySeconds: seconds(4_000),
  minimumAmountWei: wei(100n),
  feeWei: wei(10n),
  burnWei: wei(1_000n),
}

/** A chain with a market of `members` and `complianceOptions`, as a test drives it. */
export type ChainWorld = {
  chain: Chain
  facts: MarketFacts
  /** Sends a transaction that waits for the next block. */
  act(from: Party, action: MarketAction): Promise<unknown>
  /** Makes one block of what waits. */
  mine(timeSeconds: Seconds): Promise<unknown>
  /** Replaces the last blocks by as many others; the transactions in them are lost. */
  reorg(depth: number): Promise<unknown>
  dropTransactions(): Promise<unknown>
  /** Leaves an account without ether for gas. */
  impoverish(address: Address): Promise<unknown>
  /** A governed call, encoded as the contract takes it. */
  encodeSetAuthority(authority: Address, isTrusted: boolean): Hex
  encodeOpenEpoch(members: readonly Address[], ends: readonly SignedEpochEnd[]): Hex
  encodeSetManufacturer(manufacturer: Address, endsSeconds: Seconds): Hex
  encodeRevokeMeter(meter: Address, endsSeconds: Seconds): Hex
  /** Rejects with the refusal that an action would meet in a block of that time. */
  tryOut(from: Party, action: MarketAction, timeSeconds: Seconds): Promise<void>
}

/** One thing that every implementation does. */
export type ComplianceCase = { name: string; run(world: ChainWorld): Promise<void> }

const { alice, bob, carol } = parties

/** The next moment of a world's chain, some seconds after its last block. */
export async function later(
  { chain }: Pick<ChainWorld, 'chain'>,
  bySeconds = 10,
): Promise<Seconds> {
  return seconds((await chain.head()).timeSeconds + bySeconds)
}

/** Makes a block some seconds after the last one; returns its number. */
export async function mineLater(world: ChainWorld, bySeconds = 10): Promise<number> {
  await world.mine(await later(world, bySeconds))
  return (await world.chain.head()).number
}

/** Sends transactions, and makes a block of each, so that their order is certain. */
export async function actAndMine(world: ChainWorld, from: Party, ...actions: MarketAction[]) {
  for (const action of actions) {
    await world.act(from, action)
    await mineLater(world)
  }
}

/** The events from a block up to the head. */
export async function eventsOf({ chain }: ChainWorld, from: number): Promise<ChainEvent[]> {
  return await chain.events(from, (await chain.head()).number)
}

/** A party's account at the head. */
export async function accountNow(
  { chain }: Pick<ChainWorld, 'chain'>,
  { address }: Party,
): Promise<AccountState> {
  const [state] = await chain.accounts([address], (await chain.head()).number)
  return state!
}

function signVotes(facts: MarketFacts, name: 'Settlement' | 'Governance', message: never): Hex {
  const digest = digestOf(facts, name, message)
  const quorum = [0, 2, 3].map((member) => ({
    member,
    signature: signDigest(digest, members[member]!.privateKey),
  }))
  return packSignatures(quorum)
}

type MarketWorld = Pick<ChainWorld, 'chain' | 'facts'>
type Trade = Partial<Ctp> & { consumer?: Party; deliveredWh?: number }

/** Alice buys 1000 Wh of Bob for 1000 wei, unless told otherwise. */
export async function makeItem(world: MarketWorld, trade: Trade = {}): Promise<BatchItem> {
  const { consumer = alice, deliveredWh, ...fields } = trade
  const ctp: Ctp = {
    producer: bob.address,
    offerId: 0n,
    amountWei: wei(1_000n),
    energyWh: wh(1_000),
    nonce: 0,
    expirySeconds: await later(world, 1_000),
    meterKey: parties.meter.address,
    ...fields,
  }
  const consumerSignature = signMessage(world.facts, 'Ctp', ctp, consumer.privateKey)
  return { ctp, consumerSignature, deliveredWh: wh(deliveredWh ?? ctp.energyWh) }
}

/** A settlement of these items that the committee of the first epoch signed. */
export function makeCall(
  { facts }: Pick<ChainWorld, 'facts'>,
  items: BatchItem[],
  change = {},
): SettleCall {
  const packed = packBatch(items)
  const order = { epoch: 1, sequence: 7n, beneficiary: carol.address, ...change }
  const message = { ...order, itemsHash: itemsHashOf(packed) }
  const votes = signVotes(facts, 'Settlement', message as never)
  return { ...order, databaseRoot: zeroBytes32, items: packed, votes }
}

/** Settles items in the next block; returns the event. */
export async function settleNow(world: ChainWorld, items: BatchItem[], bySeconds = 10) {
  const hash = await world.chain.sendSettlement(makeCall(world, items))
  const number = await mineLater(world, bySeconds)
  const [event] = await world.chain.events(number, number)
  if (event?.kind !== 'Settled') throw new Error('There is no settlement in the block.')
  return { hash, event }
}

/** The error with which a call is refused; fails where it is not. */
export async function refusalOf(work: Promise<unknown>): Promise<SpbError> {
  const error = await work.then(
    () => undefined,
    (found) => found,
  )
  if (error instanceof SpbError) return error
  throw new Error('It was not refused by an SpbError.', { cause: error })
}

/** Gives each of them 1,000,000 wei in the market; returns the block's number. */
export async function fund(world: ChainWorld, ...consumers: Party[]): Promise<number> {
  const deposit = { kind: 'deposit', amountWei: wei(1_000_000n) } as const
  await Promise.all(consumers.map((party) => world.act(party, deposit)))
  return await mineLater(world)
}

/** A governed call that the committee of the first epoch signed. */
export function governanceOf({ facts }: ChainWorld, sequence: bigint, call: Hex): MarketAction {
  const message = { epoch: 1, sequence, call }
  const votes = signVotes(facts, 'Governance', message as never)
  return { kind: 'governance', ...message, votes }
}

/** The payout of an account that fixed none. */
export const noPayout = `0x${'00'.repeat(20)}` as const

/** The id of an item's CTP, whatever is wrong with it. */
export function idOfItem({ facts }: ChainWorld, { ctp, consumerSignature }: BatchItem): Bytes32 {
  const digest = digestOf(facts, 'Ctp', ctp)
  return ctpIdOf(digest, recoverSigner(digest, consumerSignature) ?? zeroAddress)
}

/** Which members of which epoch certify, and over which items at once. */
export type Certification = {
  epoch?: number
  quorum?: readonly number[]
  /** Items under the same signatures, after the certified one. */
  companions?: readonly BatchItem[]
}

/** The packed votes of members of the first committee for an item. */
export function certify(world: ChainWorld, item: BatchItem, by: Certification = {}): Hex {
  const { epoch = 1, quorum = [0, 2, 3], companions = [] } = by
  const tree = buildMerkleTree([item, ...companions].map((each) => idOfItem(world, each)))
  const digest = digestOf(world.facts, 'HoldVote', { epoch, ctpsRoot: tree.root })
  return packProofVotes(
    quorum.map((member) => ({
      member,
      signature: signDigest(digest, members[member]!.privateKey),
      path: tree.pathOf(0),
    })),
  )
}

type ProofAction = Extract<MarketAction, { kind: 'settleWithProof' }>
type DeclineAction = Extract<MarketAction, { kind: 'decline' }>

/** A proof of an item: certified, and receipted by its meter key. */
export function makeProof(
  world: ChainWorld,
  item: BatchItem,
  { by = {}, meter = parties.meter }: { by?: Certification; meter?: Party } = {},
): ProofAction {
  const measuredAtSeconds = seconds(1_700_000_000)
  const erc = { ctpId: idOfItem(world, item), deliveredWh: item.deliveredWh, measuredAtSeconds }
  return {
    kind: 'settleWithProof',
    epoch: by.epoch ?? 1,
    item: packBatch([item]),
    votes: certify(world, item, by),
    measuredAtSeconds,
    ercSignature: signMessage(world.facts, 'Erc', erc, meter.privateKey),
  }
}

/** A producer's word that an item of his is given up. */
export function makeDecline(world: ChainWorld, item: BatchItem): DeclineAction {
  const nothing = { ...item, deliveredWh: wh(0) }
  return { kind: 'decline', epoch: 1, item: packBatch([nothing]), votes: certify(world, item) }
}

/** The name of the contract's error with which an action is refused in the next block. */
export async function refusalNameOf(
  world: ChainWorld,
  from: Party,
  action: MarketAction,
  timeSeconds?: Seconds,
): Promise<unknown> {
  const refusal = await refusalOf(world.tryOut(from, action, timeSeconds ?? (await later(world))))
  return refusal.meta.contractError
}
