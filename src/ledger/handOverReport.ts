import type { Change, Store } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { SignedCtp } from '../protocol/ctpSubmission.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import { messageLimits, type ReportEntry } from '../protocol/nodeMessages.ts'
import { readCtp, writeCtp } from '../protocol/settlementBatch.ts'
import { type Seconds, seconds, wh } from '../protocol/units.ts'
import { buckets } from './buckets.ts'
import { idKey, nonceKey } from './keys.ts'
import type { LedgerState } from './ledgerState.ts'
import { ctpRowOf } from './receipts.ts'
import { decodeNonceRow, decodeReceipt, decodeSignedCtp } from './signedRows.ts'
import { isPast, numberOf } from './voting.ts'

/** What a member hands over, in parts of at most 1,024 entries; at least one part. */
export type HandOverReport = { votesRoot: Bytes32; pages: Uint8Array[]; entries: number }

/** Where an entry stands: by account, nonce, id. A shown CTP need not have a number. */
type Draft = {
  account: Address
  nonce: number
  ctpId: Bytes32
  roles: 1 | 2 | 3
  source: { number: number } | { shown: SignedCtp }
}

function writeEntry(writer: ByteWriter, entry: ReportEntry): void {
  writeCtp(writer, entry.ctp)
  writer.hex(entry.consumerSignature).uint32(entry.deliveredWh)
  const { receipt } = entry
  writer.uint8(entry.roles | (receipt === undefined ? 0 : 4))
  if (receipt === undefined) return
  const { erc, signature } = receipt
  writer.hex(erc.ctpId).uint32(erc.deliveredWh).uint40(erc.measuredAtSeconds).hex(signature)
}

function readEntry(reader: ByteReader): ReportEntry {
  const ctp = readCtp(reader)
  const consumerSignature = reader.hex(64)
  const deliveredWh = wh(reader.uint32())
  const bits = reader.uint8()
  const entry = { ctp, consumerSignature, roles: (bits & 3) as 1 | 2 | 3, deliveredWh }
  if ((bits & 4) === 0) return entry
  const ctpId = reader.hex(32)
  const erc = { ctpId, deliveredWh: wh(reader.uint32()), measuredAtSeconds: readSeconds(reader) }
  return { ...entry, receipt: { erc, signature: reader.hex(64) } }
}

const readSeconds = (reader: ByteReader): Seconds => seconds(reader.uint40())

function encodeEntry(entry: ReportEntry): Uint8Array {
  const writer = new ByteWriter(256)
  writeEntry(writer, entry)
  return writer.finish()
}

/** What the tree of a report has as its leaf for an entry. */
export function hashEntry(entry: ReportEntry): Hex {
  return bytesToHex(keccak256(encodeEntry(entry)))
}

/** The root that a member signs: of a Merkle tree over its entries' hashes, in their order. */
export function votesRootOf(entryHashes: readonly Hex[]): Bytes32 {
  // A hash has 32 bytes: no other report has the root of the empty one.
  return buildMerkleTree(entryHashes.length === 0 ? ['0x'] : entryHashes).root
}

/** Binary form of a part of a report. */
export function encodeReportPage(entries: readonly ReportEntry[]): Uint8Array {
  return joinEntries(entries.map(encodeEntry))
}

function joinEntries(entries: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(2 + 256 * entries.length).uint16(entries.length)
  for (const entry of entries) writer.bytes(entry)
  return writer.finish()
}

/** Reads what `encodeReportPage` wrote. */
export function decodeReportPage(bytes: Uint8Array): ReportEntry[] {
  const reader = new ByteReader(bytes)
  return Array.from({ length: reader.uint16() }, () => readEntry(reader))
}

/**
 * What this member hands over: all that it voted for or counts as held and is not past expiry and
 * grace, with its receipts; and of each account the CTP of the highest nonce that it knows of.
 */
export function makeReport(state: LedgerState): HandOverReport {
  const drafts = new Map<Bytes32, Draft>()
  for (const live of state.live.values()) {
    if (isPast(state, live)) continue
    const { consumer: account, nonce, ctpId, number } = live
    drafts.set(ctpId, { account, nonce, ctpId, roles: 1, source: { number } })
  }
  for (const highest of listHighest(state)) {
    const isLive = drafts.has(highest.ctpId)
    drafts.set(highest.ctpId, { ...highest, roles: isLive ? 3 : 2 })
  }
  const sorted = [...drafts.values()].sort(compareDrafts)
  const pages: Uint8Array[] = []
  const hashes: Hex[] = []
  const size = messageLimits.reportEntriesPerPage
  for (let from = 0; from === 0 || from < sorted.length; from += size) {
    const drawn = sorted.slice(from, from + size)
    const entries = drawn.map((draft) => encodeEntry(entryOf(state, draft)))
    for (const entry of entries) hashes.push(bytesToHex(keccak256(entry)))
    pages.push(joinEntries(entries))
  }
  return { votesRoot: votesRootOf(hashes), pages, entries: sorted.length }
}

function compareDrafts(a: Draft, b: Draft): number {
  if (a.account !== b.account) return a.account < b.account ? -1 : 1
  if (a.nonce !== b.nonce) return a.nonce - b.nonce
  return a.ctpId < b.ctpId ? -1 : 1
}

function entryOf(state: LedgerState, { ctpId, roles, source }: Draft): ReportEntry {
  const { ctp, consumerSignature } =
    'shown' in source ? source.shown : ctpRowOf(state, source.number)
  const bytes = state.store.get(buckets.receipt, idKey(ctpId))
  const base = { ctp, consumerSignature, roles }
  if (bytes === undefined) return { ...base, deliveredWh: wh(0) }
  const receipt = decodeReceipt(ctpId, bytes)
  return { ...base, deliveredWh: receipt.erc.deliveredWh, receipt }
}

/** Of each account the CTP of the highest nonce at which one is known. */
function* listHighest(state: LedgerState): IterableIterator<Omit<Draft, 'roles'>> {
  const { store } = state
  let to: Uint8Array | undefined
  for (;;) {
    const range = to === undefined ? { isReversed: true } : { to, isReversed: true }
    const [newest] = store.entries(buckets.nonce, range)
    if (newest === undefined) return
    const account = new ByteReader(newest.key).hex(20)
    const first = nonceKey(account, 0)
    for (const { key, value } of store.entries(buckets.nonce, { ...range, from: first })) {
      const found = findCtp(state, account, key, value)
      if (found === undefined) continue
      yield found
      break
    }
    to = first
  }
}

function findCtp(
  state: LedgerState,
  account: Address,
  key: Uint8Array,
  value: Uint8Array,
): Omit<Draft, 'roles'> | undefined {
  const nonce = new ByteReader(key.subarray(20)).uint32()
  const live = state.accounts.liveOf(account).get(nonce)
  if (live !== undefined) {
    return { account, nonce, ctpId: live.ctpId, source: { number: live.number } }
  }
  const { certifiedCtpId, votedCtpId } = decodeNonceRow(value)
  for (const ctpId of [certifiedCtpId, votedCtpId]) {
    const number = ctpId && numberOf(state, ctpId)
    if (number !== undefined) return { account, nonce, ctpId: ctpId!, source: { number } }
  }
  const bytes = state.store.get(buckets.shownCtp, key)
  if (bytes === undefined) return undefined
  // The id of one that is not live is only for the order.
  const ctpId = bytesToHex(keccak256(bytes))
  return { account, nonce, ctpId, source: { shown: decodeSignedCtp(bytes) } }
}

const pageKey = (votesRoot: Bytes32, page: number): Uint8Array =>
  new ByteWriter(36).hex(votesRoot).uint32(page).finish()

/** The change that keeps a part of a report. */
export function pageChange(votesRoot: Bytes32, page: number, bytes: Uint8Array): Change {
  return { bucket: buckets.reportPage, key: pageKey(votesRoot, page), value: bytes }
}

/** The change that says that all parts of a report are kept, and match its root. */
export function completeChange(votesRoot: Bytes32, pages: number): Change {
  const value = new ByteWriter(4).uint32(pages).finish()
  return { bucket: buckets.reportPage, key: idKey(votesRoot), value }
}

/** Parts of a report, once all are here; else undefined. */
export function pagesOf(store: Store, votesRoot: Bytes32): number | undefined {
  const bytes = store.get(buckets.reportPage, idKey(votesRoot))
  return bytes && new ByteReader(bytes).uint32()
}

/** A part of a report that is kept. */
export function readReportPage(
  store: Store,
  votesRoot: Bytes32,
  page: number,
): ReportEntry[] | undefined {
  const bytes = store.get(buckets.reportPage, pageKey(votesRoot, page))
  return bytes && decodeReportPage(bytes)
}

/** Forgets reports that nobody asks for any more, 256 parts at a time; true where more may be. */
export function forgetReports(store: Store, isWanted: (votesRoot: Bytes32) => boolean): boolean {
  const changes: Change[] = []
  for (const { key } of store.entries(buckets.reportPage)) {
    if (changes.length >= 256) break
    if (isWanted(bytesToHex(key.subarray(0, 32)))) continue
    changes.push({ bucket: buckets.reportPage, key: key.slice(), value: undefined })
  }
  if (changes.length > 0) store.commit(changes)
  return changes.length > 0
}
