import type { Change, Entry, KeyRange, Store } from '../ports/store.ts'
import { assert } from '../protocol/spbError.ts'

/** Reads that are remembered at most; then all are forgotten. */
const mostReads = 50_000

/**
 * Gathers the commits between two syncs in memory, so that a row that one step of the node writes
 * twice and reads five times costs the store beneath one write and one read.
 *
 * Commits stay all or nothing: all of them reach the store beneath as one. Bytes that are given
 * to it, or that it gives, must not be changed. Not a store for others: sizes are checked late.
 */
export class WriteBuffer implements Store {
  readonly #store: Store
  /** A commit or sync beneath threw: what is here may be ahead of the disk for good. */
  #hasFailed = false
  readonly #changes = new Map<string, Change>()
  /** What was read since the last sync, also that there was nothing. */
  readonly #reads = new Map<string, Uint8Array | undefined>()

  constructor(store: Store) {
    this.#store = store
  }

  get(bucket: number, key: Uint8Array): Uint8Array | undefined {
    const name = nameOf(bucket, key)
    const change = this.#changes.get(name)
    if (change !== undefined) return change.value
    if (this.#reads.has(name)) return this.#reads.get(name)
    const value = this.#store.get(bucket, key)
    if (this.#reads.size >= mostReads) this.#reads.clear()
    this.#reads.set(name, value)
    return value
  }

  commit(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.set(nameOf(change.bucket, change.key), change)
  }

  entries(bucket: number, range?: KeyRange): IterableIterator<Entry> {
    this.#flush()
    return this.#store.entries(bucket, range)
  }

  count(bucket: number): number {
    this.#flush()
    return this.#store.count(bucket)
  }

  sync(): void {
    this.#flush()
    this.#reads.clear()
    this.#hasFailed = true
    this.#store.sync()
    this.#hasFailed = false
  }

  close(): void {
    if (!this.#hasFailed) this.#flush()
    this.#store.close()
  }

  #flush(): void {
    if (this.#changes.size === 0) return
    assert(!this.#hasFailed, 'nobody works on with a store that failed')
    this.#hasFailed = true
    this.#store.commit([...this.#changes.values()])
    this.#hasFailed = false
    for (const [name, { value }] of this.#changes) {
      if (this.#reads.has(name)) this.#reads.set(name, value)
    }
    this.#changes.clear()
  }
}

function nameOf(bucket: number, key: Uint8Array): string {
  // A character a byte: shorter and sooner made than hexadecimal, and nobody reads it. The engine
  // takes a typed array as a list of arguments, which the type of `apply` does not know.
  return `${bucket}:${String.fromCharCode.apply(null, key as unknown as number[])}`
}
