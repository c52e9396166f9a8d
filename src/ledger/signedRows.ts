import { ByteReader } from '../protocol/byteReader.ts'
import { type Bytes32, zeroBytes32 } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { MemberSignature } from '../protocol/committee.ts'
import type { SignedCtp } from '../protocol/ctpSubmission.ts'
import type { Vote } from '../protocol/holdCertificate.ts'
import { readCtp, writeCtp } from '../protocol/settlementBatch.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { seconds, wh } from '../protocol/units.ts'

/** What this member signed at, or knows of, one nonce of an account. */
export type NonceRow = {
  /** The one CTP that this member ever voted for there. */
  votedCtpId?: Bytes32
  /** The CTP whose hold certificate it knows. */
  certifiedCtpId?: Bytes32
  /** It signed a NonceVoid: it never votes there again. */
  isVoidSigned: boolean
  /** It knows the void certificate. */
  isVoided: boolean
  /** A report of an ended epoch names a CTP there: no other one is voted for any more. */
  isReported?: true
}

/** Binary form of a nonce row. */
export function encodeNonceRow(row: NonceRow): Uint8Array {
  const writer = new ByteWriter(65).hex(row.votedCtpId ?? zeroBytes32)
  writer.hex(row.certifiedCtpId ?? zeroBytes32)
  const flags = (row.isVoidSigned ? 1 : 0) | (row.isVoided ? 2 : 0) | (row.isReported ? 4 : 0)
  return writer.uint8(flags).finish()
}

/** Reads what `encodeNonceRow` wrote. */
export function decodeNonceRow(bytes: Uint8Array): NonceRow {
  const reader = new ByteReader(bytes)
  const votedCtpId = reader.hex(32)
  const certifiedCtpId = reader.hex(32)
  const flags = reader.uint8()
  return {
    ...(votedCtpId === zeroBytes32 ? {} : { votedCtpId }),
    ...(certifiedCtpId === zeroBytes32 ? {} : { certifiedCtpId }),
    isVoidSigned: (flags & 1) !== 0,
    isVoided: (flags & 2) !== 0,
    ...((flags & 4) === 0 ? {} : { isReported: true as const }),
  }
}

/** Binary form of a CTP with its consumer's signature. */
export function encodeSignedCtp({ ctp, consumerSignature }: SignedCtp): Uint8Array {
  const writer = new ByteWriter(137)
  writeCtp(writer, ctp)
  return writer.hex(consumerSignature).finish()
}

/** Reads what `encodeSignedCtp` wrote. */
export function decodeSignedCtp(bytes: Uint8Array): SignedCtp {
  const reader = new ByteReader(bytes)
  return { ctp: readCtp(reader), consumerSignature: reader.hex(64) }
}

/** Binary form of a certificate's votes. */
export function encodeVotes(epoch: number, votes: readonly Vote[]): Uint8Array {
  const writer = new ByteWriter(128).uint32(epoch).uint8(votes.length)
  for (const { member, signature, path } of votes) {
    writer.uint8(member).hex(signature).uint8(path.index).uint8(path.siblings.length)
    for (const sibling of path.siblings) writer.hex(sibling)
  }
  return writer.finish()
}

/** Reads what `encodeVotes` wrote. */
export function decodeVotes(bytes: Uint8Array): { epoch: number; votes: Vote[] } {
  const reader = new ByteReader(bytes)
  const epoch = reader.uint32()
  const votes = Array.from({ length: reader.uint8() }, () => {
    const member = reader.uint8()
    const signature = reader.hex(64)
    const index = reader.uint8()
    const siblings = Array.from({ length: reader.uint8() }, () => reader.hex(32))
    return { member, signature, path: { index, siblings } }
  })
  return { epoch, votes }
}

/** Binary form of a void certificate's signatures. */
export function encodeVoidSignatures(epoch: number, signatures: readonly MemberSignature[]) {
  const writer = new ByteWriter(128).uint32(epoch).uint8(signatures.length)
  for (const { member, signature } of signatures) writer.uint8(member).hex(signature)
  return writer.finish()
}

/** Reads what `encodeVoidSignatures` wrote. */
export function decodeVoidSignatures(bytes: Uint8Array): {
  epoch: number
  signatures: MemberSignature[]
} {
  const reader = new ByteReader(bytes)
  const epoch = reader.uint32()
  const signatures = Array.from({ length: reader.uint8() }, () => ({
    member: reader.uint8(),
    signature: reader.hex(64),
  }))
  return { epoch, signatures }
}

/** Binary form of a receipt, without its CTP's id, which is its key. */
export function encodeReceipt({ erc, signature }: SignedErc): Uint8Array {
  const writer = new ByteWriter(73).uint32(erc.deliveredWh).uint40(erc.measuredAtSeconds)
  return writer.hex(signature).finish()
}

/** Reads what `encodeReceipt` wrote. */
export function decodeReceipt(ctpId: Bytes32, bytes: Uint8Array): SignedErc {
  const reader = new ByteReader(bytes)
  const erc = {
    ctpId,
    deliveredWh: wh(reader.uint32()),
    measuredAtSeconds: seconds(reader.uint40()),
  }
  return { erc, signature: reader.hex(64) }
}
