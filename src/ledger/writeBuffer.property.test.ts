import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { Change } from '../ports/store.ts'
import { WriteBuffer } from './writeBuffer.ts'

const key = fc.uint8Array({ minLength: 1, maxLength: 2, max: 3 })
const change = fc.record({
  bucket: fc.nat(1),
  key,
  value: fc.option(fc.uint8Array({ maxLength: 3 }), { nil: undefined }),
}) as fc.Arbitrary<Change>
const step = fc.oneof(
  fc.record({ kind: fc.constant('commit' as const), changes: fc.array(change, { maxLength: 5 }) }),
  fc.record({ kind: fc.constant('get' as const), bucket: fc.nat(1), key }),
  fc.record({ kind: fc.constant('entries' as const), bucket: fc.nat(1) }),
  fc.record({ kind: fc.constant('sync' as const) }),
)

describe('WriteBuffer', () => {
  it('answers as the store beneath would without it, whatever the order of calls', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const plain = createMemoryStore()
        const buffer = new WriteBuffer(createMemoryStore())
        for (const each of steps) {
          if (each.kind === 'commit') {
            plain.commit(each.changes)
            buffer.commit(each.changes)
          } else if (each.kind === 'get') {
            expect(buffer.get(each.bucket, each.key)).toEqual(plain.get(each.bucket, each.key))
          } else if (each.kind === 'entries') {
            expect([...buffer.entries(each.bucket)]).toEqual([...plain.entries(each.bucket)])
            expect(buffer.count(each.bucket)).toBe(plain.count(each.bucket))
          } else {
            plain.sync()
            buffer.sync()
          }
        }
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('loses at a crash all that was not synced, and nothing that was', () => {
    const inner = createMemoryStore()
    const buffer = new WriteBuffer(inner)
    const put = (value: number): Change => ({
      ...{ bucket: 0, key: Uint8Array.of(value), value: Uint8Array.of(value) },
    })
    buffer.commit([put(1)])
    buffer.sync()
    buffer.commit([put(2)])
    expect(buffer.count(0)).toBe(2)
    buffer.commit([put(3)])
    inner.crash()
    expect([...inner.entries(0)].map(({ key: bytes }) => bytes[0])).toEqual([1])
  })
})
