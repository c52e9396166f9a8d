import { ByteReader } from '../protocol/byteReader.ts'
import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import type { MeterEvidence } from '../protocol/meterEvidence.ts'
import { readCtp, writeCtp } from '../protocol/settlementBatch.ts'
import { type Seconds, seconds, type Wei, type Wh, wei, wh } from '../protocol/units.ts'
import { readEvidence, writeEvidence } from '../protocol/wire/meterEvidenceWire.ts'

/** What came with a CTP from its household; absent where only its certificate was seen. */
export type CtpPapers = {
  meterReadySignature: Signature
  evidence: MeterEvidence
  acceptSignature?: Signature
}

/** A CTP as it was submitted: never changes. */
export type CtpRow = IdentifiedCtp & { number: number; papers?: CtpPapers }

/** What of a CTP can still move, small enough to keep a million in memory. */
export type LiveCtp = {
  ctpId: Bytes32
  number: number
  consumer: Address
  producer: Address
  offerId: bigint
  amountWei: Wei
  energyWh: Wh
  nonce: number
  expirySeconds: Seconds
  deliveredWh: Wh
  state: 'proposed' | 'held' | 'receipted'
  /** A report of an ended epoch says that it may be live: it holds money, certified or not. */
  isInherited?: true
}

/** How a CTP ended. */
export type ClosedCtp = {
  number: number
  state: 'settled' | 'expired' | 'declined'
  deliveredWh: Wh
  /** False for one that never had a certificate. */
  wasHeld: boolean
}

const liveStates = ['proposed', 'held', 'receipted'] as const
/** Beside the number of the state. */
const inheritedFlag = 0x80
const closedStates = ['settled', 'expired', 'declined'] as const

/** Binary form of a CTP row, without its number, which is its key. */
export function encodeCtpRow(row: CtpRow): Uint8Array {
  const writer = new ByteWriter(896)
  writer.hex(row.ctpId).hex(row.consumer).hex(row.consumerSignature)
  writeCtp(writer, row.ctp)
  const { papers } = row
  writer.uint8(papers === undefined ? 0 : papers.acceptSignature === undefined ? 1 : 2)
  if (papers !== undefined) {
    writer.hex(papers.meterReadySignature)
    if (papers.acceptSignature !== undefined) writer.hex(papers.acceptSignature)
    writeEvidence(writer, papers.evidence)
  }
  return writer.finish()
}

/** Reads what `encodeCtpRow` wrote. */
export function decodeCtpRow(number: number, bytes: Uint8Array): CtpRow {
  const reader = new ByteReader(bytes)
  const ctpId = reader.hex(32)
  const consumer = reader.hex(20)
  const consumerSignature = reader.hex(64)
  const row = { number, ctpId, consumer, consumerSignature, ctp: readCtp(reader) }
  const kind = reader.uint8()
  if (kind === 0) return row
  const meterReadySignature = reader.hex(64)
  const accept = kind === 2 ? { acceptSignature: reader.hex(64) } : {}
  return { ...row, papers: { meterReadySignature, ...accept, evidence: readEvidence(reader) } }
}

/** Binary form of a live CTP, without its id, which is its key. */
export function encodeLiveCtp(live: LiveCtp): Uint8Array {
  const writer = new ByteWriter(96).uint64(BigInt(live.number)).hex(live.consumer)
  writer.hex(live.producer).uint64(live.offerId).uint96(live.amountWei).uint32(live.energyWh)
  writer.uint32(live.nonce).uint40(live.expirySeconds).uint32(live.deliveredWh)
  const flag = live.isInherited === true ? inheritedFlag : 0
  return writer.uint8(liveStates.indexOf(live.state) | flag).finish()
}

/** Reads what `encodeLiveCtp` wrote. */
export function decodeLiveCtp(ctpId: Bytes32, bytes: Uint8Array): LiveCtp {
  const reader = new ByteReader(bytes)
  const terms = {
    ctpId,
    number: Number(reader.uint64()),
    consumer: reader.hex(20),
    producer: reader.hex(20),
    offerId: reader.uint64(),
    amountWei: wei(reader.uint96()),
    energyWh: wh(reader.uint32()),
    nonce: reader.uint32(),
    expirySeconds: seconds(reader.uint40()),
    deliveredWh: wh(reader.uint32()),
  }
  const bits = reader.uint8()
  const live = { ...terms, state: liveStates[bits & ~inheritedFlag]! }
  return (bits & inheritedFlag) === 0 ? live : { ...live, isInherited: true }
}

/** Binary form of a closed CTP, without its id, which is its key. */
export function encodeClosedCtp(closed: ClosedCtp): Uint8Array {
  const writer = new ByteWriter(14).uint64(BigInt(closed.number))
  writer.uint8(closedStates.indexOf(closed.state)).uint32(closed.deliveredWh)
  return writer.uint8(closed.wasHeld ? 1 : 0).finish()
}

/** Reads what `encodeClosedCtp` wrote. */
export function decodeClosedCtp(bytes: Uint8Array): ClosedCtp {
  const reader = new ByteReader(bytes)
  return {
    number: Number(reader.uint64()),
    state: closedStates[reader.uint8()]!,
    deliveredWh: wh(reader.uint32()),
    wasHeld: reader.uint8() === 1,
  }
}
