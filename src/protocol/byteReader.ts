import { bytesToHex, type Hex } from './bytes.ts'
import { SpbError } from './spbError.ts'

/** Reads big-endian fields in order; refuses truncated input and left-over bytes. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  get remaining(): number {
    return this.#bytes.length - this.#at
  }

  uint8(): number {
    return this.#view.getUint8(this.#take(1))
  }

  uint16(): number {
    return this.#view.getUint16(this.#take(2))
  }

  uint32(): number {
    return this.#view.getUint32(this.#take(4))
  }

  uint40(): number {
    const at = this.#take(5)
    return this.#view.getUint8(at) * 2 ** 32 + this.#view.getUint32(at + 1)
  }

  uint64(): bigint {
    return this.#view.getBigUint64(this.#take(8))
  }

  uint96(): bigint {
    const at = this.#take(12)
    return (BigInt(this.#view.getUint32(at)) << 64n) | this.#view.getBigUint64(at + 4)
  }

  uint256(): bigint {
    const at = this.#take(32)
    let value = 0n
    for (let word = 0; word < 4; word++) {
      value = (value << 64n) | this.#view.getBigUint64(at + 8 * word)
    }
    return value
  }

  bytes(length: number): Uint8Array {
    const at = this.#take(length)
    return this.#bytes.slice(at, at + length)
  }

  hex(length: number): Hex {
    const at = this.#take(length)
    return bytesToHex(this.#bytes.subarray(at, at + length))
  }

  /** Refuses bytes after the last field. */
  finish(): void {
    if (this.remaining !== 0) {
      throw new SpbError('input/shape', `${this.remaining} bytes follow the last field.`)
    }
  }

  #take(length: number): number {
    if (length > this.remaining) {
      throw new SpbError('input/shape', 'The binary message is truncated.')
    }
    const at = this.#at
    this.#at += length
    return at
  }
}
