import { ByteReader } from './byteReader.ts'
import { type Address, bytesToHex, type Hex } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { digestOf, type Market } from './digest.ts'
import type { PeerRecord } from './messages.ts'
import { messageLimits, type SignedPeerRecord } from './nodeMessages.ts'
import { recoverSigner, signMessage } from './signature.ts'
import { SpbError } from './spbError.ts'

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The typed message that is signed for a record. */
function messageOf({
  peerId,
  addresses,
  sequence,
}: Omit<SignedPeerRecord, 'signature'>): PeerRecord {
  return { peerId: hexOfText(peerId), addresses: hexOfText(addresses.join('\n')), sequence }
}

function hexOfText(text: string): Hex {
  return bytesToHex(encoder.encode(text))
}

/** Signs a member's record. */
export function signPeerRecord(
  market: Market,
  record: Omit<SignedPeerRecord, 'signature'>,
  memberKey: Uint8Array,
): SignedPeerRecord {
  return { ...record, signature: signMessage(market, 'PeerRecord', messageOf(record), memberKey) }
}

/** Who signed a record; undefined for nobody. */
export function signerOfPeerRecord(market: Market, record: SignedPeerRecord): Address | undefined {
  return recoverSigner(digestOf(market, 'PeerRecord', messageOf(record)), record.signature)
}

/** Writes a record's binary form: at most 2.3 kB. */
export function writePeerRecord(writer: ByteWriter, record: SignedPeerRecord): void {
  const writeText = (text: string) => {
    const bytes = encoder.encode(text)
    writer.uint16(bytes.length).bytes(bytes)
  }
  writeText(record.peerId)
  writer.uint8(record.addresses.length)
  record.addresses.forEach(writeText)
  writer.uint64(record.sequence).hex(record.signature)
}

/** Reads what `writePeerRecord` wrote, from anybody. Throws `input/shape`, `input/too-large`. */
export function readPeerRecord(reader: ByteReader): SignedPeerRecord {
  const readText = (longest: number) => {
    const length = reader.uint16()
    if (length > longest) throw new SpbError('input/too-large', 'A name or address is too long.')
    try {
      return decoder.decode(reader.bytes(length))
    } catch (cause) {
      throw new SpbError('input/shape', 'A name or address is not text.', { cause })
    }
  }
  const peerId = readText(messageLimits.peerIdLength)
  const count = reader.uint8()
  if (count > messageLimits.addresses) {
    throw new SpbError('input/too-large', `A record has over ${messageLimits.addresses} addresses.`)
  }
  const addresses = Array.from({ length: count }, () => readText(messageLimits.addressLength))
  // Lines part them under the signature: one that is empty, or has a line's end, is as several.
  if (addresses.some((address) => address === '' || address.includes('\n'))) {
    throw new SpbError('input/shape', 'An address is not one line of text.')
  }
  return { peerId, addresses, sequence: reader.uint64(), signature: reader.hex(64) }
}

/** A record's binary form. */
export function encodePeerRecord(record: SignedPeerRecord): Uint8Array {
  const writer = new ByteWriter(512)
  writePeerRecord(writer, record)
  return writer.finish()
}

/** Reads a record's binary form. */
export function decodePeerRecord(bytes: Uint8Array): SignedPeerRecord {
  const reader = new ByteReader(bytes)
  const record = readPeerRecord(reader)
  reader.finish()
  return record
}
