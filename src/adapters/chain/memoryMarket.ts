import type { AccountState, ChainEvent, MarketOptions } from '../../ports/chain.ts'
import type { Address } from '../../protocol/bytes.ts'
import { zeroAddress } from '../../protocol/bytes.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import type { Market } from '../../protocol/digest.ts'
import { maxUint40, type Seconds, seconds, wei } from '../../protocol/units.ts'

/** An account without its address; records are replaced, never changed. */
export type AccountRecord = Omit<AccountState, 'account'>

/** What the contract stores of an offer. */
export type MemoryOffer = {
  producer: Address
  energyWh: number
  untilSeconds: Seconds
  isOpen: boolean
}

/** What the contract stores of an epoch; 0: it has not ended. */
export type MemoryCommittee = { members: readonly Address[]; endedAtSeconds: Seconds }

/** All that a market stores. Copies share their records. */
export type MemoryMarketState = {
  accounts: Map<Address, AccountRecord>
  energyAccounts: Set<Address>
  authorities: Set<Address>
  /** Ends of standings. */
  manufacturers: Map<Address, Seconds>
  revokedMeters: Map<Address, Seconds>
  offers: Map<bigint, MemoryOffer>
  committees: Map<number, MemoryCommittee>
  currentEpoch: number
  governanceSequence: bigint
  /** What the contract holds. */
  etherWei: bigint
}

/** What a transaction finds around it. */
export type MarketContext = {
  market: Market
  options: MarketOptions
  timeSeconds: Seconds
  from: Address
}

type WithoutPlace<Event> = Event extends ChainEvent
  ? Omit<Event, 'blockNumber' | 'transactionHash' | 'gasUsed' | 'calldataBytes' | 'items'>
  : never

/** An event before its transaction is in a block. */
export type MarketEvent = WithoutPlace<ChainEvent>

/** The end of a standing that the constructor gives: none. */
export const noEndSeconds = seconds(maxUint40)

/** The state of an account that was never used. */
export const emptyAccount: AccountRecord = {
  balanceWei: wei(0n),
  nonceBase: 0,
  nonceBitmap: 0n,
  energyWh: 0n,
  requestedWei: wei(0n),
  readyAtSeconds: seconds(0),
  payout: zeroAddress,
}

/** An account; an empty one where it was never used. */
export function accountOf(state: MemoryMarketState, address: Address): AccountRecord {
  return state.accounts.get(address) ?? emptyAccount
}

/** Replaces some fields of an account. */
export function changeAccount(
  state: MemoryMarketState,
  address: Address,
  change: Partial<AccountRecord>,
): void {
  state.accounts.set(address, { ...accountOf(state, address), ...change })
}

/** A state of its own, for a block that may change it. */
export function copyState(state: MemoryMarketState): MemoryMarketState {
  return {
    ...state,
    accounts: new Map(state.accounts),
    energyAccounts: new Set(state.energyAccounts),
    authorities: new Set(state.authorities),
    manufacturers: new Map(state.manufacturers),
    revokedMeters: new Map(state.revokedMeters),
    offers: new Map(state.offers),
    committees: new Map(state.committees),
  }
}

/** The state that the constructor leaves. */
export function createState(
  members: readonly Address[],
  authorities: readonly Address[],
  manufacturers: readonly Address[],
): MemoryMarketState {
  return {
    accounts: new Map(),
    energyAccounts: new Set(),
    authorities: new Set(authorities),
    manufacturers: new Map(manufacturers.map((address) => [address, noEndSeconds])),
    revokedMeters: new Map(),
    offers: new Map(),
    committees: new Map([[1, { members, endedAtSeconds: seconds(0) }]]),
    currentEpoch: 1,
    governanceSequence: 0n,
    etherWei: 0n,
  }
}

/** Throws `EpochNotCurrent` for every epoch but the current one. */
export function requireCurrent(state: MemoryMarketState, epoch: number): void {
  const { currentEpoch } = state
  if (epoch !== currentEpoch) throw contractRefusal('EpochNotCurrent', { epoch, currentEpoch })
}
