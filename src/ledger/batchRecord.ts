import type { Change } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Hex, hexToBytes } from '../protocol/bytes.ts'
import { itemsHashOf } from '../protocol/settlementBatch.ts'
import { buckets } from './buckets.ts'
import { numberKey } from './keys.ts'
import type { LedgerState } from './ledgerState.ts'

/** Signed batches that are kept: far more than wait for their confirmation at a time. */
const keptBatches = 256

/** The number after the newest signed batch's. */
export function nextBatchNumber(state: LedgerState): number {
  for (const { key } of state.store.entries(buckets.batch, { isReversed: true })) {
    return Number(new ByteReader(key).uint64()) + 1
  }
  return 0
}

/** Remembers a batch before its signature leaves: whoever submits it, its trades are known. */
export function recordBatch(state: LedgerState, number: number, items: Hex): void {
  const changes: Change[] = [
    { bucket: buckets.batch, key: numberKey(number), value: hexToBytes(items) },
  ]
  const [oldest] = state.store.entries(buckets.batch)
  if (oldest !== undefined && state.store.count(buckets.batch) >= keptBatches) {
    changes.push({ bucket: buckets.batch, key: oldest.key, value: undefined })
  }
  state.store.commit(changes)
  state.batches.set(itemsHashOf(items), items)
  if (state.batches.size <= keptBatches) return
  for (const hash of state.batches.keys()) {
    state.batches.delete(hash)
    break
  }
}
