import type { SpbError } from '../../protocol/spbError.ts'

/** What a line of bytes tells. */
export type ByteLineEvents = {
  onBytes(chunk: Uint8Array): void
  /** Once, at the line's end; not after `close`. */
  onLost(cause: SpbError): void
}

/** A line from which bytes come: a socket or a serial device. */
export type ByteLine = {
  /** Ends it; nothing is told afterwards. Resolves when it is free for others. */
  close(): Promise<void>
}
