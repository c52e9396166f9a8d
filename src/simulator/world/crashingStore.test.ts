import { describe, expect, it } from 'vitest'
import { createMemoryStore } from '../../adapters/storage/memoryStore.ts'
import { createCrashingStore, PowerLoss, type SyncFate } from './crashingStore.ts'

const keyOf = (number: number) => Uint8Array.of(number)
const put = (number: number) => [{ bucket: 1, key: keyOf(number), value: Uint8Array.of(number) }]

function openStore(fates: SyncFate[], kept = 0) {
  const disk = createMemoryStore()
  const synced: number[] = []
  let isAlive = true
  const store = createCrashingStore(disk, {
    isAlive: () => isAlive,
    nextSync: () => fates.shift() ?? 'works',
    keptOf: (commits) => Math.min(kept, commits),
    die: () => {
      isAlive = false
    },
    onSynced: (changes) => void synced.push(...changes.map(({ key }) => key[0]!)),
  })
  return { disk, store, synced }
}

describe('a store whose power fails', () => {
  it('loses what was not synced, and serves the dead no more', () => {
    const { disk, store, synced } = openStore(['works', 'fails-before'])
    store.commit(put(1))
    store.sync()
    store.commit(put(2))
    expect(() => store.sync()).toThrow(PowerLoss)
    expect(disk.get(1, keyOf(1))).toEqual(Uint8Array.of(1))
    expect(disk.get(1, keyOf(2))).toBeUndefined()
    expect(() => store.get(1, keyOf(1))).toThrow(PowerLoss)
    expect(() => store.commit(put(3))).toThrow(PowerLoss)
    expect(() => store.entries(1)).toThrow(PowerLoss)
    expect(() => store.count(1)).toThrow(PowerLoss)
    store.close()
    expect(synced).toEqual([1])
  })

  it('may keep the first of the commits that were not synced', () => {
    const { disk, store, synced } = openStore(['fails-before'], 1)
    store.commit(put(1))
    store.commit(put(2))
    expect(() => store.sync()).toThrow(PowerLoss)
    expect([disk.get(1, keyOf(1)), disk.get(1, keyOf(2))]).toEqual([Uint8Array.of(1), undefined])
    expect(synced).toEqual([1])
  })

  it('keeps all where the power fails after the sync', () => {
    const { disk, store, synced } = openStore(['fails-after'])
    store.commit(put(1))
    expect(() => store.sync()).toThrow(PowerLoss)
    expect(disk.count(1)).toBe(1)
    expect(synced).toEqual([1])
  })
})
