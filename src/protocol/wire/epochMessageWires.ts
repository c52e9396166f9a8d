import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import { messageLimits, type ReportEntry } from '../nodeMessages.ts'
import { SpbError } from '../spbError.ts'
import { wh } from '../units.ts'
import type { MessageWire } from './messageWire.ts'
import {
  fieldBytes,
  readFlags,
  readLongList,
  readMember,
  readSignedCtp,
  readSignedErc,
  writeLongCount,
  writeSignedCtp,
  writeSignedErc,
} from './wireFields.ts'

/** A member's last word in an epoch. */
export const epochEndWire: MessageWire<'epochEnd'> = {
  estimateBytes: () => 128,

  write(writer, { epoch, member, votesRoot, signature }) {
    writer.uint32(epoch).uint8(member).hex(votesRoot).hex(signature)
  },

  read: (reader) => ({
    kind: 'epochEnd',
    epoch: reader.uint32(),
    member: readMember(reader),
    votesRoot: reader.hex(32),
    signature: reader.hex(64),
  }),
}

/** Asks for a part of a report. */
export const reportAskWire: MessageWire<'reportAsk'> = {
  estimateBytes: () => 64,

  write(writer, { id, votesRoot, page }) {
    writer.uint32(id).hex(votesRoot).uint32(page)
  },

  read: (reader) => ({
    kind: 'reportAsk',
    id: reader.uint32(),
    votesRoot: reader.hex(32),
    page: reader.uint32(),
  }),
}

/** Beside the two bits of an entry's roles. */
const hasReceipt = 4

function writeEntry(writer: ByteWriter, entry: ReportEntry): void {
  const { roles, deliveredWh, receipt } = entry
  writer.uint8(roles | (receipt === undefined ? 0 : hasReceipt))
  writeSignedCtp(writer, entry)
  writer.uint32(deliveredWh)
  if (receipt !== undefined) writeSignedErc(writer, receipt)
}

const isRoles = (bits: number): bits is ReportEntry['roles'] => bits >= 1 && bits <= 3

function readEntry(reader: ByteReader): ReportEntry {
  const flags = readFlags(reader, 3 | hasReceipt)
  const roles = flags & 3
  if (!isRoles(roles)) throw new SpbError('input/shape', 'An entry has no role.')
  const { ctp, consumerSignature } = readSignedCtp(reader)
  const entry = { ctp, consumerSignature, roles, deliveredWh: wh(reader.uint32()) }
  return (flags & hasReceipt) === 0 ? entry : { ...entry, receipt: readSignedErc(reader) }
}

/** A part of a report. */
export const reportTellWire: MessageWire<'reportTell'> = {
  estimateBytes: ({ entries }) =>
    64 + entries.length * (5 + fieldBytes.signedCtp + fieldBytes.signedErc),

  write(writer, { id, votesRoot, page, pages, entries }) {
    writer.uint32(id).hex(votesRoot).uint32(page).uint32(pages)
    writeLongCount(writer, entries.length, messageLimits.reportEntriesPerPage)
    for (const entry of entries) writeEntry(writer, entry)
  },

  read: (reader) => ({
    kind: 'reportTell',
    id: reader.uint32(),
    votesRoot: reader.hex(32),
    page: reader.uint32(),
    pages: reader.uint32(),
    entries: readLongList(reader, messageLimits.reportEntriesPerPage, 'entries', readEntry),
  }),
}
