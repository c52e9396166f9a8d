import type { Change } from '../ports/store.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { IdentifiedCtp, VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { VoidCertificate, Vote } from '../protocol/holdCertificate.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import { isUsedOnChain } from './accountBook.ts'
import { buckets } from './buckets.ts'
import {
  type ClosedCtp,
  type CtpPapers,
  decodeClosedCtp,
  encodeClosedCtp,
  encodeCtpRow,
  encodeLiveCtp,
  type LiveCtp,
} from './ctpRow.ts'
import { accountNumberKey, idKey, nonceKey, numberKey } from './keys.ts'
import {
  accountStateOf,
  freeAtSecondsOf,
  type LedgerState,
  stateDigestOf,
  trackDelivery,
  trackLive,
  untrackLive,
} from './ledgerState.ts'
import {
  decodeNonceRow,
  decodeVoidSignatures,
  encodeNonceRow,
  encodeSignedCtp,
  encodeVoidSignatures,
  encodeVotes,
  type NonceRow,
} from './signedRows.ts'

/** The number under which this node knows a CTP, live or closed. */
export function numberOf(state: LedgerState, ctpId: Bytes32): number | undefined {
  const live = state.live.get(ctpId)
  if (live !== undefined) return live.number
  return closedOf(state, ctpId)?.number
}

/**
 * The number of a CTP whose nonce is at hand, too: one look at what is known of that nonce tells
 * a new one, and spares the search among all that ended.
 */
export function findNumber(state: LedgerState, identified: IdentifiedCtp): number | undefined {
  const { ctpId, consumer, ctp } = identified
  const row = nonceRowOf(state, consumer, ctp.nonce)
  const isKnown = row.votedCtpId === ctpId || row.certifiedCtpId === ctpId
  return isKnown ? numberOf(state, ctpId) : undefined
}

/** What this member signed at, or knows of, a nonce. */
export function nonceRowOf(state: LedgerState, account: Address, nonce: number): NonceRow {
  const bytes = state.store.get(buckets.nonce, nonceKey(account, nonce))
  return bytes === undefined ? { isVoidSigned: false, isVoided: false } : decodeNonceRow(bytes)
}

/** A CTP as it begins: proposed, under the next number. */
export function liveOf(state: LedgerState, identified: IdentifiedCtp): LiveCtp {
  const { ctp, ctpId, consumer } = identified
  const { producer, offerId, amountWei, energyWh, nonce, expirySeconds } = ctp
  const number = state.nextNumber
  const terms = { producer, offerId, amountWei, energyWh, nonce, expirySeconds }
  return { ctpId, number, consumer, ...terms, deliveredWh: wh(0), state: 'proposed' }
}

/** The changes that keep a new CTP as it was submitted, under its number and its parties. */
export function rowChanges(live: LiveCtp, identified: IdentifiedCtp, papers?: CtpPapers): Change[] {
  const row = { ...identified, number: live.number, ...(papers === undefined ? {} : { papers }) }
  const nothing = new Uint8Array()
  return [
    { bucket: buckets.ctp, key: numberKey(live.number), value: encodeCtpRow(row) },
    {
      bucket: buckets.byAccount,
      key: accountNumberKey(live.consumer, live.number),
      value: nothing,
    },
    {
      bucket: buckets.byAccount,
      key: accountNumberKey(live.producer, live.number),
      value: nothing,
    },
  ]
}

/**
 * Writes down that this member votes for a CTP. The vote itself may leave only once it is on disk.
 *
 * The caller has checked admission. A CTP that is known already is returned as it is.
 */
export function recordVote(state: LedgerState, verified: VerifiedCtp): LiveCtp {
  const live = liveOf(state, verified)
  const { meterReadySignature, evidence, acceptSignature } = verified.submission
  const accept = acceptSignature === undefined ? {} : { acceptSignature }
  const { consumer, ctpId } = verified
  const nonceRow = { ...nonceRowOf(state, consumer, live.nonce), votedCtpId: ctpId }
  state.store.commit([
    ...rowChanges(live, verified, { meterReadySignature, evidence, ...accept }),
    { bucket: buckets.live, key: idKey(ctpId), value: encodeLiveCtp(live) },
    {
      bucket: buckets.nonce,
      key: nonceKey(consumer, live.nonce),
      value: encodeNonceRow(nonceRow),
    },
  ])
  state.nextNumber++
  trackLive(state, live)
  return live
}

/** Notes a CTP's hold certificate, which the caller has checked: its money is reserved. */
export function certify(
  state: LedgerState,
  identified: IdentifiedCtp,
  epoch: number,
  votes: readonly Vote[],
): void {
  const { ctpId, consumer, ctp } = identified
  const known = state.live.get(ctpId)
  if (known !== undefined && known.state !== 'proposed') return
  const closed = known === undefined ? closedOf(state, ctpId) : undefined
  if (closed !== undefined) {
    if (!closed.wasHeld)
      keepLateCertificate(state, identified, { ...closed, wasHeld: true }, epoch, votes)
    return
  }
  // One that was taken over may have brought its receipt.
  const reached = (known?.deliveredWh ?? 0) > 0 ? 'receipted' : 'held'
  const held: LiveCtp = { ...(known ?? liveOf(state, identified)), state: reached }
  const isOver = isPast(state, held) || isUsedOnChain(accountStateOf(state, consumer), ctp.nonce)
  const nonceRow = { ...nonceRowOf(state, consumer, ctp.nonce), certifiedCtpId: ctpId }
  const ended = {
    number: held.number,
    state: 'expired' as const,
    deliveredWh: wh(0),
    wasHeld: true,
  }
  state.store.commit([
    ...(known === undefined ? rowChanges(held, identified) : []),
    ...(isOver
      ? [
          { bucket: buckets.closed, key: idKey(ctpId), value: encodeClosedCtp(ended) },
          { bucket: buckets.live, key: idKey(ctpId), value: undefined },
        ]
      : [{ bucket: buckets.live, key: idKey(ctpId), value: encodeLiveCtp(held) }]),
    { bucket: buckets.certificate, key: idKey(ctpId), value: encodeVotes(epoch, votes) },
    { bucket: buckets.nonce, key: nonceKey(consumer, ctp.nonce), value: encodeNonceRow(nonceRow) },
  ])
  if (known === undefined) state.nextNumber++
  if (isOver) {
    if (known !== undefined) untrackLive(state, known)
    return
  }
  if (known === undefined) {
    trackLive(state, held)
  } else {
    // The same object stays in every queue: only what it holds changes.
    state.accounts.remove(known)
    known.state = reached
    state.accounts.add(known)
    trackDelivery(state, known)
  }
  state.tree.set(idKey(ctpId), stateDigestOf(held))
}

/** Notes the certificate of a CTP that ended here without one: it closes the nonce all the same. */
function keepLateCertificate(
  state: LedgerState,
  { ctpId, consumer, ctp }: IdentifiedCtp,
  closed: ClosedCtp,
  epoch: number,
  votes: readonly Vote[],
): void {
  const row = { ...nonceRowOf(state, consumer, ctp.nonce), certifiedCtpId: ctpId }
  state.store.commit([
    { bucket: buckets.certificate, key: idKey(ctpId), value: encodeVotes(epoch, votes) },
    { bucket: buckets.closed, key: idKey(ctpId), value: encodeClosedCtp(closed) },
    { bucket: buckets.nonce, key: nonceKey(consumer, ctp.nonce), value: encodeNonceRow(row) },
  ])
}

/** How a CTP ended; undefined where it did not, or is not known. */
export function closedOf(state: LedgerState, ctpId: Bytes32): ClosedCtp | undefined {
  const bytes = state.store.get(buckets.closed, idKey(ctpId))
  return bytes && decodeClosedCtp(bytes)
}

/** True where a CTP is past expiry and grace at the confirmed block. */
export function isPast(state: LedgerState, ctp: Pick<LiveCtp, 'expirySeconds'>): boolean {
  const now = state.confirmed?.timeSeconds ?? 0
  return now > freeAtSecondsOf(state, ctp.expirySeconds)
}

/**
 * Checks that a void certificate of a nonce can never meet a live hold of it, and writes down that
 * this member signs one: it never votes there again. `shown` is a CTP that its account signed at
 * that nonce. Throws `ctp/nonce-closed`, `ctp/nonce-skipped`,
 * `ctp/insufficient-balance`, `ctp/not-stuck`.
 */
export function recordVoidVote(state: LedgerState, shown: IdentifiedCtp): void {
  const { consumer, ctp } = shown
  const chain = accountStateOf(state, consumer)
  const next = state.accounts.nextNonceOf(consumer, chain)
  if (ctp.nonce < next) throw new SpbError('ctp/nonce-closed')
  // Each void leaves rows behind for good: only for the nonce that stands in the way of an
  // account that has money to trade with.
  if (ctp.nonce > next) throw new SpbError('ctp/nonce-skipped')
  if (chain.balanceWei < state.facts.options.minimumAmountWei) {
    throw new SpbError('ctp/insufficient-balance', 'The account has no money at this market.')
  }
  const row = nonceRowOf(state, consumer, ctp.nonce)
  if (row.certifiedCtpId !== undefined) throw new SpbError('ctp/nonce-closed')
  if (row.isVoidSigned) return
  // Voted for by this member, or maybe by one of an ended epoch.
  const isLive = [...state.accounts.allOf(consumer)].some(({ nonce }) => nonce === ctp.nonce)
  if (!isPast(state, ctp) || isLive) throw new SpbError('ctp/not-stuck')
  const key = nonceKey(consumer, ctp.nonce)
  state.store.commit([
    { bucket: buckets.nonce, key, value: encodeNonceRow({ ...row, isVoidSigned: true }) },
    // The next committee is told of it.
    { bucket: buckets.shownCtp, key, value: encodeSignedCtp(shown) },
  ])
}

/** Notes a void certificate, which the caller has checked: the account can go on. */
export function applyVoid(state: LedgerState, certificate: VoidCertificate): void {
  const { account, nonce, epoch, signatures } = certificate
  const row = nonceRowOf(state, account, nonce)
  const key = nonceKey(account, nonce)
  state.store.commit([
    { bucket: buckets.nonce, key, value: encodeNonceRow({ ...row, isVoided: true }) },
    { bucket: buckets.voided, key, value: encodeVoidSignatures(epoch, signatures) },
  ])
}

/** What closed an account's nonce, as far as a certificate of it is known here. */
export type NonceClosing =
  | { kind: 'certified'; ctpId: Bytes32 }
  | { kind: 'voided'; certificate: VoidCertificate }

/** The certificate that closed a nonce, hold or void; undefined where none is known. */
export function closingOf(
  state: LedgerState,
  account: Address,
  nonce: number,
): NonceClosing | undefined {
  const { certifiedCtpId } = nonceRowOf(state, account, nonce)
  if (certifiedCtpId !== undefined) return { kind: 'certified', ctpId: certifiedCtpId }
  const certificate = voidOf(state, account, nonce)
  return certificate && { kind: 'voided', certificate }
}

/**
 * True where this member put its vote for that CTP on disk, and did not void its nonce since: a
 * chain that is taken back may make the CTP live again, but not the vote.
 */
export function hasVotedFor(state: LedgerState, { consumer, ctp, ctpId }: IdentifiedCtp): boolean {
  const { votedCtpId, isVoidSigned } = nonceRowOf(state, consumer, ctp.nonce)
  return votedCtpId === ctpId && !isVoidSigned
}

/** The void certificate of a nonce, where it is known. */
export function voidOf(
  state: LedgerState,
  account: Address,
  nonce: number,
): VoidCertificate | undefined {
  const bytes = state.store.get(buckets.voided, nonceKey(account, nonce))
  return bytes && { account, nonce, ...decodeVoidSignatures(bytes) }
}
