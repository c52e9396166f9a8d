/**
 * A bucketed, ordered key-value store. Synchronous, so that the tick path stays synchronous.
 *
 * Keys sort by their bytes within a bucket. What `commit` wrote survives a crash only after
 * `sync` has returned: one sync may cover many commits (group commit).
 */
export type Store = {
  /** The value under a key, or undefined. The caller must not change the bytes. */
  get(bucket: number, key: Uint8Array): Uint8Array | undefined
  /** Writes all changes at once: after a crash either all or none of them are there. */
  commit(changes: readonly Change[]): void
  /**
   * Entries with `from <= key < to` in key order; whole bucket when left out. A commit ends all
   * iterations under way: to go on with one is a bug, and crashes.
   */
  entries(bucket: number, range?: KeyRange): IterableIterator<Entry>
  /** Number of keys in a bucket. */
  count(bucket: number): number
  /** Returns once every commit so far would survive power loss. */
  sync(): void
  /** Syncs and ends; a store that has failed just ends. Once closed, any other call is a bug. */
  close(): void
}

/** One key's new value. */
export type Change =
  | { bucket: number; key: Uint8Array; value: Uint8Array }
  /** `value: undefined` deletes the key; deleting an absent key is no error. */
  | { bucket: number; key: Uint8Array; value: undefined }

/** A key and its value. */
export type Entry = { key: Uint8Array; value: Uint8Array }
/** Keys from `from`, included, to `to`, excluded; from the last to the first if reversed. */
export type KeyRange = { from?: Uint8Array; to?: Uint8Array; isReversed?: boolean }
