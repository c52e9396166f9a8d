import type { AccountState } from '../ports/chain.ts'
import type { VerifiedCtp } from '../protocol/ctpSubmission.ts'
import { limits } from '../protocol/limits.ts'
import { priceOf } from '../protocol/payment.ts'
import { SpbError } from '../protocol/spbError.ts'
import { checkStanding } from '../protocol/standing.ts'
import { isUsedOnChain } from './accountBook.ts'
import { buckets } from './buckets.ts'
import type { OfferRow } from './chainRows.ts'
import { nonceKey } from './keys.ts'
import {
  accountStateOf,
  freeAtSecondsOf,
  freeWeiOf,
  type LedgerState,
  leftWhOf,
  offerOf,
  requestedWeiOf,
} from './ledgerState.ts'
import { decodeNonceRow } from './signedRows.ts'

/**
 * A member's checks that need state, in the design's order: standing of the witness and its
 * manufacturer, expiry, offer, nonce, live CTPs, balance. Throws the first refusal.
 *
 * `isVouched`: `f + 1` members voted for it, which stands in for the check of a closed offer.
 */
export function checkAdmission(
  state: LedgerState,
  verified: VerifiedCtp,
  isVouched: boolean,
): void {
  const chain = accountStateOf(state, verified.consumer)
  checkStanding(state.standing, verified.voucher, verified.ctp.expirySeconds)
  checkExpiry(state, verified)
  checkTerms(state, verified, isVouched)
  checkNonce(state, verified, chain)
  checkLiveCtps(state, verified)
  checkBalance(state, verified, chain)
}

function checkExpiry(state: LedgerState, { ctp }: VerifiedCtp): void {
  const now = state.confirmed?.timeSeconds ?? 0
  const latest = now + state.facts.options.longestLifeSeconds
  if (ctp.expirySeconds < now + limits.shortestLifeSeconds) {
    throw new SpbError('ctp/expiry-too-near', undefined, {
      meta: { expirySeconds: ctp.expirySeconds, blockTimeSeconds: now },
    })
  }
  if (ctp.expirySeconds > latest) {
    throw new SpbError('ctp/expiry-too-far', undefined, {
      meta: { expirySeconds: ctp.expirySeconds, latestSeconds: latest },
    })
  }
}

function checkTerms(state: LedgerState, verified: VerifiedCtp, isVouched: boolean): void {
  const { ctp, submission } = verified
  if (ctp.amountWei < state.facts.options.minimumAmountWei) {
    throw new SpbError('ctp/amount-too-small', undefined, {
      meta: { minimumWei: state.facts.options.minimumAmountWei.toString() },
    })
  }
  if (ctp.offerId === 0n) {
    if (submission.acceptSignature === undefined) throw new SpbError('offer/not-accepted')
    return
  }
  const offer = findOffer(state, ctp.offerId)
  if (offer === undefined) throw new SpbError('offer/unknown')
  if (offer.producer !== ctp.producer) throw new SpbError('offer/wrong-producer')
  const isOver = offer.untilSeconds <= (state.confirmed?.timeSeconds ?? 0)
  if ((offer.isWithdrawn || isOver) && !isVouched) throw new SpbError('offer/closed')
  const price = priceOf(offer.priceWeiPerKwh, ctp.energyWh)
  const isMatch = ctp.amountWei === price || (offer.isNegotiable && ctp.amountWei > price)
  if (!isMatch) {
    throw new SpbError('offer/wrong-price', undefined, { meta: { priceWei: price.toString() } })
  }
}

/** An offer from memory while it is open, else from the store. */
function findOffer(state: LedgerState, offerId: bigint): OfferRow | undefined {
  return state.openOffers.get(offerId) ?? offerOf(state, offerId)
}

function checkNonce(
  state: LedgerState,
  { ctp, consumer, ctpId }: VerifiedCtp,
  chain: AccountState,
): void {
  const next = state.accounts.nextNonceOf(consumer, chain)
  const { nonce } = ctp
  const meta = { nonce, nextNonce: next }
  if (nonce > next) {
    throw new SpbError('ctp/nonce-skipped', `The account’s next nonce is ${next}, not ${nonce}.`, {
      meta,
    })
  }
  const bytes = state.store.get(buckets.nonce, nonceKey(consumer, nonce))
  const row = bytes && decodeNonceRow(bytes)
  if (row?.isVoidSigned || row?.isVoided)
    throw new SpbError('ctp/nonce-closed', undefined, { meta })
  // Not even for the CTP that a report names: a vote of the new epoch might meet an old one.
  if (nonce === next && row?.isReported) {
    throw new SpbError('ctp/nonce-inherited', undefined, { meta })
  }
  const known = row?.certifiedCtpId ?? row?.votedCtpId
  if (known !== undefined && known !== ctpId) {
    throw new SpbError('ctp/nonce-reused', undefined, { meta })
  }
  if (nonce < next || isUsedOnChain(chain, nonce)) {
    throw new SpbError('ctp/nonce-closed', undefined, { meta })
  }
  // Settling this nonce may slide the window; what falls out of it must not be live any more.
  for (const live of state.accounts.allOf(consumer)) {
    if (live.nonce <= nonce - limits.nonceWindow) {
      throw new SpbError('ctp/nonce-window', undefined, {
        meta: { ...meta, freeAtSeconds: freeAtSecondsOf(state, live.expirySeconds) },
      })
    }
  }
}

function checkLiveCtps(state: LedgerState, { consumer }: VerifiedCtp): void {
  const live = state.accounts.liveOf(consumer).size
  if (live >= state.options.liveCtpsPerAccount) {
    throw new SpbError('ctp/too-many-live', undefined, { meta: { liveCtps: live } })
  }
  if (state.live.size >= state.options.liveCtps) throw new SpbError('node/overloaded')
}

function checkBalance(
  state: LedgerState,
  { ctp, consumer }: VerifiedCtp,
  chain: AccountState,
): void {
  const freeWei = freeWeiOf(state, chain)
  if (freeWei >= ctp.amountWei) return
  const holds = state.accounts.liveOf(consumer).size
  throw new SpbError(
    'ctp/insufficient-balance',
    `${freeWei > 0n ? freeWei : 0n} wei are free of ${chain.balanceWei}; ` +
      `${holds} live CTPs hold ${state.accounts.heldOf(consumer)} wei, and a withdrawal of ` +
      `${requestedWeiOf(state, chain)} wei is asked for. The CTP needs ${ctp.amountWei} wei.`,
    {
      meta: {
        freeWei: (freeWei > 0n ? freeWei : 0n).toString(),
        balanceWei: chain.balanceWei.toString(),
        heldWei: state.accounts.heldOf(consumer).toString(),
        requestedWei: requestedWeiOf(state, chain).toString(),
        neededWei: ctp.amountWei.toString(),
        liveCtps: holds,
      },
    },
  )
}

/**
 * The gateway's own check before it asks for votes: the offer has that much energy left. Members
 * do not judge it, since votes split over it would jam the consumer's nonces; a race may oversell.
 */
export function checkEnergyLeft(state: LedgerState, { ctp }: VerifiedCtp): void {
  const offer = ctp.offerId === 0n ? undefined : findOffer(state, ctp.offerId)
  if (offer === undefined) return
  const leftWh = leftWhOf(state, offer)
  if (leftWh < ctp.energyWh) {
    throw new SpbError('offer/sold-out', `The offer has ${leftWh} Wh left.`, { meta: { leftWh } })
  }
}
