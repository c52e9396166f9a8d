import type { MemoryStore } from '../../adapters/storage/memoryStore.ts'
import type { Change, Store } from '../../ports/store.ts'

/** What a power loss throws into the program that it ends; nothing of it may go on. */
export class PowerLoss extends Error {}

/** What becomes of one sync: it works, or the power fails just before or just after it. */
export type SyncFate = 'works' | 'fails-before' | 'fails-after'

/** What decides over one life of a store's program, and watches it. */
export type StoreLife = {
  isAlive(): boolean
  nextSync(): SyncFate
  /** Unsynced commits that a power loss leaves on the disk, at most `commits`. */
  keptOf(commits: number): number
  /** Ends the life. */
  die(): void
  /** What is on the disk for good from now on. */
  onSynced(changes: readonly Change[]): void
}

/**
 * A store for one life of a program on a disk that outlives it: the power may fail at any sync,
 * and then nothing, some or all of what was not synced yet is gone.
 */
export function createCrashingStore(disk: MemoryStore, life: StoreLife): Store {
  let unsynced: Change[][] = []

  function check(): void {
    if (!life.isAlive()) throw new PowerLoss('the power is off')
  }

  function noteSynced(commits: readonly Change[][]): void {
    for (const changes of commits) life.onSynced(changes)
  }

  function sync(): void {
    disk.sync()
    const commits = unsynced
    unsynced = []
    noteSynced(commits)
  }

  return {
    get(bucket, key) {
      check()
      return disk.get(bucket, key)
    },
    entries(bucket, range) {
      check()
      return disk.entries(bucket, range)
    },
    count(bucket) {
      check()
      return disk.count(bucket)
    },
    commit(changes) {
      check()
      disk.commit(changes)
      unsynced.push([...changes])
    },
    sync() {
      check()
      const fate = life.nextSync()
      if (fate === 'works') {
        sync()
        return
      }
      if (fate === 'fails-after') {
        sync()
      } else {
        const kept = life.keptOf(unsynced.length)
        disk.crash(kept)
        noteSynced(unsynced.slice(0, kept))
        disk.sync()
      }
      life.die()
      throw new PowerLoss('the power failed')
    },
    close() {
      if (life.isAlive()) sync()
    },
  }
}
