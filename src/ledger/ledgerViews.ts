import { ByteReader } from '../protocol/byteReader.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { paymentOf } from '../protocol/payment.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wei, wh } from '../protocol/units.ts'
import type {
  AccountView,
  CtpDossier,
  CtpFilter,
  CtpView,
  OfferFilter,
  OfferView,
} from '../protocol/views.ts'
import { buckets } from './buckets.ts'
import { decodeOffer, decodeSettlement, type OfferRow } from './chainRows.ts'
import { type CtpRow, decodeClosedCtp } from './ctpRow.ts'
import { accountKey, accountNumberKey, idKey } from './keys.ts'
import {
  accountStateOf,
  freeAtSecondsOf,
  freeWeiOf,
  type LedgerState,
  leftWhOf,
  partialFromSecondsOf,
  requestedWeiOf,
} from './ledgerState.ts'
import { ctpRowOf } from './receipts.ts'
import { decodeReceipt, decodeVotes } from './signedRows.ts'
import { numberOf } from './voting.ts'

/** Most rows of one answer. */
const listLimit = 1000
/** Most rows that one question makes the node look at. */
const mostLookedAt = 10_000

/** A CTP's present state, from what is live, or how it ended. */
function progressOf(state: LedgerState, row: CtpRow): Pick<CtpView, 'state' | 'deliveredWh'> {
  const live = state.live.get(row.ctpId)
  if (live !== undefined) return { state: live.state, deliveredWh: live.deliveredWh }
  const closed = state.store.get(buckets.closed, idKey(row.ctpId))
  if (closed === undefined) return { state: 'proposed', deliveredWh: wh(0) }
  const { state: end, deliveredWh } = decodeClosedCtp(closed)
  return { state: end, deliveredWh }
}

/** A CTP row as its parties see it. */
export function viewOfRow(state: LedgerState, row: CtpRow): CtpView {
  const { ctp, ctpId, consumer, consumerSignature, number } = row
  const progress = progressOf(state, row)
  const isLive = state.live.has(ctpId)
  const settlementBytes = isLive ? undefined : state.store.get(buckets.settlement, idKey(ctpId))
  const settlement = settlementBytes && decodeSettlement(settlementBytes)
  const votes = state.store.get(buckets.certificate, idKey(ctpId))
  const certificate = votes && decodeVotes(votes)
  const isFull = progress.deliveredWh >= ctp.energyWh
  const partialFrom = partialFromSecondsOf(state, ctp.expirySeconds)
  return {
    ...{ number, ctpId, consumer, ctp, consumerSignature, ...progress },
    paymentWei: settlement?.paidWei ?? paymentOf(ctp.amountWei, ctp.energyWh, progress.deliveredWh),
    settlesFromSeconds:
      isFull && isLive ? (state.confirmed?.timeSeconds ?? partialFrom) : partialFrom,
    freeAtSeconds: freeAtSecondsOf(state, ctp.expirySeconds),
    ...(settlement === undefined
      ? {}
      : {
          settlement: {
            blockNumber: settlement.blockNumber,
            transactionHash: settlement.transactionHash,
            gasShare: settlement.gasShare,
          },
        }),
    ...(certificate === undefined
      ? {}
      : {
          certificate: {
            epoch: certificate.epoch,
            members: certificate.votes.map(({ member }) => member),
          },
        }),
  }
}

function numberFor(state: LedgerState, key: Bytes32 | number): number {
  const isKnown = typeof key !== 'number' || (key >= 1 && key < state.nextNumber)
  const number = typeof key === 'number' ? key : numberOf(state, key)
  if (number === undefined || !isKnown) throw new SpbError('ctp/unknown')
  return number
}

/** A CTP by id or local number. Throws `ctp/unknown`. */
export function viewCtp(state: LedgerState, key: Bytes32 | number): CtpView {
  return viewOfRow(state, ctpRowOf(state, numberFor(state, key)))
}

/** All that is kept about a CTP. Throws `ctp/unknown`. */
export function viewDossier(state: LedgerState, key: Bytes32 | number): CtpDossier {
  const row = ctpRowOf(state, numberFor(state, key))
  const { ctp, consumerSignature, papers, ctpId } = row
  const votes = state.store.get(buckets.certificate, idKey(ctpId))
  const receipt = state.store.get(buckets.receipt, idKey(ctpId))
  return {
    ...viewOfRow(state, row),
    ...(votes === undefined
      ? {}
      : { holdCertificate: { ctp, consumerSignature, ...decodeVotes(votes) } }),
    ...(papers === undefined
      ? {}
      : { evidence: papers.evidence, meterReadySignature: papers.meterReadySignature }),
    ...(receipt === undefined ? {} : { receipt: decodeReceipt(ctpId, receipt) }),
  }
}

function* numbersOf(state: LedgerState, filter: CtpFilter): IterableIterator<number> {
  const { account, afterNumber = 0, beforeNumber = state.nextNumber } = filter
  const end = Math.min(beforeNumber, state.nextNumber)
  if (account === undefined) {
    for (let number = end - 1; number > afterNumber; number--) yield number
    return
  }
  const range = {
    from: accountNumberKey(account, afterNumber + 1),
    to: accountNumberKey(account, end),
    isReversed: true,
  }
  for (const { key } of state.store.entries(buckets.byAccount, range)) {
    yield Number(new ByteReader(key.subarray(20)).uint64())
  }
}

/**
 * CTPs that match, newest first; at most 1,000. Looks at 10,000 at most: go on with `beforeNumber`.
 */
export function listCtps(state: LedgerState, filter: CtpFilter): CtpView[] {
  const limit = Math.min(filter.limit ?? 100, listLimit)
  const found: CtpView[] = []
  let looked = 0
  for (const number of numbersOf(state, filter)) {
    if (found.length >= limit || looked++ >= mostLookedAt) break
    const view = viewOfRow(state, ctpRowOf(state, number))
    if (filter.state === undefined || view.state === filter.state) found.push(view)
  }
  return found
}

/** An offer as buyers see it. */
export function viewOffer(state: LedgerState, offer: OfferRow): OfferView {
  const { soldWh: _, isWithdrawn, ...terms } = offer
  const leftWh = wh(leftWhOf(state, offer))
  const isOver = offer.untilSeconds <= (state.confirmed?.timeSeconds ?? 0)
  return { ...terms, leftWh, isOpen: !isWithdrawn && !isOver }
}

/** Open offers from memory; all of them, newest first, from the store, as many as are looked at. */
function* rowsOf(state: LedgerState, filter: OfferFilter): IterableIterator<OfferRow> {
  if (filter.isClosedIncluded !== true) {
    const now = state.confirmed?.timeSeconds ?? 0
    for (const offer of state.openOffers.values()) {
      if (offer.untilSeconds > now) yield offer
      else state.openOffers.delete(offer.offerId)
    }
    return
  }
  let looked = 0
  for (const { key, value } of state.store.entries(buckets.offer, { isReversed: true })) {
    if (looked++ >= mostLookedAt) return
    yield decodeOffer(new ByteReader(key).uint64(), value)
  }
}

/** Offers that match, cheapest first; at most 1,000. Closed ones of the newest 10,000 only. */
export function listOffers(state: LedgerState, filter: OfferFilter): OfferView[] {
  const found: OfferView[] = []
  for (const row of rowsOf(state, filter)) {
    const offer = viewOffer(state, row)
    const isWanted =
      (filter.isClosedIncluded === true || (offer.isOpen && offer.leftWh > 0)) &&
      (filter.producer === undefined || offer.producer === filter.producer) &&
      offer.priceWeiPerKwh <= (filter.belowWeiPerKwh ?? offer.priceWeiPerKwh) &&
      offer.leftWh >= (filter.atLeastWh ?? 0)
    if (isWanted) found.push(offer)
  }
  found.sort((a, b) =>
    a.priceWeiPerKwh === b.priceWeiPerKwh
      ? Number(a.offerId - b.offerId)
      : a.priceWeiPerKwh < b.priceWeiPerKwh
        ? -1
        : 1,
  )
  return found.slice(0, Math.min(filter.limit ?? 100, listLimit))
}

/** An account, and what holds its money. */
export function viewAccount(state: LedgerState, account: Address): AccountView {
  const chain = accountStateOf(state, account)
  const freeWei = freeWeiOf(state, chain)
  const live = [...state.accounts.liveOf(account).values()].sort((a, b) => a.number - b.number)
  return {
    account,
    balanceWei: chain.balanceWei,
    requestedWei: wei(requestedWeiOf(state, chain)),
    readyAtSeconds: chain.readyAtSeconds,
    heldWei: state.accounts.heldOf(account),
    freeWei: wei(freeWei > 0n ? freeWei : 0n),
    energyForSaleWh: chain.energyWh,
    nextNonce: state.accounts.nextNonceOf(account, chain),
    liveCtps: live.length,
    hasEnergyAccount: state.store.get(buckets.energyAccount, accountKey(account)) !== undefined,
    payout: chain.payout,
    holds: live.map(({ number, ctpId, amountWei, expirySeconds }) => ({
      ...{ number, ctpId, amountWei },
      freeAtSeconds: freeAtSecondsOf(state, expirySeconds),
    })),
  }
}
