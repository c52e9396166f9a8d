import type { ByteReader } from '../byteReader.ts'
import { type Address, type Bytes32, type Signature, zeroAddress } from '../bytes.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { MemberSignature } from '../committee.ts'
import type { SignedCtp } from '../ctpSubmission.ts'
import { limits } from '../limits.ts'
import { readCtp, writeCtp } from '../settlementBatch.ts'
import type { SignedErc } from '../signedErc.ts'
import { assert, SpbError } from '../spbError.ts'
import { seconds, wh } from '../units.ts'

/** Bytes of what messages hold most of: to make writers large enough at once. */
export const fieldBytes = { signedCtp: 137, signedErc: 105, signature: 64, hash: 32 } as const

/** Checks that a number is below a bound. Throws `input/number`. */
export function checkBelow(value: number, bound: number, what: string): number {
  if (value >= bound) throw new SpbError('input/number', `A ${what} is not below ${bound}.`)
  return value
}

/** Writes how many items follow: one byte. */
export function writeCount(writer: ByteWriter, count: number, most: number): void {
  assert(count <= most, `a message between nodes has at most ${most} of a kind`)
  writer.uint8(count)
}

/** Writes how many items follow: two bytes. */
export function writeLongCount(writer: ByteWriter, count: number, most: number): void {
  assert(count <= most, `a message between nodes has at most ${most} of a kind`)
  writer.uint16(count)
}

/** Checks a count before anything is made for it. Throws `input/too-large`. */
export function checkCount(count: number, most: number, what: string): number {
  if (count > most) throw new SpbError('input/too-large', `There are over ${most} ${what}.`)
  return count
}

/** Reads so many items, one after the other: none is made before its bytes are there. */
export function readItems<Item>(
  reader: ByteReader,
  count: number,
  read: (reader: ByteReader) => Item,
): Item[] {
  const items: Item[] = []
  for (let i = 0; i < count; i++) items.push(read(reader))
  return items
}

/** Reads a list of at most `most` (up to 255) items. Throws `input/too-large`. */
export function readList<Item>(
  reader: ByteReader,
  most: number,
  what: string,
  read: (reader: ByteReader) => Item,
): Item[] {
  return readItems(reader, checkCount(reader.uint8(), most, what), read)
}

/** Reads a list of at most `most` items whose count has two bytes. Throws `input/too-large`. */
export function readLongList<Item>(
  reader: ByteReader,
  most: number,
  what: string,
  read: (reader: ByteReader) => Item,
): Item[] {
  return readItems(reader, checkCount(reader.uint16(), most, what), read)
}

/** Reads a byte of flags that may have no others than those of a mask. Throws `input/shape`. */
export function readFlags(reader: ByteReader, mask: number): number {
  const flags = reader.uint8()
  if ((flags & ~mask) !== 0) throw new SpbError('input/shape', 'A flag is not known.')
  return flags
}

/** Reads whether something follows. Throws `input/shape`. */
export function readPresence(reader: ByteReader): boolean {
  return readFlags(reader, 1) === 1
}

/** Reads 32 bytes. */
export const readHash = (reader: ByteReader): Bytes32 => reader.hex(32)

/** Reads a signature. */
export const readSignature = (reader: ByteReader): Signature => reader.hex(64)

/** Reads an address that is not zero. Throws `input/address`. */
export function readAddress(reader: ByteReader): Address {
  return checkAddress(reader.hex(20))
}

function checkAddress(address: Address): Address {
  if (address === zeroAddress) throw new SpbError('input/address', 'An address is zero.')
  return address
}

/** Reads the index of a member. Throws `input/number`. */
export function readMember(reader: ByteReader): number {
  return checkBelow(reader.uint8(), limits.members, 'member')
}

/** Writes a CTP and its consumer's signature. */
export function writeSignedCtp(writer: ByteWriter, { ctp, consumerSignature }: SignedCtp): void {
  writeCtp(writer, ctp)
  writer.hex(consumerSignature)
}

/** Reads what `writeSignedCtp` wrote. Throws `input/address`, `input/shape`. */
export function readSignedCtp(reader: ByteReader): SignedCtp {
  const ctp = readCtp(reader)
  checkAddress(ctp.producer)
  checkAddress(ctp.meterKey)
  return { ctp, consumerSignature: reader.hex(64) }
}

/** Writes a receipt with its meter key's signature. */
export function writeSignedErc(writer: ByteWriter, { erc, signature }: SignedErc): void {
  writer.hex(erc.ctpId).uint32(erc.deliveredWh).uint40(erc.measuredAtSeconds).hex(signature)
}

/** Reads what `writeSignedErc` wrote. */
export function readSignedErc(reader: ByteReader): SignedErc {
  const erc = {
    ctpId: reader.hex(32),
    deliveredWh: wh(reader.uint32()),
    measuredAtSeconds: seconds(reader.uint40()),
  }
  return { erc, signature: reader.hex(64) }
}

/** Writes a member's signature. */
export function writeMemberSignature(writer: ByteWriter, signed: MemberSignature): void {
  writer.uint8(signed.member).hex(signed.signature)
}

/** Reads what `writeMemberSignature` wrote. Throws `input/number`. */
export function readMemberSignature(reader: ByteReader): MemberSignature {
  return { member: readMember(reader), signature: reader.hex(64) }
}
