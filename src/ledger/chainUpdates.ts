import type { AccountState, BlockHeader, BlockRef, ChainEvent } from '../ports/chain.ts'
import type { Change } from '../ports/store.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { Committee } from '../protocol/committee.ts'
import type { Wei, Wh } from '../protocol/units.ts'
import { isUsedOnChain } from './accountBook.ts'
import { buckets } from './buckets.ts'
import { decodeOffer, encodeAccountState, encodeOffer, encodeSettlement } from './chainRows.ts'
import { type ClosedCtp, encodeClosedCtp, type LiveCtp } from './ctpRow.ts'
import { epochChange } from './epochBook.ts'
import { decodeUndo, Journal } from './journal.ts'
import { accountKey, idKey, metaKey, numberKey, offerKey } from './keys.ts'
import {
  committeeChange,
  confirmedChange,
  type LedgerState,
  refreshOffer,
  reload,
  untrackLive,
} from './ledgerState.ts'
import { standingChange } from './standingBook.ts'

/** One trade that was paid, by a batch or by proof. This node need not know its CTP. */
export type SettledTrade = {
  ctpId: Bytes32
  offerId: bigint
  deliveredWh: Wh
  /** Of that, what was committed and so paid for. */
  soldWh: Wh
  paidWei: Wei
  blockNumber: number
  transactionHash: Bytes32
  /** Gas of the transaction over its trades. */
  gasShare: number
}

/** What the confirmed chain brought since the last update. */
export type ChainUpdate = {
  confirmed: BlockRef
  head: BlockRef
  /** Of blocks after the last confirmed one up to the new one. */
  events: ChainEvent[]
  /** Of blocks after the confirmed one up to the head. */
  headEvents: ChainEvent[]
  /** What settlements paid. */
  trades: SettledTrade[]
  /** CTPs that settlements named without effect. */
  skipped: Bytes32[]
  /** Every account that the events name, as of the confirmed block. */
  accounts: AccountState[]
  /** Of blocks after the last head up to the new one, as far as the client told them. */
  headers?: BlockHeader[]
}

/** CTPs that an update closed. */
export type ClosedByUpdate = { ctp: LiveCtp; closed: ClosedCtp }

/** What was read from the chain, and can be read from it again. */
const chainBuckets = [
  ...[buckets.account, buckets.offer, buckets.settlement, buckets.energyAccount, buckets.undo],
  ...[buckets.manufacturer, buckets.revokedMeter, buckets.committee],
]

/** How many updates can be taken back. */
const undoDepth = 256

/** Applies a chain update: accounts, offers, settlements, ends of CTPs, all or nothing. */
export function applyChainUpdate(state: LedgerState, update: ChainUpdate): ClosedByUpdate[] {
  if (update.confirmed.hash === state.confirmed?.hash) {
    state.head = update.head
    noteHead(state, update)
    return []
  }
  noteFirstLook(state, update)
  const journal = new Journal(state.store)
  let committee: Committee | undefined
  for (const event of update.events) {
    applyOfferEvent(journal, event)
    const standing = standingChange(event)
    if (standing !== undefined) journal.put(standing)
    const epoch = epochChange(journal, state.committee, event, update.confirmed.timeSeconds)
    if (epoch !== undefined) journal.put(epoch)
    if (event.kind === 'EpochOpened') committee = { epoch: event.epoch, members: event.members }
  }
  if (committee !== undefined) journal.put(committeeChange(committee))
  for (const trade of update.trades) applyTrade(journal, trade)
  for (const account of update.accounts) {
    const value = encodeAccountState(account)
    journal.put({ bucket: buckets.account, key: accountKey(account.account), value })
  }
  journal.put(confirmedChange(update.confirmed))
  const closings = findClosings(state, journal, update)
  for (const { ctp, closed } of closings) {
    const key = idKey(ctp.ctpId)
    journal.put({ bucket: buckets.live, key, value: undefined })
    journal.put({ bucket: buckets.closed, key, value: encodeClosedCtp(closed) })
  }
  commitWithUndo(state, journal, update.confirmed.number)
  if (committee !== undefined) {
    state.committee = committee
    state.epochs.reload(state.store)
  }
  state.standing.noteConfirmed(update.events)
  for (const offerId of offersOf(update)) refreshOffer(state, offerId)
  state.confirmed = update.confirmed
  state.head = update.head
  for (const { ctp } of closings) untrackLive(state, ctp)
  noteHead(state, update)
  return closings
}

function offersOf({ events, trades }: ChainUpdate): Set<bigint> {
  const offerIds = new Set(trades.map(({ offerId }) => offerId))
  for (const event of events) {
    if (event.kind === 'OfferAdded' || event.kind === 'OfferWithdrawn') offerIds.add(event.offerId)
  }
  return offerIds
}

/**
 * Decides, with a new database, when the member may vote. Where nobody has money yet it cannot
 * have voted before; else it may have, and lost it, and waits until all that could live is over.
 */
function noteFirstLook(state: LedgerState, { confirmed, events }: ChainUpdate): void {
  if (state.votesFromSeconds !== undefined) return
  const { longestLifeSeconds, graceSeconds } = state.facts.options
  const isFirst = state.options.isFirstStart || events.every(({ kind }) => kind !== 'Deposited')
  const safeSeconds = confirmed.timeSeconds + longestLifeSeconds + graceSeconds
  state.votesFromSeconds = isFirst ? 0 : safeSeconds
  const value = new ByteWriter(5).uint40(state.votesFromSeconds).finish()
  // Not part of the update: taking that back does not make the database new again.
  state.store.commit([{ bucket: buckets.meta, key: metaKey('votesFrom'), value }])
}

function applyOfferEvent(journal: Journal, event: ChainEvent): void {
  if (event.kind === 'OfferAdded') {
    const value = encodeOffer({ ...event, isWithdrawn: false, soldWh: 0 })
    journal.put({ bucket: buckets.offer, key: offerKey(event.offerId), value })
  } else if (event.kind === 'OfferWithdrawn') {
    const key = offerKey(event.offerId)
    const bytes = journal.get(buckets.offer, key)
    if (bytes === undefined) return
    const value = encodeOffer({ ...decodeOffer(event.offerId, bytes), isWithdrawn: true })
    journal.put({ bucket: buckets.offer, key, value })
  } else if (event.kind === 'EnergyAccountOpened') {
    const key = accountKey(event.account)
    journal.put({ bucket: buckets.energyAccount, key, value: new Uint8Array() })
  }
}

function applyTrade(journal: Journal, trade: SettledTrade): void {
  const value = encodeSettlement(trade)
  journal.put({ bucket: buckets.settlement, key: idKey(trade.ctpId), value })
  const { offerId } = trade
  const bytes = journal.get(buckets.offer, offerKey(offerId))
  if (bytes === undefined) return
  const offer = decodeOffer(offerId, bytes)
  const soldWh = offer.soldWh + trade.soldWh
  journal.put({
    bucket: buckets.offer,
    key: offerKey(offerId),
    value: encodeOffer({ ...offer, soldWh }),
  })
}

/** CTPs whose nonce was used, and those past expiry and grace. */
function findClosings(state: LedgerState, journal: Journal, update: ChainUpdate): ClosedByUpdate[] {
  const closings = new Map<Bytes32, ClosedByUpdate>()
  const close = (ctp: LiveCtp, end: ClosedCtp['state'], deliveredWh = ctp.deliveredWh) => {
    const wasHeld = ctp.state !== 'proposed'
    closings.set(ctp.ctpId, {
      ctp,
      closed: { number: ctp.number, state: end, deliveredWh, wasHeld },
    })
  }
  const trades = new Map(update.trades.map((trade) => [trade.ctpId, trade]))
  for (const account of update.accounts) {
    for (const ctp of state.accounts.allOf(account.account)) {
      if (!isUsedOnChain(account, ctp.nonce)) continue
      const isPaid = journal.get(buckets.settlement, idKey(ctp.ctpId)) !== undefined
      close(ctp, isPaid ? 'settled' : 'declined', trades.get(ctp.ctpId)?.deliveredWh)
    }
  }
  // The contract still pays at expiry + grace itself, so the money is free just after it.
  for (const ctp of state.freeAt.due(update.confirmed.timeSeconds - 1)) {
    if (!closings.has(ctp.ctpId)) close(ctp, 'expired')
  }
  return [...closings.values()]
}

function commitWithUndo(state: LedgerState, journal: Journal, blockNumber: number): void {
  const changes: Change[] = journal.changes()
  const key = numberKey(blockNumber)
  changes.push({ bucket: buckets.undo, key, value: journal.encodeUndo() })
  let excess = state.store.count(buckets.undo) + 1 - undoDepth
  if (excess > 0) {
    for (const entry of state.store.entries(buckets.undo)) {
      if (excess-- <= 0) break
      changes.push({ bucket: buckets.undo, key: entry.key, value: undefined })
    }
  }
  state.store.commit(changes)
}

/** Withdrawals, ends of standings and of epochs count as soon as any head shows them. */
function noteHead(state: LedgerState, update: ChainUpdate): void {
  for (const [account, { headNumber }] of state.headRequests) {
    if (headNumber <= update.confirmed.number) state.headRequests.delete(account)
  }
  // What a head showed counts until its height is confirmed, also if that head was replaced.
  const endsAt = state.epochEndsAtHead
  if (endsAt !== undefined && endsAt <= update.confirmed.number) state.epochEndsAtHead = undefined
  state.standing.noteHead(update.confirmed.number, update.head.number, update.headEvents)
  for (const event of update.headEvents) {
    if (event.kind === 'EpochOpened') state.epochEndsAtHead = update.head.number
    if (event.kind !== 'WithdrawalRequested') continue
    const known = state.headRequests.get(event.account)?.requestedWei ?? 0n
    const requestedWei = event.requestedWei > known ? event.requestedWei : known
    state.headRequests.set(event.account, { requestedWei, headNumber: update.head.number })
  }
}

/**
 * Takes back the newest chain update: afterwards the confirmed block is the one before it.
 *
 * Returns false where no update can be taken back any more.
 */
export function rollBack(state: LedgerState): boolean {
  const [newest] = state.store.entries(buckets.undo, { isReversed: true })
  if (newest === undefined) return false
  state.store.commit([
    ...decodeUndo(newest.value),
    { bucket: buckets.undo, key: newest.key, value: undefined },
  ])
  reload(state)
  return true
}

/**
 * Forgets everything that was read from the chain, so that it is read anew from the market's
 * deployment: for reorganisations deeper than the undo log. Live CTPs and votes stay.
 */
export function forgetChain(state: LedgerState): void {
  // First of all: a crash half-way must not leave an old block above rows that are gone.
  state.store.commit([{ bucket: buckets.meta, key: metaKey('confirmed'), value: undefined }])
  for (const bucket of chainBuckets) {
    const keys = Array.from(state.store.entries(bucket), (entry) => entry.key)
    state.store.commit(keys.map((key) => ({ bucket, key, value: undefined })))
  }
  reload(state)
}
