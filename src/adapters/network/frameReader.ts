import { networkLimits } from '../../ports/network.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** Bytes before each message that say its length. */
export const frameHeaderBytes = 4

const smallestBuffer = 4_096

/** A frame: a message's length as uint32, then the message. */
export function writeFrame(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(frameHeaderBytes + message.length)
  new DataView(frame.buffer).setUint32(0, message.length)
  frame.set(message, frameHeaderBytes)
  return frame
}

/**
 * Cuts a stream into messages. Its memory is a small multiple of what has come, in however small
 * pieces: a length that is only announced reserves nothing.
 */
export class FrameReader {
  #buffer = new Uint8Array(smallestBuffer)
  #start = 0
  #end = 0

  push(chunk: Uint8Array): void {
    this.#makeRoom(chunk.length)
    this.#buffer.set(chunk, this.#end)
    this.#end += chunk.length
  }

  /**
   * The next whole message, a copy; undefined where it has not come yet. Throws
   * `input/too-large` for one over the limit, before it has come.
   */
  next(): Uint8Array | undefined {
    const waiting = this.#end - this.#start
    if (waiting < frameHeaderBytes) return undefined
    const length = new DataView(this.#buffer.buffer).getUint32(this.#start)
    if (length > networkLimits.messageBytes) {
      throw new SpbError('input/too-large', `A message of ${length} bytes is announced.`)
    }
    if (waiting < frameHeaderBytes + length) return undefined
    const from = this.#start + frameHeaderBytes
    this.#start = from + length
    return this.#buffer.slice(from, this.#start)
  }

  #makeRoom(length: number): void {
    if (this.#end + length <= this.#buffer.length) return
    const waiting = this.#buffer.subarray(this.#start, this.#end)
    let size = smallestBuffer
    while (size < 2 * (waiting.length + length)) size *= 2
    const next = new Uint8Array(size)
    next.set(waiting)
    this.#buffer = next
    this.#start = 0
    this.#end = waiting.length
  }
}
