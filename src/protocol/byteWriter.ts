import { type Hex, writeHex } from './bytes.ts'
import { assert } from './spbError.ts'

/** Buffers that finished writers gave back: making one costs more than most messages do. */
const spareViews: DataView<ArrayBuffer>[] = []
const mostSpares = 8
/** What a finished writer holds: any write into it fails. */
const closedView = new DataView(new ArrayBuffer(0))
const closedBytes = new Uint8Array(closedView.buffer)
const spareBytes = 1024

/** Appends big-endian fields to a buffer that grows. Done with it after `finish`. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView<ArrayBuffer>
  #length = 0

  /** `capacity` in bytes: room for what will be written spares making more. */
  constructor(capacity = 256) {
    const spare = capacity <= spareBytes ? spareViews.pop() : undefined
    this.#view = spare ?? new DataView(new ArrayBuffer(Math.max(capacity, spareBytes)))
    this.#bytes = new Uint8Array(this.#view.buffer)
  }

  uint8(value: number): this {
    const at = this.#grow(1)
    this.#view.setUint8(at, value)
    return this
  }

  uint16(value: number): this {
    const at = this.#grow(2)
    this.#view.setUint16(at, value)
    return this
  }

  uint32(value: number): this {
    const at = this.#grow(4)
    this.#view.setUint32(at, value)
    return this
  }

  uint40(value: number): this {
    const at = this.#grow(5)
    this.#view.setUint8(at, Math.floor(value / 2 ** 32))
    this.#view.setUint32(at + 1, value % 2 ** 32)
    return this
  }

  uint64(value: bigint): this {
    const at = this.#grow(8)
    this.#view.setBigUint64(at, value)
    return this
  }

  uint96(value: bigint): this {
    const at = this.#grow(12)
    this.#view.setUint32(at, Number(value >> 64n))
    this.#view.setBigUint64(at + 4, value & 0xffff_ffff_ffff_ffffn)
    return this
  }

  uint256(value: bigint): this {
    const at = this.#grow(32)
    for (let word = 0; word < 4; word++) {
      const shifted = (value >> BigInt(192 - 64 * word)) & 0xffff_ffff_ffff_ffffn
      this.#view.setBigUint64(at + 8 * word, shifted)
    }
    return this
  }

  /** Fixed-length bytes, without a length in front. */
  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length)
    this.#bytes.set(value, at)
    return this
  }

  /** Fixed-length bytes from hexadecimal, without a length in front. */
  hex(value: Hex): this {
    const at = this.#grow((value.length - 2) >> 1)
    writeHex(value, this.#bytes, at)
    return this
  }

  /** A copy of what was written; the writer takes no more. */
  finish(): Uint8Array {
    const written = this.#bytes.slice(0, this.#length)
    const isSpare = this.#bytes.length === spareBytes && spareViews.length < mostSpares
    if (isSpare) spareViews.push(this.#view)
    // Whoever wrote on would write into another writer's buffer.
    this.#view = closedView
    this.#bytes = closedBytes
    this.#length = 0
    return written
  }

  /** Makes room and says where; first of all, since it may replace `#view` and `#bytes`. */
  #grow(by: number): number {
    const at = this.#length
    assert(this.#bytes !== closedBytes, 'a finished writer takes no more')
    this.#length += by
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length))
      larger.set(this.#bytes)
      this.#bytes = larger
      this.#view = new DataView(larger.buffer)
    }
    return at
  }
}
