import type { Entry, KeyRange } from '../../ports/store.ts'
import { compareBytes } from '../../protocol/bytes.ts'

const chunkEntries = 256

/**
 * Entries in key order, in chunks of at most 256, so that a change moves little memory.
 *
 * A B-tree of two levels: enough for some millions of entries.
 */
export class SortedEntries {
  private readonly chunks: Entry[][] = []
  private entryCount = 0

  /** Number of entries. */
  get size(): number {
    return this.entryCount
  }

  get(key: Uint8Array): Uint8Array | undefined {
    const chunk = this.chunks[this.chunkOf(key)]
    if (chunk === undefined) return undefined
    const entry = chunk[countBelow(chunk, key)]
    return entry !== undefined && compareBytes(entry.key, key) === 0 ? entry.value : undefined
  }

  set(key: Uint8Array, value: Uint8Array): void {
    const chunkAt = this.chunkOf(key)
    const chunk = this.chunks[chunkAt]
    if (chunk === undefined) {
      this.chunks.push([{ key, value }])
      this.entryCount++
      return
    }
    const at = countBelow(chunk, key)
    const entry = chunk[at]
    if (entry !== undefined && compareBytes(entry.key, key) === 0) {
      chunk[at] = { key, value }
      return
    }
    chunk.splice(at, 0, { key, value })
    this.entryCount++
    if (chunk.length > chunkEntries) {
      this.chunks.splice(chunkAt + 1, 0, chunk.splice(chunkEntries >> 1))
    }
  }

  delete(key: Uint8Array): void {
    const chunkAt = this.chunkOf(key)
    const chunk = this.chunks[chunkAt]
    if (chunk === undefined) return
    const at = countBelow(chunk, key)
    const entry = chunk[at]
    if (entry === undefined || compareBytes(entry.key, key) !== 0) return
    chunk.splice(at, 1)
    this.entryCount--
    if (chunk.length === 0) this.chunks.splice(chunkAt, 1)
  }

  /** Entries of a range; must not be continued after a change. */
  *entries({ from, to, isReversed = false }: KeyRange): Generator<Entry> {
    const start = this.placeOf(from, { chunkAt: 0, at: 0 })
    const end = this.placeOf(to, { chunkAt: this.chunks.length, at: 0 })
    if (isReversed) yield* this.backward(start, end)
    else yield* this.forward(start, end)
  }

  private *forward(start: Place, end: Place): Generator<Entry> {
    for (let chunkAt = start.chunkAt; chunkAt <= end.chunkAt; chunkAt++) {
      const chunk = this.chunks[chunkAt] ?? []
      const last = chunkAt === end.chunkAt ? end.at : chunk.length
      for (let at = chunkAt === start.chunkAt ? start.at : 0; at < last; at++) yield chunk[at]!
    }
  }

  private *backward(start: Place, end: Place): Generator<Entry> {
    for (let chunkAt = end.chunkAt; chunkAt >= start.chunkAt; chunkAt--) {
      const chunk = this.chunks[chunkAt] ?? []
      const first = chunkAt === start.chunkAt ? start.at : 0
      const above = chunkAt === end.chunkAt ? end.at : chunk.length
      for (let at = above - 1; at >= first; at--) yield chunk[at]!
    }
  }

  /** Where the first entry not below a key is, or would be. */
  private placeOf(key: Uint8Array | undefined, otherwise: Place): Place {
    if (key === undefined) return otherwise
    const chunkAt = this.chunkOf(key)
    return { chunkAt, at: countBelow(this.chunks[chunkAt] ?? [], key) }
  }

  /** The chunk in which a key is, or belongs: the last that does not start above it. */
  private chunkOf(key: Uint8Array): number {
    let low = 0
    let high = this.chunks.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (compareBytes(this.chunks[middle]![0]!.key, key) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }
}

type Place = { chunkAt: number; at: number }

/** Number of a chunk's entries whose key is below another. */
function countBelow(chunk: readonly Entry[], key: Uint8Array): number {
  let low = 0
  let high = chunk.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(chunk[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}
