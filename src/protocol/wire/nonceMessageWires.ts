import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { VoidCertificate } from '../holdCertificate.ts'
import { limits } from '../limits.ts'
import type { EquivocalVote } from '../nodeMessages.ts'
import { SpbError } from '../spbError.ts'
import { readCode, writeCode } from './codeWire.ts'
import type { MessageWire } from './messageWire.ts'
import { readHoldCertificate, readVote, writeHoldCertificate, writeVote } from './voteWire.ts'
import {
  fieldBytes,
  readAddress,
  readFlags,
  readList,
  readMember,
  readMemberSignature,
  readSignature,
  readSignedCtp,
  writeCount,
  writeMemberSignature,
  writeSignedCtp,
} from './wireFields.ts'

/** A member is asked to void a nonce. */
export const voidRequestWire: MessageWire<'voidRequest'> = {
  estimateBytes: () => 8 + fieldBytes.signedCtp,

  write(writer, { id, shown }) {
    writeSignedCtp(writer.uint32(id), shown)
  },

  read: (reader) => ({
    kind: 'voidRequest',
    id: reader.uint32(),
    shown: readSignedCtp(reader),
  }),
}

const hasSignature = 1
const hasCode = 2
const hasCertificate = 4

/** A member's answer to that. */
export const voidReplyWire: MessageWire<'voidReply'> = {
  estimateBytes: ({ certificate }) =>
    80 + (certificate === undefined ? 0 : 200 + 270 * certificate.votes.length),

  write(writer, { id, epoch, signature, code, certificate }) {
    writer.uint32(id).uint32(epoch)
    const flags = (signature === undefined ? 0 : hasSignature) | (code === undefined ? 0 : hasCode)
    writer.uint8(flags | (certificate === undefined ? 0 : hasCertificate))
    if (signature !== undefined) writer.hex(signature)
    if (code !== undefined) writeCode(writer, code)
    if (certificate !== undefined) writeHoldCertificate(writer, certificate)
  },

  read(reader) {
    const id = reader.uint32()
    const epoch = reader.uint32()
    const flags = readFlags(reader, hasSignature | hasCode | hasCertificate)
    if (flags === 0) throw new SpbError('input/shape', 'The answer says nothing.')
    return {
      kind: 'voidReply',
      id,
      epoch,
      ...((flags & hasSignature) === 0 ? {} : { signature: readSignature(reader) }),
      ...((flags & hasCode) === 0 ? {} : { code: readCode(reader) }),
      ...((flags & hasCertificate) === 0 ? {} : { certificate: readHoldCertificate(reader) }),
    }
  },
}

function readVoidCertificate(reader: ByteReader): VoidCertificate {
  return {
    epoch: reader.uint32(),
    account: readAddress(reader),
    nonce: reader.uint32(),
    signatures: readList(reader, limits.members, 'signatures', readMemberSignature),
  }
}

/** A nonce's void certificate. */
export const voidedWire: MessageWire<'voided'> = {
  estimateBytes: ({ certificate }) =>
    40 + certificate.signatures.length * (1 + fieldBytes.signature),

  write(writer, { certificate: { epoch, account, nonce, signatures } }) {
    writer.uint32(epoch).hex(account).uint32(nonce)
    writeCount(writer, signatures.length, limits.members)
    for (const signature of signatures) writeMemberSignature(writer, signature)
  },

  read: (reader) => ({ kind: 'voided', certificate: readVoidCertificate(reader) }),
}

function writeEquivocalVote(writer: ByteWriter, vote: EquivocalVote): void {
  writeSignedCtp(writer, vote)
  writeVote(writer, vote.vote)
}

function readEquivocalVote(reader: ByteReader): EquivocalVote {
  const { ctp, consumerSignature } = readSignedCtp(reader)
  return { ctp, consumerSignature, vote: readVote(reader) }
}

/** Evidence of a double vote. */
export const equivocationWire: MessageWire<'equivocation'> = {
  estimateBytes: () => 1000,

  write(writer, { epoch, member, votes }) {
    writer.uint32(epoch).uint8(member)
    for (const vote of votes) writeEquivocalVote(writer, vote)
  },

  read: (reader) => ({
    kind: 'equivocation',
    epoch: reader.uint32(),
    member: readMember(reader),
    votes: [readEquivocalVote(reader), readEquivocalVote(reader)],
  }),
}
