import type { Change, Entry, KeyRange, Store } from '../../ports/store.ts'
import { assert } from '../../protocol/spbError.ts'
import { assertBucket, assertStorable } from './assertStorable.ts'
import { SortedEntries } from './sortedEntries.ts'

/** A store in memory whose power can be cut. */
export type MemoryStore = Store & {
  /**
   * Cuts the power, or ends the process: commits since the last `sync` are gone but the first
   * `keptCommits` of them, and the store is open again, also if it was closed.
   */
  crash(keptCommits?: number): void
}

/** Makes a store that keeps everything in memory: for tests, simulations and demos. */
export function createMemoryStore(): MemoryStore {
  const buckets = new Map<number, SortedEntries>()
  /** For each commit since the last sync, the changes that take it back, in its own order. */
  let unsynced: Change[][] = []
  let isOpen = true
  let version = 0

  function bucketOf(bucket: number): SortedEntries {
    assert(isOpen, 'the store is open')
    assertBucket(bucket)
    const found = buckets.get(bucket)
    if (found !== undefined) return found
    const made = new SortedEntries()
    buckets.set(bucket, made)
    return made
  }

  function apply({ bucket, key, value }: Change): void {
    if (value === undefined) bucketOf(bucket).delete(key)
    else bucketOf(bucket).set(key, value)
  }

  function* entriesOf(bucket: number, range: KeyRange): Generator<Entry> {
    const startVersion = version
    for (const { key, value } of bucketOf(bucket).entries(range)) {
      yield { key, value }
      assert(isOpen && version === startVersion, 'no commit and no close during an iteration')
    }
  }

  return {
    get: (bucket, key) => bucketOf(bucket).get(key),
    commit(changes) {
      assert(isOpen, 'the store is open')
      assertStorable(changes)
      version++
      const undo: Change[] = []
      for (const { bucket, key, value } of changes) {
        undo.push({ bucket, key: key.slice(), value: bucketOf(bucket).get(key) })
        apply({ bucket, key: key.slice(), value: value?.slice() })
      }
      unsynced.push(undo)
    },
    entries(bucket, range = {}) {
      return entriesOf(bucket, range)
    },
    count: (bucket) => bucketOf(bucket).size,
    sync() {
      assert(isOpen, 'the store is open')
      unsynced = []
    },
    close() {
      unsynced = []
      isOpen = false
    },
    crash(keptCommits = 0) {
      version++
      isOpen = true
      for (const undo of unsynced.splice(keptCommits).reverse()) undo.reverse().forEach(apply)
      unsynced = []
    },
  }
}
