import { crc32 } from 'node:zlib'
import type { Change } from '../../ports/store.ts'

/** The one table of a database; its text is part of the format, and is compared when opening. */
export const kvTable =
  'CREATE TABLE kv(bucket INTEGER, key BLOB, value BLOB, PRIMARY KEY (bucket, key)) WITHOUT ROWID'

/** "SPB1" in the file's header, so that another program's database is not taken for ours. */
export const applicationId = 0x53504231

/** The bucket of the file's own facts, out of the reach of callers. */
export const factsBucket = -1

const checksumBytes = 4

function checksumOf(bucket: number, key: Uint8Array, value: Uint8Array): number {
  return crc32(value, crc32(key, bucket >>> 0))
}

/** A value as it is stored: behind a checksum over bucket, key and value, since SQLite has none. */
export function sealValue(bucket: number, key: Uint8Array, value: Uint8Array): Uint8Array {
  const sealed = new Uint8Array(checksumBytes + value.length)
  new DataView(sealed.buffer).setUint32(0, checksumOf(bucket, key, value))
  sealed.set(value, checksumBytes)
  return sealed
}

/** The value of a row; undefined if the row is damaged. */
export function openValue(bucket: unknown, key: unknown, sealed: unknown): Uint8Array | undefined {
  // SQLite's columns take any type, so a damaged row may come with any.
  if (typeof bucket !== 'number' || !(key instanceof Uint8Array)) return undefined
  if (!(sealed instanceof Uint8Array)) return undefined
  if (sealed.length < checksumBytes) return undefined
  const value = sealed.subarray(checksumBytes)
  const stored = new DataView(sealed.buffer, sealed.byteOffset).getUint32(0)
  return stored === checksumOf(bucket, key, value) ? value : undefined
}

/** What a database file says of itself. */
export type DatabaseFacts = { marketId: string; schemaVersion: number }

/** Keys of the facts' rows. */
export const factKeys = {
  marketId: new TextEncoder().encode('marketId'),
  schemaVersion: new TextEncoder().encode('schemaVersion'),
} as const

/** The rows in which a new file keeps its facts. */
export function factRows({ marketId, schemaVersion }: DatabaseFacts): Change[] {
  const encoder = new TextEncoder()
  return [
    { bucket: factsBucket, key: factKeys.marketId, value: encoder.encode(marketId) },
    { bucket: factsBucket, key: factKeys.schemaVersion, value: encoder.encode(`${schemaVersion}`) },
  ]
}
