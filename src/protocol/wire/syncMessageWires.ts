import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import { limits } from '../limits.ts'
import { type CtpRecord, messageLimits, type TreeAnswer, type TreePlace } from '../nodeMessages.ts'
import { readPeerRecord, writePeerRecord } from '../peerRecord.ts'
import { assert, SpbError } from '../spbError.ts'
import type { MessageWire } from './messageWire.ts'
import { readHoldCertificate, writeHoldCertificate } from './voteWire.ts'
import {
  checkCount,
  fieldBytes,
  readHash,
  readItems,
  readList,
  readPresence,
  readSignedErc,
  writeCount,
  writeSignedErc,
} from './wireFields.ts'

const recordBytes = 300

/** The first message on a connection. */
export const helloWire: MessageWire<'hello'> = {
  estimateBytes: ({ known }) => 64 + recordBytes * (1 + known.length),

  write(writer, { record, known, epoch, root }) {
    writer
      .uint32(epoch)
      .hex(root)
      .uint8(record === undefined ? 0 : 1)
    if (record !== undefined) writePeerRecord(writer, record)
    writeCount(writer, known.length, limits.members)
    for (const each of known) writePeerRecord(writer, each)
  },

  read(reader) {
    const epoch = reader.uint32()
    const root = reader.hex(32)
    const own = readPresence(reader) ? { record: readPeerRecord(reader) } : {}
    const known = readList(reader, limits.members, 'records', readPeerRecord)
    return { kind: 'hello', ...own, known, epoch, root }
  },
}

/** Bits of a key of the tree. */
const keyBits = 256
/** Subtrees under one place of an answer. */
const subtrees = 16
/** Stands for a count of leaves where hashes of subtrees follow. */
const hashesFollow = 255

const bytesOfBits = (bits: number) => (bits + 7) >> 3

function writePlace(writer: ByteWriter, { prefix, bits }: TreePlace): void {
  assert(bits <= keyBits && prefix.length === 2 + 2 * bytesOfBits(bits), 'a place is in the tree')
  writer.uint16(bits).hex(prefix)
}

function readPlace(reader: ByteReader): TreePlace {
  const bits = reader.uint16()
  if (bits > keyBits) throw new SpbError('input/number', `A place has over ${keyBits} bits.`)
  return { prefix: reader.hex(bytesOfBits(bits)), bits }
}

/** Asks for hashes of subtrees. */
export const treeAskWire: MessageWire<'treeAsk'> = {
  estimateBytes: ({ places }) => 8 + places.length * (2 + fieldBytes.hash),

  write(writer, { id, places }) {
    writer.uint32(id)
    writeCount(writer, places.length, messageLimits.treePlaces)
    for (const place of places) writePlace(writer, place)
  },

  read: (reader) => ({
    kind: 'treeAsk',
    id: reader.uint32(),
    places: readList(reader, messageLimits.treePlaces, 'places', readPlace),
  }),
}

function writeAnswer(writer: ByteWriter, answer: TreeAnswer): void {
  if (answer.kind === 'hashes') {
    assert(answer.hashes.length === subtrees, 'an answer has 16 hashes')
    writer.uint8(hashesFollow)
    for (const hash of answer.hashes) writer.hex(hash)
    return
  }
  writeCount(writer, answer.leaves.length, messageLimits.treeLeaves)
  for (const { ctpId, digest } of answer.leaves) writer.hex(ctpId).hex(digest)
}

const readLeaf = (reader: ByteReader) => ({ ctpId: reader.hex(32), digest: reader.hex(32) })

function readAnswer(reader: ByteReader): TreeAnswer {
  const count = reader.uint8()
  if (count === hashesFollow) {
    return { kind: 'hashes', hashes: readItems(reader, subtrees, readHash) }
  }
  checkCount(count, messageLimits.treeLeaves, 'leaves')
  return { kind: 'leaves', leaves: readItems(reader, count, readLeaf) }
}

/** The answer to that. */
export const treeTellWire: MessageWire<'treeTell'> = {
  estimateBytes: ({ answers }) => 64 + answers.length * (1 + subtrees * fieldBytes.hash),

  write(writer, { id, root, answers }) {
    writer.uint32(id).hex(root)
    writeCount(writer, answers.length, messageLimits.treePlaces)
    for (const answer of answers) writeAnswer(writer, answer)
  },

  read: (reader) => ({
    kind: 'treeTell',
    id: reader.uint32(),
    root: reader.hex(32),
    answers: readList(reader, messageLimits.treePlaces, 'answers', readAnswer),
  }),
}

/** Asks for what is known of CTPs. */
export const recordsAskWire: MessageWire<'recordsAsk'> = {
  estimateBytes: ({ ctpIds }) => 8 + ctpIds.length * fieldBytes.hash,

  write(writer, { id, ctpIds }) {
    writer.uint32(id)
    writeCount(writer, ctpIds.length, messageLimits.recordsPerAsk)
    for (const ctpId of ctpIds) writer.hex(ctpId)
  },

  read: (reader) => ({
    kind: 'recordsAsk',
    id: reader.uint32(),
    ctpIds: readList(reader, messageLimits.recordsPerAsk, 'CTPs', readHash),
  }),
}

function writeRecord(writer: ByteWriter, { certificate, receipt }: CtpRecord): void {
  writeHoldCertificate(writer, certificate)
  writer.uint8(receipt === undefined ? 0 : 1)
  if (receipt !== undefined) writeSignedErc(writer, receipt)
}

function readRecord(reader: ByteReader): CtpRecord {
  const certificate = readHoldCertificate(reader)
  return readPresence(reader) ? { certificate, receipt: readSignedErc(reader) } : { certificate }
}

/** The answer to that, or what a peer was seen to lack. */
export const recordsTellWire: MessageWire<'recordsTell'> = {
  estimateBytes: ({ records }) =>
    records.reduce((bytes, { certificate }) => bytes + 464 + 68 * certificate.votes.length, 8),

  write(writer, { id, records }) {
    writer.uint32(id)
    writeCount(writer, records.length, messageLimits.recordsPerAsk)
    for (const record of records) writeRecord(writer, record)
  },

  read: (reader) => ({
    kind: 'recordsTell',
    id: reader.uint32(),
    records: readList(reader, messageLimits.recordsPerAsk, 'records', readRecord),
  }),
}

/** A proposer's root. */
export const rootWire: MessageWire<'root'> = {
  estimateBytes: () => 64,

  write(writer, { root, headNumber }) {
    writer.hex(root).uint40(headNumber)
  },

  read: (reader) => ({ kind: 'root', root: reader.hex(32), headNumber: reader.uint40() }),
}
