import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { HoldCertificate, Vote } from '../holdCertificate.ts'
import { limits } from '../limits.ts'
import type { MerklePath } from '../merkle.ts'
import { SpbError } from '../spbError.ts'
import {
  checkBelow,
  checkCount,
  readHash,
  readItems,
  readList,
  readMember,
  readSignedCtp,
  writeCount,
  writeSignedCtp,
} from './wireFields.ts'

/** Height of the largest vote batch: 64 CTPs. */
const voteHeight = Math.log2(limits.ctpsPerVote)
/** Stands for a height where the path is the one of the vote before. */
const samePath = 255

function writePath(writer: ByteWriter, path: MerklePath): void {
  writeCount(writer, path.siblings.length, voteHeight)
  writer.uint8(path.index)
  for (const sibling of path.siblings) writer.hex(sibling)
}

/** Reads a path after its height. Throws `input/too-large`, `input/number`. */
function readPath(reader: ByteReader, height: number): MerklePath {
  checkCount(height, voteHeight, 'siblings of a vote')
  const index = checkBelow(reader.uint8(), 2 ** height, 'place in a path')
  return { index, siblings: readItems(reader, height, readHash) }
}

function areSamePaths(a: MerklePath | undefined, b: MerklePath): boolean {
  if (a === b) return true
  if (a === undefined || a.index !== b.index) return false
  if (a.siblings.length !== b.siblings.length) return false
  return a.siblings.every((sibling, level) => sibling === b.siblings[level])
}

/** Writes one member's vote with its path. */
export function writeVote(writer: ByteWriter, { member, signature, path }: Vote): void {
  writer.uint8(member).hex(signature)
  writePath(writer, path)
}

/** Reads what `writeVote` wrote. Throws `input/too-large`, `input/number`, `input/shape`. */
export function readVote(reader: ByteReader): Vote {
  const member = readMember(reader)
  const signature = reader.hex(64)
  return { member, signature, path: readPath(reader, reader.uint8()) }
}

/** Writes votes; a path that is the one of the vote before, as most are, takes one byte. */
export function writeVotes(writer: ByteWriter, votes: readonly Vote[]): void {
  writeCount(writer, votes.length, limits.members)
  let last: MerklePath | undefined
  for (const { member, signature, path } of votes) {
    writer.uint8(member).hex(signature)
    if (areSamePaths(last, path)) writer.uint8(samePath)
    else writePath(writer, path)
    last = path
  }
}

/** Reads what `writeVotes` wrote. Throws `input/too-large`, `input/number`, `input/shape`. */
export function readVotes(reader: ByteReader): Vote[] {
  let last: MerklePath | undefined
  return readList(reader, limits.members, 'votes', () => {
    const member = readMember(reader)
    const signature = reader.hex(64)
    const height = reader.uint8()
    if (height === samePath && last !== undefined) return { member, signature, path: last }
    const path = readPath(reader, height)
    // One form only, so that nobody passes a message on as another one.
    if (areSamePaths(last, path)) throw new SpbError('input/shape', 'A path is repeated.')
    last = path
    return { member, signature, path }
  })
}

/** Writes a CTP's certificate. */
export function writeHoldCertificate(writer: ByteWriter, certificate: HoldCertificate): void {
  writeSignedCtp(writer, certificate)
  writer.uint32(certificate.epoch)
  writeVotes(writer, certificate.votes)
}

/** Reads what `writeHoldCertificate` wrote. Throws `input/*`. */
export function readHoldCertificate(reader: ByteReader): HoldCertificate {
  const { ctp, consumerSignature } = readSignedCtp(reader)
  return { ctp, consumerSignature, epoch: reader.uint32(), votes: readVotes(reader) }
}
