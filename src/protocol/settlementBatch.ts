import { ByteReader } from './byteReader.ts'
import { type Bytes32, bytesToHex, type Hex, hexToBytes, isHex } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import type { SignedCtp } from './ctpSubmission.ts'
import { keccak256 } from './keccak.ts'
import { limits } from './limits.ts'
import type { Ctp } from './messages.ts'
import { SpbError } from './spbError.ts'
import { seconds, type Wh, wei, wh } from './units.ts'

/** One trade of a settlement. */
export type BatchItem = SignedCtp & { deliveredWh: Wh }

/** Bytes of one packed item. */
export const batchItemBytes = 141

/** Writes a CTP's fields, 73 bytes, as batches and databases hold them. */
export function writeCtp(writer: ByteWriter, ctp: Ctp): void {
  writer.hex(ctp.producer).uint64(ctp.offerId).uint96(ctp.amountWei).uint32(ctp.energyWh)
  writer.uint32(ctp.nonce).uint40(ctp.expirySeconds).hex(ctp.meterKey)
}

/** Reads what `writeCtp` wrote. */
export function readCtp(reader: ByteReader): Ctp {
  return {
    producer: reader.hex(20),
    offerId: reader.uint64(),
    amountWei: wei(reader.uint96()),
    energyWh: wh(reader.uint32()),
    nonce: reader.uint32(),
    expirySeconds: seconds(reader.uint40()),
    meterKey: reader.hex(20),
  }
}

/** The contract's form of a batch: 141 bytes an item, 1 to 256 items. */
export function packBatch(items: readonly BatchItem[]): Hex {
  const writer = new ByteWriter(items.length * batchItemBytes)
  for (const { ctp, consumerSignature, deliveredWh } of items) {
    writeCtp(writer, ctp)
    writer.uint32(deliveredWh).hex(consumerSignature)
  }
  return bytesToHex(writer.finish())
}

/** Parses a packed batch. Throws `input/hex`; `input/shape` if it is not 1 to 256 whole items. */
export function unpackBatch(packed: Hex): BatchItem[] {
  if (!isHex(packed)) throw new SpbError('input/hex', 'The batch is not hexadecimal.')
  const count = (packed.length - 2) / (2 * batchItemBytes)
  if (!Number.isInteger(count) || count < 1 || count > limits.itemsPerBatch) {
    throw new SpbError('input/shape', 'The batch is not 1 to 256 whole items.')
  }
  const reader = new ByteReader(hexToBytes(packed))
  return Array.from({ length: count }, () => ({
    ctp: readCtp(reader),
    deliveredWh: wh(reader.uint32()),
    consumerSignature: reader.hex(64),
  }))
}

/** What members sign of a batch. */
export function itemsHashOf(packed: Hex): Bytes32 {
  return bytesToHex(keccak256(hexToBytes(packed)))
}
