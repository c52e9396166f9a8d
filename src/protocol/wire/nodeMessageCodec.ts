import { ByteReader } from '../byteReader.ts'
import { ByteWriter } from '../byteWriter.ts'
import type { NodeMessage } from '../nodeMessages.ts'
import { SpbError } from '../spbError.ts'
import { epochEndWire, reportAskWire, reportTellWire } from './epochMessageWires.ts'
import type { MessageKind, MessageWire } from './messageWire.ts'
import {
  equivocationWire,
  voidedWire,
  voidReplyWire,
  voidRequestWire,
} from './nonceMessageWires.ts'
import { receiptsWire, settleReplyWire, settleRequestWire } from './settlementMessageWires.ts'
import {
  helloWire,
  recordsAskWire,
  recordsTellWire,
  rootWire,
  treeAskWire,
  treeTellWire,
} from './syncMessageWires.ts'
import { certificatesWire, voteReplyWire, voteRequestWire } from './voteMessageWires.ts'

const wires: { readonly [Kind in MessageKind]: MessageWire<Kind> } = {
  hello: helloWire,
  voteRequest: voteRequestWire,
  voteReply: voteReplyWire,
  certificates: certificatesWire,
  receipts: receiptsWire,
  voidRequest: voidRequestWire,
  voidReply: voidReplyWire,
  voided: voidedWire,
  settleRequest: settleRequestWire,
  settleReply: settleReplyWire,
  equivocation: equivocationWire,
  treeAsk: treeAskWire,
  treeTell: treeTellWire,
  recordsAsk: recordsAskWire,
  recordsTell: recordsTellWire,
  root: rootWire,
  epochEnd: epochEndWire,
  reportAsk: reportAskWire,
  reportTell: reportTellWire,
}

/** The number of each kind of message: its first byte. Numbers keep their meaning for good. */
export const kindNumbers: { readonly [Kind in MessageKind]: number } = {
  hello: 1,
  voteRequest: 2,
  voteReply: 3,
  certificates: 4,
  receipts: 5,
  voidRequest: 6,
  voidReply: 7,
  voided: 8,
  settleRequest: 9,
  settleReply: 10,
  equivocation: 11,
  treeAsk: 12,
  treeTell: 13,
  recordsAsk: 14,
  recordsTell: 15,
  root: 16,
  epochEnd: 17,
  reportAsk: 18,
  reportTell: 19,
}

const kindOfNumber = new Map(
  Object.entries(kindNumbers).map(([kind, number]) => [number, kind as MessageKind]),
)

/** How a message of any kind is written; the caller hands over the kind that it looked up. */
type AnyWire = {
  estimateBytes(message: NodeMessage): number
  write(writer: ByteWriter, message: NodeMessage): void
}

/** The bytes of a message between nodes. Its lists must be within `messageLimits`. */
export function encodeNodeMessage(message: NodeMessage): Uint8Array {
  const wire: AnyWire = wires[message.kind] as AnyWire
  const writer = new ByteWriter(wire.estimateBytes(message)).uint8(kindNumbers[message.kind])
  wire.write(writer, message)
  return writer.finish()
}

/**
 * Reads a message from anybody: every count is checked before something is made for it, and no
 * byte may be left over. Signatures are for the caller to check.
 *
 * Equal messages have equal bytes, and no other bytes are read as them. Throws `input/shape`,
 * `input/too-large`, `input/number`, `input/address`.
 */
export function decodeNodeMessage(bytes: Uint8Array): NodeMessage {
  const reader = new ByteReader(bytes)
  const kind = kindOfNumber.get(reader.uint8())
  if (kind === undefined) throw new SpbError('input/shape', 'The kind of message is not known.')
  const message = wires[kind].read(reader)
  reader.finish()
  return message
}
