import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { CtpSubmission } from '../ctpSubmission.ts'
import type { Market } from '../digest.ts'
import { limits } from '../limits.ts'
import {
  type Ballot,
  messageLimits,
  type VoteRefusal,
  type VoteRequestItem,
} from '../nodeMessages.ts'
import { assert, SpbError } from '../spbError.ts'
import { readCode, writeCode } from './codeWire.ts'
import type { MessageWire } from './messageWire.ts'
import { readEvidence, writeEvidence } from './meterEvidenceWire.ts'
import { readVotes, writeVotes } from './voteWire.ts'
import {
  checkBelow,
  fieldBytes,
  readAddress,
  readFlags,
  readHash,
  readList,
  readLongList,
  readMember,
  readPresence,
  readSignature,
  readSignedCtp,
  writeCount,
  writeLongCount,
  writeSignedCtp,
} from './wireFields.ts'

const hasAccept = 1
/** The market is the one of the item before, as it always is among honest nodes. */
const hasSameMarket = 2
/** A submission with a tree of meter keys of height 8. */
const submissionBytes = 800

const areSameMarkets = (a: Market | undefined, b: Market) =>
  a === b || (a?.chainId === b.chainId && a.address === b.address)

function writeSubmission(writer: ByteWriter, submission: CtpSubmission, last?: Market): void {
  const { market, acceptSignature } = submission
  const isSame = areSameMarkets(last, market)
  writer.uint8((acceptSignature === undefined ? 0 : hasAccept) | (isSame ? hasSameMarket : 0))
  if (!isSame) writer.uint64(BigInt(market.chainId)).hex(market.address)
  writeSignedCtp(writer, submission)
  writer.hex(submission.meterReadySignature)
  if (acceptSignature !== undefined) writer.hex(acceptSignature)
  writeEvidence(writer, submission.evidence)
}

function readMarket(reader: ByteReader, last: Market | undefined): Market {
  const chainId = reader.uint64()
  if (chainId > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SpbError('input/number', 'A chain id is above 2^53 - 1.')
  }
  const market = { chainId: Number(chainId), address: readAddress(reader) }
  if (areSameMarkets(last, market)) throw new SpbError('input/shape', 'A market is repeated.')
  return market
}

function readSubmission(reader: ByteReader, last: Market | undefined): CtpSubmission {
  const flags = readFlags(reader, hasAccept | hasSameMarket)
  const isSame = (flags & hasSameMarket) !== 0
  if (isSame && last === undefined) throw new SpbError('input/shape', 'A market is missing.')
  const market = isSame ? last! : readMarket(reader, last)
  const { ctp, consumerSignature } = readSignedCtp(reader)
  const meterReadySignature = reader.hex(64)
  const acceptSignature = (flags & hasAccept) === 0 ? undefined : reader.hex(64)
  const evidence = readEvidence(reader)
  const submission = { market, ctp, consumerSignature, meterReadySignature, evidence }
  return acceptSignature === undefined ? submission : { ...submission, acceptSignature }
}

/** A gateway asks for votes. */
export const voteRequestWire: MessageWire<'voteRequest'> = {
  estimateBytes: ({ items }) => 16 + items.length * submissionBytes,

  write(writer, { id, items }) {
    writer.uint32(id)
    writeCount(writer, items.length, messageLimits.votesPerRequest)
    let last: Market | undefined
    for (const { submission, vouches } of items) {
      writeSubmission(writer, submission, last)
      writeVotes(writer, vouches)
      last = submission.market
    }
  },

  read(reader) {
    const id = reader.uint32()
    let last: Market | undefined
    const readItem = (): VoteRequestItem => {
      const submission = readSubmission(reader, last)
      last = submission.market
      return { submission, vouches: readVotes(reader) }
    }
    const items = readList(reader, messageLimits.votesPerRequest, 'CTPs', readItem)
    return { kind: 'voteRequest', id, items }
  },
}

const readPlace = (reader: ByteReader) =>
  checkBelow(reader.uint8(), messageLimits.votesPerRequest, 'place')

function readRefusal(reader: ByteReader): VoteRefusal {
  const place = readPlace(reader)
  const code = readCode(reader)
  return readPresence(reader) ? { place, code, nextNonce: reader.uint32() } : { place, code }
}

/** A member's vote. */
export const voteReplyWire: MessageWire<'voteReply'> = {
  estimateBytes: ({ accepted, refusals }) => 80 + accepted.length + 8 * refusals.length,

  write(writer, { id, epoch, accepted, signature, refusals }) {
    writer.uint32(id).uint32(epoch)
    writeCount(writer, accepted.length, messageLimits.votesPerRequest)
    for (const place of accepted) writer.uint8(place)
    writer.uint8(signature === undefined ? 0 : 1)
    if (signature !== undefined) writer.hex(signature)
    writeCount(writer, refusals.length, messageLimits.votesPerRequest)
    for (const { place, code, nextNonce } of refusals) {
      writeCode(writer.uint8(place), code)
      writer.uint8(nextNonce === undefined ? 0 : 1)
      if (nextNonce !== undefined) writer.uint32(nextNonce)
    }
  },

  read(reader) {
    const id = reader.uint32()
    const epoch = reader.uint32()
    const most = messageLimits.votesPerRequest
    const accepted = readList(reader, most, 'accepted places', readPlace)
    const signed = readPresence(reader) ? { signature: readSignature(reader) } : {}
    const refusals = readList(reader, most, 'refusals', readRefusal)
    return { kind: 'voteReply', id, epoch, accepted, ...signed, refusals }
  },
}

function readIds(reader: ByteReader) {
  const ids = readList(reader, limits.ctpsPerVote, 'CTPs in a list', readHash)
  // No tree is over nothing.
  if (ids.length === 0) throw new SpbError('input/shape', 'A list of CTPs is empty.')
  return ids
}

/** Certificates of up to 64 CTPs. */
export const certificatesWire: MessageWire<'certificates'> = {
  estimateBytes: ({ items, lists, ballots }) =>
    16 +
    items.length * fieldBytes.signedCtp +
    lists.reduce((bytes, list) => bytes + 1 + list.length * fieldBytes.hash, 0) +
    ballots.length * (fieldBytes.signature + 2),

  write(writer, { epoch, items, lists, ballots }) {
    writer.uint32(epoch)
    writeCount(writer, items.length, messageLimits.certificatesPerBatch)
    for (const item of items) writeSignedCtp(writer, item)
    writeCount(writer, lists.length, messageLimits.lists)
    for (const list of lists) {
      assert(list.length > 0, 'a vote is over a CTP')
      writeCount(writer, list.length, limits.ctpsPerVote)
      for (const ctpId of list) writer.hex(ctpId)
    }
    writeLongCount(writer, ballots.length, messageLimits.ballots)
    for (const { member, signature, list } of ballots) {
      writer.uint8(member).uint8(list).hex(signature)
    }
  },

  read(reader) {
    const epoch = reader.uint32()
    const items = readList(reader, messageLimits.certificatesPerBatch, 'CTPs', readSignedCtp)
    const lists = readList(reader, messageLimits.lists, 'lists', readIds)
    const readBallot = (): Ballot => {
      const member = readMember(reader)
      const list = checkBelow(reader.uint8(), lists.length, 'list')
      return { member, signature: reader.hex(64), list }
    }
    const ballots = readLongList(reader, messageLimits.ballots, 'ballots', readBallot)
    return { kind: 'certificates', epoch, items, lists, ballots }
  },
}
