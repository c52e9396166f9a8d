import type { Change } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { type IdentifiedCtp, identifyCtp } from '../protocol/ctpSubmission.ts'
import type { ReportEntry } from '../protocol/nodeMessages.ts'
import { type SignedErc, verifyErc } from '../protocol/signedErc.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import { isUsedOnChain } from './accountBook.ts'
import { buckets } from './buckets.ts'
import { encodeLiveCtp, type LiveCtp } from './ctpRow.ts'
import { startChange } from './epochBook.ts'
import { endsBehind } from './epochs.ts'
import { pagesOf } from './handOverReport.ts'
import { accountKey, idKey, nonceKey } from './keys.ts'
import { accountStateOf, type LedgerState, trackLive, untrackLive } from './ledgerState.ts'
import { takeReceipt } from './receipts.ts'
import { encodeNonceRow, encodeReceipt, encodeSignedCtp } from './signedRows.ts'
import { isPast, liveOf, nonceRowOf, numberOf, rowChanges } from './voting.ts'

/**
 * Takes an entry of an ended epoch's report over. Whatever may be live holds its money, certified
 * or not; the nonce is voted for no more; and every nonce below the account's highest reported one
 * that no report names is closed. To take the same entry over again changes nothing.
 *
 * An entry that no consumer signed is passed over: no honest member reports one.
 */
export function importEntry(state: LedgerState, entry: ReportEntry): void {
  const identified = identifyOrSkip(state, entry)
  if (identified === undefined) return
  markReported(state, identified)
  if ((entry.roles & 1) !== 0) inherit(state, identified)
  if (entry.receipt !== undefined) inheritReceipt(state, identified, entry.receipt)
}

function identifyOrSkip(state: LedgerState, entry: ReportEntry): IdentifiedCtp | undefined {
  try {
    return identifyCtp(state.market, entry)
  } catch (error) {
    if (error instanceof SpbError) return undefined
    throw error
  }
}

function markReported(state: LedgerState, identified: IdentifiedCtp): void {
  const { consumer, ctp } = identified
  const key = nonceKey(consumer, ctp.nonce)
  const { votedCtpId, ...row } = nonceRowOf(state, consumer, ctp.nonce)
  // A vote of the ended epoch is given to nobody any more: its signature would be a new one.
  const voted = votedCtpId === undefined || row.certifiedCtpId !== votedCtpId ? {} : { votedCtpId }
  const changes: Change[] = [
    {
      bucket: buckets.nonce,
      key,
      value: encodeNonceRow({ ...row, ...voted, isReported: true }),
    },
  ]
  // Told to the next committee in turn, should nothing higher follow.
  if (row.certifiedCtpId === undefined) {
    changes.push({ bucket: buckets.shownCtp, key, value: encodeSignedCtp(identified) })
  }
  const floorKey = accountKey(consumer)
  const floor = state.store.get(buckets.nonceFloor, floorKey)
  if (floor === undefined || new ByteReader(floor).uint32() < ctp.nonce) {
    const value = new ByteWriter(4).uint32(ctp.nonce).finish()
    changes.push({ bucket: buckets.nonceFloor, key: floorKey, value })
  }
  state.store.commit(changes)
  state.accounts.noteFloors()
}

function inherit(state: LedgerState, identified: IdentifiedCtp): void {
  const { ctpId, consumer, ctp } = identified
  if (isPast(state, ctp) || isUsedOnChain(accountStateOf(state, consumer), ctp.nonce)) return
  const known = state.live.get(ctpId)
  // One that ended here ended by time or on chain: no other end is known.
  if (known === undefined && numberOf(state, ctpId) !== undefined) return
  if (known !== undefined && (known.state !== 'proposed' || known.isInherited)) return
  const live: LiveCtp = { ...(known ?? liveOf(state, identified)), isInherited: true }
  state.store.commit([
    ...(known === undefined ? rowChanges(live, identified) : []),
    { bucket: buckets.live, key: idKey(ctpId), value: encodeLiveCtp(live) },
  ])
  if (known === undefined) {
    state.nextNumber++
    trackLive(state, live)
    return
  }
  // The same object stays in every queue: only what it holds changes.
  state.accounts.remove(known)
  known.isInherited = true
  state.accounts.add(known)
}

function inheritReceipt(state: LedgerState, identified: IdentifiedCtp, receipt: SignedErc): void {
  const { ctpId, ctp } = identified
  const live = state.live.get(ctpId)
  const { deliveredWh } = receipt.erc
  if (live === undefined || receipt.erc.ctpId !== ctpId || deliveredWh <= live.deliveredWh) return
  try {
    if (live.state !== 'proposed') {
      takeReceipt(state, receipt)
      return
    }
    verifyErc(state.market, receipt, ctp.meterKey)
  } catch (error) {
    // Not the meter's: its member cheats, and the receipt counts for nothing.
    if (error instanceof SpbError) return
    throw error
  }
  if (!live.isInherited) return
  state.store.commit([
    { bucket: buckets.receipt, key: idKey(ctpId), value: encodeReceipt(receipt) },
    { bucket: buckets.live, key: idKey(ctpId), value: encodeLiveCtp({ ...live, deliveredWh }) },
  ])
  live.deliveredWh = deliveredWh
}

/** True where every report from which the present committee must start is here. */
export function hasAllReports(state: LedgerState): boolean {
  const ends = endsBehind(state)
  return (
    ends.length > 0 && ends.every(({ votesRoot }) => pagesOf(state.store, votesRoot) !== undefined)
  )
}

/**
 * Notes that all reports were taken over: from now on the member may vote in the present epoch.
 *
 * What it proposed in the ended one and no report names is forgotten: a quorum for it would have
 * had a voter among the reporters. Offered again, it is judged by what holds now.
 */
export function finishHandOver(state: LedgerState): void {
  assert(hasAllReports(state), 'a hand-over is finished once all its reports are here')
  const { epoch } = state.committee
  const stale = [...state.live.values()].filter(
    (live) => live.state === 'proposed' && live.isInherited !== true,
  )
  const mark = { epoch, endsHash: state.epochs.endsHashOf(epoch - 1) }
  const changes: Change[] = [startChange(mark)]
  for (const live of stale) {
    const { ctpId, consumer, nonce } = live
    changes.push({ bucket: buckets.live, key: idKey(ctpId), value: undefined })
    const { votedCtpId, ...row } = nonceRowOf(state, consumer, nonce)
    if (votedCtpId !== ctpId) continue
    const value = encodeNonceRow(row)
    changes.push({ bucket: buckets.nonce, key: nonceKey(consumer, nonce), value })
  }
  state.store.commit(changes)
  for (const live of stale) untrackLive(state, live)
  state.epochs.started = mark
}
