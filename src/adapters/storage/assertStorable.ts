import type { Change } from '../../ports/store.ts'
import { assert } from '../../protocol/spbError.ts'

/** What one entry of a store may be; anything larger is a bug of the caller. */
export const storeLimits = {
  /** Highest number of a bucket. */
  bucket: 65_535,
  keyBytes: 1_024,
  valueBytes: 1_048_576,
} as const

/** Crashes on a change that a store cannot take, before any of its commit is applied. */
export function assertStorable(changes: readonly Change[]): void {
  for (const { bucket, key, value } of changes) {
    assertBucket(bucket)
    assert(key instanceof Uint8Array && key.length <= storeLimits.keyBytes, 'a key is short bytes')
    if (value === undefined) continue
    assert(value instanceof Uint8Array, 'a value is bytes')
    assert(value.length <= storeLimits.valueBytes, 'a value is within its limit')
  }
}

/** Crashes on what is not a bucket's number. */
export function assertBucket(bucket: number): void {
  const isBucket = Number.isInteger(bucket) && bucket >= 0 && bucket <= storeLimits.bucket
  assert(isBucket, 'a bucket is a whole number within its limit')
}
