import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { storeCases } from '../../ports/store.compliance.ts'
import type { Change, Store } from '../../ports/store.ts'
import { createMemoryStore, type MemoryStore } from './memoryStore.ts'

const harness = {
  open: createMemoryStore,
  reopen(store: Store): Store {
    ;(store as MemoryStore).crash()
    return store
  },
}

describe('createMemoryStore, as a store', () => {
  it.each(storeCases)('$name', ({ run }) => run(harness))
})

const dump = (store: Store) => [0, 1].map((bucket) => [...store.entries(bucket)])

describe('crash', () => {
  it('drops what was committed since the last sync, from the chosen commit on', () => {
    const byte = fc.integer({ min: 0, max: 5 }).map((value) => Uint8Array.of(value))
    const change: fc.Arbitrary<Change> = fc.record({
      bucket: fc.integer({ min: 0, max: 1 }),
      key: byte,
      value: fc.option(byte, { nil: undefined }),
    })
    const commits = fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 10 })
    fc.assert(
      fc.property(commits, commits, fc.nat({ max: 12 }), (synced, unsynced, kept) => {
        const store = createMemoryStore()
        for (const changes of synced) store.commit(changes)
        store.sync()
        for (const changes of unsynced) store.commit(changes)
        store.crash(kept)
        const expected = createMemoryStore()
        for (const changes of [...synced, ...unsynced.slice(0, kept)]) expected.commit(changes)
        expect(dump(store)).toEqual(dump(expected))
        store.crash()
        expect(dump(store)).toEqual(dump(expected))
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
