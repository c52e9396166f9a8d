import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { NodeMessage } from '../nodeMessages.ts'

/** The name of a kind of message between nodes. */
export type MessageKind = NodeMessage['kind']

/** A message of one kind. */
type MessageOf<Kind extends MessageKind> = Extract<NodeMessage, { kind: Kind }>

/** How one kind of message is written and read, without the byte that names the kind. */
export type MessageWire<Kind extends MessageKind> = {
  /** About how many bytes the message takes, to make room at once. */
  estimateBytes(message: MessageOf<Kind>): number
  write(writer: ByteWriter, message: MessageOf<Kind>): void
  /** Throws `input/*` alone, whatever the bytes are. */
  read(reader: ByteReader): MessageOf<Kind>
}
