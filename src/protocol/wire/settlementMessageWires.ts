import type { ByteReader } from '../byteReader.ts'
import { limits } from '../limits.ts'
import { messageLimits, type SettleRefusal } from '../nodeMessages.ts'
import { batchItemBytes } from '../settlementBatch.ts'
import { assert, SpbError } from '../spbError.ts'
import { readCode, writeCode } from './codeWire.ts'
import type { MessageWire } from './messageWire.ts'
import {
  checkCount,
  fieldBytes,
  readAddress,
  readItems,
  readLongList,
  readPresence,
  readSignature,
  readSignedErc,
  writeLongCount,
  writeSignedErc,
} from './wireFields.ts'

/** Receipts, for everyone. */
export const receiptsWire: MessageWire<'receipts'> = {
  estimateBytes: ({ receipts }) => 8 + receipts.length * fieldBytes.signedErc,

  write(writer, { receipts }) {
    writeLongCount(writer, receipts.length, messageLimits.receiptsPerNotice)
    for (const receipt of receipts) writeSignedErc(writer, receipt)
  },

  read: (reader) => ({
    kind: 'receipts',
    receipts: readLongList(reader, messageLimits.receiptsPerNotice, 'receipts', readSignedErc),
  }),
}

/** A member is asked to sign a settlement. */
export const settleRequestWire: MessageWire<'settleRequest'> = {
  estimateBytes: ({ receipts }) => 64 + receipts.length * (batchItemBytes + fieldBytes.signedErc),

  write(writer, { id, epoch, sequence, beneficiary, items, receipts }) {
    writer.uint32(id).uint32(epoch).uint64(sequence).hex(beneficiary)
    writeLongCount(writer, receipts.length, limits.itemsPerBatch)
    assert(items.length === 2 + 2 * batchItemBytes * receipts.length, 'an item has a receipt')
    writer.hex(items)
    for (const receipt of receipts) writeSignedErc(writer, receipt)
  },

  read(reader) {
    const id = reader.uint32()
    const epoch = reader.uint32()
    const sequence = reader.uint64()
    const beneficiary = readAddress(reader)
    const count = checkCount(reader.uint16(), limits.itemsPerBatch, 'items')
    if (count === 0) throw new SpbError('input/shape', 'The settlement has no items.')
    const items = reader.hex(count * batchItemBytes)
    const receipts = readItems(reader, count, readSignedErc)
    return { kind: 'settleRequest', id, epoch, sequence, beneficiary, items, receipts }
  },
}

function readRefusal(reader: ByteReader): SettleRefusal {
  const place = reader.uint8()
  const code = readCode(reader)
  return readPresence(reader) ? { place, code, receipt: readSignedErc(reader) } : { place, code }
}

/** A member's answer to that. */
export const settleReplyWire: MessageWire<'settleReply'> = {
  estimateBytes: ({ refusals }) => 80 + refusals.length * (4 + fieldBytes.signedErc),

  write(writer, { id, signature, refusals }) {
    writer.uint32(id).uint8(signature === undefined ? 0 : 1)
    if (signature !== undefined) writer.hex(signature)
    writeLongCount(writer, refusals.length, limits.itemsPerBatch)
    for (const { place, code, receipt } of refusals) {
      writeCode(writer.uint8(place), code)
      writer.uint8(receipt === undefined ? 0 : 1)
      if (receipt !== undefined) writeSignedErc(writer, receipt)
    }
  },

  read(reader) {
    const id = reader.uint32()
    const signed = readPresence(reader) ? { signature: readSignature(reader) } : {}
    const refusals = readLongList(reader, limits.itemsPerBatch, 'refusals', readRefusal)
    return { kind: 'settleReply', id, ...signed, refusals }
  },
}
