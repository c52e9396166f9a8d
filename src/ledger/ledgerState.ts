import type { AccountState, BlockRef, MarketFacts } from '../ports/chain.ts'
import type { Change, Store } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import {
  type Address,
  type Bytes32,
  bytesToHex,
  type Hex,
  hexToBytes,
  zeroAddress,
} from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { Committee } from '../protocol/committee.ts'
import type { Market } from '../protocol/digest.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { itemsHashOf } from '../protocol/settlementBatch.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds, wei } from '../protocol/units.ts'
import { AccountBook, type NonceClosings } from './accountBook.ts'
import { buckets } from './buckets.ts'
import {
  decodeAccountState,
  decodeOffer,
  type OfferRow,
  readBlockRef,
  writeBlockRef,
} from './chainRows.ts'
import { decodeLiveCtp, type LiveCtp } from './ctpRow.ts'
import { EpochBook } from './epochBook.ts'
import { accountKey, idKey, metaKey, nonceKey, offerKey } from './keys.ts'
import { decodeNonceRow } from './signedRows.ts'
import { SparseTree } from './sparseTree.ts'
import { StandingBook } from './standingBook.ts'
import { TimeQueue } from './timeQueue.ts'

/** What an operator can set. */
export type LedgerOptions = {
  /** Live CTPs an account may have; at most the nonce window. */
  liveCtpsPerAccount: number
  /** Live CTPs a node keeps at all. */
  liveCtps: number
  /** The operator's word that this member never voted in this market before. */
  isFirstStart: boolean
}

/** Everything the rules read and write. Only the store lasts: the rest is derived from it. */
export type LedgerState = {
  readonly store: Store
  readonly facts: MarketFacts
  readonly market: Market
  readonly options: LedgerOptions
  live: Map<Bytes32, LiveCtp>
  accounts: AccountBook
  /** Certified live CTPs by the time at which their money is free. */
  freeAt: TimeQueue<LiveCtp>
  /** Fully delivered CTPs, which can settle now, by the time at which they must have. */
  full: TimeQueue<LiveCtp>
  /** Partly delivered CTPs by the time from which they settle. */
  partial: TimeQueue<LiveCtp>
  tree: SparseTree
  /** Energy promised by live CTPs of each offer. */
  promisedWh: Map<bigint, number>
  nextNumber: number
  confirmed: BlockRef | undefined
  head: BlockRef | undefined
  committee: Committee
  /** Largest withdrawal request of heads that are not confirmed yet. */
  headRequests: Map<Address, { requestedWei: bigint; headNumber: number }>
  /** Manufacturers that are trusted, and meters that are not. */
  readonly standing: StandingBook
  /** Committees of past epochs, and what this node took over from them. */
  readonly epochs: EpochBook
  /** A head of that height showed that this epoch is over. */
  epochEndsAtHead: number | undefined
  /** Offers that can be bought from, by id. */
  openOffers: Map<bigint, OfferRow>
  /** Before this block time the member does not vote: it may have lost what it signed. */
  votesFromSeconds: number | undefined
  /** Batches this node signed, by what members sign of them: calls may hide in a wrapper. */
  batches: Map<Bytes32, Hex>
}

/** Schema of the rows; raised whenever one changes its form. */
const schemaVersion = 1

/** The committee before the chain was read: nobody. */
const nobody: Committee = { epoch: 0, members: [] }

/** When a CTP's money is free if nothing was receipted. */
export function freeAtSecondsOf(state: LedgerState, expirySeconds: Seconds): Seconds {
  return seconds(expirySeconds + state.facts.options.graceSeconds)
}

/** From when a partial delivery settles: the contract refuses it before. */
export function partialFromSecondsOf(state: LedgerState, expirySeconds: Seconds): Seconds {
  return seconds(expirySeconds + Math.floor(state.facts.options.graceSeconds / 2))
}

/** What the root says of a CTP: its state and how much was receipted. */
export function stateDigestOf(ctp: Pick<LiveCtp, 'state' | 'deliveredWh'>): Uint8Array {
  const code = ctp.state === 'receipted' ? 2 : 1
  return keccak256(new ByteWriter(5).uint8(code).uint32(ctp.deliveredWh).finish())
}

/** Opens the database in a store and derives what is kept in memory. */
export function openLedgerState(
  store: Store,
  facts: MarketFacts,
  options: LedgerOptions,
): LedgerState {
  const version = store.get(buckets.meta, metaKey('schema'))
  if (version === undefined) {
    store.commit([
      { bucket: buckets.meta, key: metaKey('schema'), value: Uint8Array.of(schemaVersion) },
    ])
  } else if (version[0]! > schemaVersion) {
    throw new SpbError('store/newer-version')
  }
  const state: LedgerState = {
    store,
    facts,
    market: { chainId: facts.chainId, address: facts.address },
    options,
    live: new Map(),
    accounts: new AccountBook(closingsOf(store)),
    freeAt: new TimeQueue(),
    full: new TimeQueue(),
    partial: new TimeQueue(),
    tree: new SparseTree(),
    promisedWh: new Map(),
    nextNumber: 1,
    confirmed: undefined,
    head: undefined,
    committee: nobody,
    headRequests: new Map(),
    standing: new StandingBook(),
    epochs: new EpochBook(),
    epochEndsAtHead: undefined,
    openOffers: new Map(),
    votesFromSeconds: undefined,
    batches: new Map(),
  }
  reload(state)
  return state
}

/** Derives everything in memory anew from the store: at start, and after a roll-back. */
export function reload(state: LedgerState): void {
  const { store } = state
  state.live = new Map()
  state.accounts = new AccountBook(closingsOf(store))
  state.freeAt = new TimeQueue()
  state.full = new TimeQueue()
  state.partial = new TimeQueue()
  state.promisedWh = new Map()
  state.tree = SparseTree.from(loadLive(state))
  state.openOffers = new Map()
  for (const { key, value } of store.entries(buckets.offer)) {
    trackOffer(state, decodeOffer(new ByteReader(key).uint64(), value))
  }
  state.standing.reload(store)
  state.epochs.reload(store)
  state.batches = new Map()
  for (const { value } of store.entries(buckets.batch)) {
    const items = bytesToHex(value)
    state.batches.set(itemsHashOf(items), items)
  }
  const votesFrom = store.get(buckets.meta, metaKey('votesFrom'))
  state.votesFromSeconds = votesFrom && new ByteReader(votesFrom).uint40()
  const [newest] = store.entries(buckets.ctp, { isReversed: true })
  state.nextNumber = newest === undefined ? 1 : Number(new ByteReader(newest.key).uint64()) + 1
  const confirmed = store.get(buckets.meta, metaKey('confirmed'))
  state.confirmed = confirmed && readBlockRef(new ByteReader(confirmed))
  const committee = store.get(buckets.meta, metaKey('committee'))
  state.committee = committee === undefined ? nobody : decodeCommittee(committee)
}

function closingsOf(store: Store): NonceClosings {
  const rowAt = (account: Address, nonce: number) => {
    const bytes = store.get(buckets.nonce, nonceKey(account, nonce))
    return bytes && decodeNonceRow(bytes)
  }
  return {
    isClosed(account, nonce) {
      const row = rowAt(account, nonce)
      return row?.certifiedCtpId !== undefined || row?.isVoided === true
    },
    hasFloors: () => store.count(buckets.nonceFloor) > 0,
    floorOf(account) {
      const bytes = store.get(buckets.nonceFloor, accountKey(account))
      return bytes === undefined ? 0 : new ByteReader(bytes).uint32()
    },
    nextReported(account, from, to) {
      // Mostly the account stands just there: that is asked often, and found without a search.
      if (rowAt(account, from)?.isReported) return from
      const range = { from: nonceKey(account, from), to: nonceKey(account, to) }
      for (const { key, value } of store.entries(buckets.nonce, range)) {
        if (decodeNonceRow(value).isReported) return new ByteReader(key.subarray(20)).uint32()
      }
      return undefined
    },
  }
}

/** Tracks the live CTPs of the store, and gives what the tree holds of each. */
function* loadLive(state: LedgerState): IterableIterator<[key: Uint8Array, digest: Uint8Array]> {
  for (const { key, value } of state.store.entries(buckets.live)) {
    const ctp = decodeLiveCtp(bytesToHex(key), value)
    trackLive(state, ctp)
    if (ctp.state !== 'proposed') yield [key, stateDigestOf(ctp)]
  }
}

function decodeCommittee(bytes: Uint8Array): Committee {
  const reader = new ByteReader(bytes)
  const epoch = reader.uint32()
  return { epoch, members: Array.from({ length: reader.uint8() }, () => reader.hex(20)) }
}

/** The change that remembers the present committee. */
export function committeeChange(committee: Committee): Change {
  const writer = new ByteWriter().uint32(committee.epoch).uint8(committee.members.length)
  for (const member of committee.members) writer.bytes(hexToBytes(member))
  return { bucket: buckets.meta, key: metaKey('committee'), value: writer.finish() }
}

/** The change that remembers the confirmed block. */
export function confirmedChange(block: BlockRef): Change {
  const value = writeBlockRef(new ByteWriter(45), block).finish()
  return { bucket: buckets.meta, key: metaKey('confirmed'), value }
}

/** Puts a live CTP into every index in memory. The tree is the caller's. */
export function trackLive(state: LedgerState, ctp: LiveCtp): void {
  state.live.set(ctp.ctpId, ctp)
  state.accounts.add(ctp)
  state.freeAt.add(freeAtSecondsOf(state, ctp.expirySeconds), ctp)
  if (ctp.offerId !== 0n) {
    const promised = state.promisedWh.get(ctp.offerId) ?? 0
    state.promisedWh.set(ctp.offerId, promised + ctp.energyWh)
  }
  trackDelivery(state, ctp)
}

/** Queues a CTP for settlement as far as it was delivered. */
export function trackDelivery(state: LedgerState, ctp: LiveCtp): void {
  // What was taken over without its certificate cannot be settled before that is here.
  if (ctp.deliveredWh === 0 || ctp.state === 'proposed') return
  const partialFrom = partialFromSecondsOf(state, ctp.expirySeconds)
  if (ctp.deliveredWh >= ctp.energyWh) {
    state.partial.remove(partialFrom, ctp)
    state.full.add(freeAtSecondsOf(state, ctp.expirySeconds), ctp)
  } else {
    state.partial.add(partialFrom, ctp)
  }
}

/** Takes a CTP that ended out of every index in memory, the tree included. */
export function untrackLive(state: LedgerState, ctp: LiveCtp): void {
  state.live.delete(ctp.ctpId)
  state.accounts.remove(ctp)
  state.freeAt.remove(freeAtSecondsOf(state, ctp.expirySeconds), ctp)
  state.full.remove(freeAtSecondsOf(state, ctp.expirySeconds), ctp)
  state.partial.remove(partialFromSecondsOf(state, ctp.expirySeconds), ctp)
  if (ctp.state !== 'proposed') state.tree.delete(idKey(ctp.ctpId))
  const promised = state.promisedWh.get(ctp.offerId)
  if (promised === undefined) return
  if (promised > ctp.energyWh) state.promisedWh.set(ctp.offerId, promised - ctp.energyWh)
  else state.promisedWh.delete(ctp.offerId)
}

/** An account as of the confirmed block; all zero where the chain never named it. */
export function accountStateOf(state: LedgerState, account: Address): AccountState {
  const bytes = state.store.get(buckets.account, accountKey(account))
  return bytes === undefined ? emptyAccount(account) : decodeAccountState(account, bytes)
}

/** An account that the chain never named. */
export function emptyAccount(account: Address): AccountState {
  return {
    account,
    balanceWei: wei(0n),
    nonceBase: 0,
    nonceBitmap: 0n,
    energyWh: 0n,
    requestedWei: wei(0n),
    readyAtSeconds: seconds(0),
    payout: zeroAddress,
  }
}

/** The largest withdrawal request that could still be in force. */
export function requestedWeiOf(state: LedgerState, chain: AccountState): bigint {
  const atHeads = state.headRequests.get(chain.account)?.requestedWei ?? 0n
  return atHeads > chain.requestedWei ? atHeads : chain.requestedWei
}

/** What an account can still promise; negative where an oversight of the past shows. */
export function freeWeiOf(state: LedgerState, chain: AccountState): bigint {
  return chain.balanceWei - requestedWeiOf(state, chain) - state.accounts.heldOf(chain.account)
}

/** An offer as of the confirmed block. */
export function offerOf(state: LedgerState, offerId: bigint): OfferRow | undefined {
  const bytes = state.store.get(buckets.offer, offerKey(offerId))
  return bytes && decodeOffer(offerId, bytes)
}

/** Brings the open offers up to date with the store, for one offer. */
export function refreshOffer(state: LedgerState, offerId: bigint): void {
  const offer = offerOf(state, offerId)
  if (offer !== undefined) trackOffer(state, offer)
}

function trackOffer(state: LedgerState, offer: OfferRow): void {
  const isOver = offer.isWithdrawn || offer.soldWh >= offer.energyWh
  if (isOver) state.openOffers.delete(offer.offerId)
  else state.openOffers.set(offer.offerId, offer)
}

/** Energy of an offer that is neither paid for nor promised, as this node counts. */
export function leftWhOf(state: LedgerState, offer: OfferRow): number {
  const promised = state.promisedWh.get(offer.offerId) ?? 0
  return Math.max(0, offer.energyWh - offer.soldWh - promised)
}
