import { SpbError } from '../../protocol/spbError.ts'
import { createBinaryFrames } from './binaryFrames.ts'
import { sourceLimits } from './sourceLimits.ts'

/** Who takes what a P1 line carries. */
export type P1Sink = {
  /** A telegram from its `/` to the CRC after its `!`; the bytes are the taker's own. */
  onTelegram(telegram: Uint8Array): void
  onRefused(error: SpbError): void
}

const [slash, exclamation, lineFeed, carriageReturn] = [0x2f, 0x21, 0x0a, 0x0d]
const headLength = 5
const crcLength = 4

/** `/`, three letters, a digit: what makes a slash in noise a telegram's start. */
function isHead(byte: number, at: number): boolean {
  if (at === 0) return byte === slash
  const isLetter = (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a)
  return at < headLength - 1 ? isLetter : byte >= 0x30 && byte <= 0x39
}

const isHexDigit = (byte: number): boolean =>
  (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66)

/**
 * Cuts a stream of bytes into P1 telegrams, however it is cut into chunks; keeps at most one of
 * them, 8 KiB. What is between telegrams is passed over.
 *
 * Refuses `source/truncated`, `source/too-large`, `source/noise`, `source/encrypted`.
 */
export class P1Stream {
  readonly #sink: P1Sink
  readonly #buffer = new Uint8Array(sourceLimits.telegramBytes)
  #length = 0
  /** Bytes of the CRC so far; -1 before the `!`. */
  #crcLength = -1
  #hasHeadLine = false
  #noise = 0
  readonly #frames = createBinaryFrames()

  constructor(sink: P1Sink) {
    this.#sink = sink
  }

  /** Takes the next bytes. */
  push(chunk: Uint8Array): void {
    for (const byte of chunk) this.#take(byte)
  }

  /** The stream is over: a telegram without CRC may be complete, any other is cut off. */
  end(): void {
    if (this.#crcLength >= 0) this.#emit()
    else if (this.#length >= headLength) this.#refuse('source/truncated')
    this.#restart()
  }

  #take(byte: number): void {
    if (this.#crcLength >= 0) {
      if (isHexDigit(byte)) {
        this.#keep(byte)
        this.#crcLength++
        if (this.#crcLength === crcLength) this.#emit()
        return
      }
      this.#emit()
      // The line's end, or the next telegram's start.
      if (byte === lineFeed || byte === carriageReturn) return
    }
    if (this.#length < headLength) this.#seek(byte)
    else this.#collect(byte)
  }

  #seek(byte: number): void {
    if (this.#frames.push(byte)) {
      this.#noise = 0
      this.#restart()
      this.#refuse('source/encrypted')
      return
    }
    if (isHead(byte, this.#length)) {
      this.#keep(byte)
      if (this.#length === headLength) this.#noise = 0
      return
    }
    this.#noise += this.#length + 1
    this.#restart()
    if (isHead(byte, 0)) this.#keep(byte)
    if (this.#noise >= sourceLimits.noiseBytes) {
      this.#noise = 0
      this.#refuse('source/noise')
    }
  }

  #collect(byte: number): void {
    if (byte === slash && this.#hasHeadLine) {
      this.#refuse('source/truncated')
      this.#restart()
      this.#keep(byte)
      return
    }
    if (this.#length + 1 + crcLength > sourceLimits.telegramBytes) {
      this.#refuse('source/too-large')
      this.#restart()
      return
    }
    this.#keep(byte)
    if (byte === lineFeed || byte === carriageReturn) this.#hasHeadLine = true
    if (byte === exclamation) this.#crcLength = 0
  }

  #keep(byte: number): void {
    this.#buffer[this.#length++] = byte
  }

  #emit(): void {
    const telegram = this.#buffer.slice(0, this.#length)
    this.#restart()
    this.#sink.onTelegram(telegram)
  }

  #refuse(
    code: 'source/truncated' | 'source/too-large' | 'source/noise' | 'source/encrypted',
  ): void {
    this.#sink.onRefused(new SpbError(code))
  }

  #restart(): void {
    this.#length = 0
    this.#crcLength = -1
    this.#hasHeadLine = false
  }
}
