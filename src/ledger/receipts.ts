import { ByteReader } from '../protocol/byteReader.ts'
import type { Signature } from '../protocol/bytes.ts'
import { type SignedErc, verifyErc } from '../protocol/signedErc.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import { buckets } from './buckets.ts'
import {
  type CtpRow,
  decodeClosedCtp,
  decodeCtpRow,
  encodeLiveCtp,
  type LiveCtp,
} from './ctpRow.ts'
import { idKey, numberKey } from './keys.ts'
import { freeAtSecondsOf, type LedgerState, stateDigestOf, trackDelivery } from './ledgerState.ts'
import { encodeReceipt } from './signedRows.ts'
import { isPast } from './voting.ts'

/** The CTP as it was submitted, by local number. */
export function ctpRowOf(state: LedgerState, number: number): CtpRow {
  const bytes = state.store.get(buckets.ctp, numberKey(number))
  assert(bytes !== undefined, 'every number that was given has a row')
  return decodeCtpRow(number, bytes)
}

/** The consumer's signature with which a CTP first came, by local number. */
export function consumerSignatureOf(state: LedgerState, number: number): Signature {
  const bytes = state.store.get(buckets.ctp, numberKey(number))
  assert(bytes !== undefined, 'every number that was given has a row')
  const reader = new ByteReader(bytes)
  // After the id and the consumer.
  reader.bytes(32 + 20)
  return reader.hex(64)
}

/**
 * Takes a meter's receipt: kept if it is the highest. The receipt may be acknowledged only once it
 * is on disk.
 *
 * Throws `erc/unknown-ctp`, `erc/late`, `erc/closed`, `erc/zero`, `erc/wrong-key`,
 * `erc/repeated`, `erc/lower`.
 */
export function takeReceipt(state: LedgerState, signed: SignedErc): LiveCtp {
  const { ctpId, deliveredWh } = signed.erc
  const live = state.live.get(ctpId)
  if (live === undefined) throw refuseClosed(state, signed)
  if (live.state === 'proposed') throw new SpbError('erc/unknown-ctp')
  if (isPast(state, live)) throw new SpbError('erc/late')
  verifyErc(state.market, signed, ctpRowOf(state, live.number).ctp.meterKey)
  if (deliveredWh === live.deliveredWh) throw new SpbError('erc/repeated')
  if (deliveredWh < live.deliveredWh) {
    throw new SpbError('erc/lower', undefined, { meta: { deliveredWh: live.deliveredWh } })
  }
  const receipted: LiveCtp = { ...live, deliveredWh, state: 'receipted' }
  state.store.commit([
    { bucket: buckets.receipt, key: idKey(ctpId), value: encodeReceipt(signed) },
    { bucket: buckets.live, key: idKey(ctpId), value: encodeLiveCtp(receipted) },
  ])
  live.deliveredWh = deliveredWh
  live.state = 'receipted'
  trackDelivery(state, live)
  state.tree.set(idKey(ctpId), stateDigestOf(live))
  return live
}

function refuseClosed(state: LedgerState, { erc }: SignedErc): SpbError {
  const bytes = state.store.get(buckets.closed, idKey(erc.ctpId))
  if (bytes === undefined) return new SpbError('erc/unknown-ctp')
  const closed = decodeClosedCtp(bytes)
  if (closed.state === 'expired') {
    return new SpbError(closed.wasHeld ? 'erc/late' : 'erc/unknown-ctp')
  }
  return new SpbError('erc/closed', `The CTP is ${closed.state} already.`)
}

/**
 * Trades that a settlement at this block time would pay: full deliveries, and partial ones past
 * expiry and half of the grace; those first whose money would be free first.
 */
export function* listSettleable(state: LedgerState, nowSeconds: number): IterableIterator<LiveCtp> {
  const full = state.full.due(Number.POSITIVE_INFINITY)
  const partial = state.partial.due(nowSeconds)
  let [nextFull, nextPartial] = [full.next(), partial.next()]
  while (!nextFull.done || !nextPartial.done) {
    const isFullFirst =
      nextPartial.done ||
      (!nextFull.done && nextFull.value.expirySeconds <= nextPartial.value.expirySeconds)
    const ctp: LiveCtp = isFullFirst ? nextFull.value : nextPartial.value
    if (nowSeconds <= freeAtSecondsOf(state, ctp.expirySeconds)) yield ctp
    if (isFullFirst) nextFull = full.next()
    else nextPartial = partial.next()
  }
}
