import type { Change, Store } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'

/**
 * Collects changes and what they replace, so that the update of a chain that is later reorganised
 * can be taken back row by row.
 */
export class Journal {
  readonly #store: Store
  readonly #changes = new Map<string, Change>()
  readonly #before: Change[] = []

  constructor(store: Store) {
    this.#store = store
  }

  /** The value as it would be after the changes so far. */
  get(bucket: number, key: Uint8Array): Uint8Array | undefined {
    const change = this.#changes.get(nameOf(bucket, key))
    return change === undefined ? this.#store.get(bucket, key) : change.value
  }

  /** Adds a change; a later one of the same key replaces it. */
  put(change: Change): void {
    const name = nameOf(change.bucket, change.key)
    if (!this.#changes.has(name)) {
      const { bucket, key } = change
      this.#before.push({ bucket, key, value: this.#store.get(bucket, key) } as Change)
    }
    this.#changes.set(name, change)
  }

  /** The changes, each key once. */
  changes(): Change[] {
    return [...this.#changes.values()]
  }

  /** What to write to take the changes back. */
  encodeUndo(): Uint8Array {
    const writer = new ByteWriter(1024).uint32(this.#before.length)
    for (const { bucket, key, value } of this.#before) {
      writer.uint8(bucket).uint16(key.length).bytes(key)
      writer.uint8(value === undefined ? 0 : 1)
      if (value !== undefined) writer.uint32(value.length).bytes(value)
    }
    return writer.finish()
  }
}

function nameOf(bucket: number, key: Uint8Array): string {
  return `${bucket}:${bytesToHex(key)}`
}

/** Reads what `encodeUndo` wrote. */
export function decodeUndo(bytes: Uint8Array): Change[] {
  const reader = new ByteReader(bytes)
  return Array.from({ length: reader.uint32() }, () => {
    const bucket = reader.uint8()
    const key = reader.bytes(reader.uint16())
    const value = reader.uint8() === 1 ? reader.bytes(reader.uint32()) : undefined
    return { bucket, key, value } as Change
  })
}
