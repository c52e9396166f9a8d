import { buckets } from '../../../ledger/buckets.ts'
import type { Change, Store } from '../../../ports/store.ts'
import type { PlantedBug } from './plantedBug.ts'

/** A store that commits something else than it was told. */
function alterCommits(store: Store, alter: (changes: readonly Change[]) => Change[]): Store {
  return {
    get: (bucket, key) => store.get(bucket, key),
    commit: (changes) => store.commit(alter(changes)),
    entries: (bucket, range) => store.entries(bucket, range),
    count: (bucket) => store.count(bucket),
    sync: () => store.sync(),
    close: () => store.close(),
  }
}

/** Bugs in what reaches the disk, and when. */
export const diskBugs: readonly PlantedBug[] = [
  {
    name: 'lazy-disk',
    breaks: 'what a member signed or acknowledged is on disk before it says so',
    promise: 'P2',
    seeds: 10,
    store: (store) => ({
      ...alterCommits(store, (changes) => [...changes]),
      sync: () => {},
    }),
  },
  {
    name: 'forgotten-receipts',
    breaks: 'an acknowledged receipt is kept',
    promise: 'P8',
    seeds: 5,
    world: { nodes: 1 },
    store: (store) =>
      alterCommits(store, (changes) => changes.filter(({ bucket }) => bucket !== buckets.receipt)),
  },
]
