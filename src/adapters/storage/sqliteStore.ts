import fs from 'node:fs'
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite'
import type { Change, Entry, KeyRange, Store } from '../../ports/store.ts'
import { assert, SpbError } from '../../protocol/spbError.ts'
import { assertBucket, assertStorable } from './assertStorable.ts'
import { corruptDatabase, sqliteError } from './sqliteError.ts'
import { checkDatabaseHeader, createDatabaseFile, hasLog } from './sqliteFile.ts'
import {
  type DatabaseFacts,
  factKeys,
  factsBucket,
  kvTable,
  openValue,
  sealValue,
} from './sqliteRows.ts'

const currentSchemaVersion = 1
/** A file of this size takes about a second to check. */
const defaultCheckedBytes = 64 * 1024 * 1024
const firstChunkRows = 4
const mostChunkRows = 512

/**
 * Files that this process has open. A second look at one must not even open it: POSIX drops all
 * of a process's locks on a file when the process closes any descriptor of it.
 */
const openFiles = new Set<string>()

/** Where a store lies, and whose it is. */
export type SqliteStoreOptions = {
  path: string
  /** Names chain and contract. */
  marketId: string
  /** Version of what the ledger writes; a file of a later one is refused. */
  schemaVersion?: number
  /** A file of up to this size is checked as a whole when opened, others as they are read. */
  checkedBytes?: number
}

/**
 * Opens the database file of a market, or makes it where there is none, in a folder that exists.
 *
 * Commits gather in one transaction, which `sync` and `close` write to the log and flush (group
 * commit). After any failure the store refuses all further work with the same error: what was not
 * synced is then lost, so its user must start anew from what is on disk.
 *
 * Throws `store/locked`, `store/corrupt` (the file is left as it is), `store/wrong-market`,
 * `store/newer-version`, `store/failed` (disk full, permissions); when in use `store/corrupt`,
 * `store/failed`.
 */
export function openSqliteStore(options: SqliteStoreOptions): Store {
  const { path, marketId, schemaVersion = currentSchemaVersion } = options
  try {
    prepareFile(path, { marketId, schemaVersion })
    const stat = fs.statSync(path, { bigint: true })
    const isChecked = stat.size <= (options.checkedBytes ?? defaultCheckedBytes)
    return new SqliteStore(path, fileIdOf(stat), { marketId, schemaVersion }, isChecked)
  } catch (error) {
    throw sqliteError(error, path)
  }
}

function prepareFile(path: string, facts: DatabaseFacts): void {
  const stat = fs.statSync(path, { bigint: true, throwIfNoEntry: false })
  if (stat !== undefined) {
    if (openFiles.has(fileIdOf(stat))) {
      throw new SpbError('store/locked', undefined, { meta: { path } })
    }
    checkDatabaseHeader(path)
    return
  }
  if (hasLog(path)) throw corruptDatabase(path, 'The file is gone, but its log is there.')
  createDatabaseFile(path, facts)
}

function fileIdOf({ dev, ino }: fs.BigIntStats): string {
  return `${dev}:${ino}`
}

class SqliteStore implements Store {
  readonly #path: string
  readonly #fileId: string
  readonly #database: DatabaseSync
  readonly #statements = new Map<string, StatementSync>()
  /** Numbers of keys, of the buckets for which somebody asked. */
  readonly #counts = new Map<number, number>()
  #state: 'open' | 'closed' | SpbError = 'open'
  #isInTransaction = false
  /** Number of commits: tells an iteration that there was another. */
  #version = 0

  constructor(path: string, fileId: string, facts: DatabaseFacts, isChecked: boolean) {
    this.#path = path
    this.#fileId = fileId
    this.#database = new DatabaseSync(path, { timeout: 0 })
    openFiles.add(fileId)
    this.#run(() => {
      this.#configure()
      this.#checkTable()
      if (isChecked) this.#checkContent()
      this.#checkFacts(facts)
    })
  }

  get(bucket: number, key: Uint8Array): Uint8Array | undefined {
    assertBucket(bucket)
    return this.#run(() => this.#valueOf(bucket, key))
  }

  commit(changes: readonly Change[]): void {
    assertStorable(changes)
    this.#run(() => {
      this.#version++
      if (!this.#isInTransaction) this.#database.exec('BEGIN IMMEDIATE')
      this.#isInTransaction = true
      for (const change of changes) this.#apply(change)
    })
  }

  *entries(bucket: number, range: KeyRange = {}): Generator<Entry> {
    assertBucket(bucket)
    const { isReversed = false } = range
    const version = this.#version
    let bounds: Bounds = { from: range.from, to: range.to }
    for (let limit = firstChunkRows; ; limit = Math.min(4 * limit, mostChunkRows)) {
      // Chunks rather than an open cursor, which would hold up commits when left half-way.
      const rows = this.#run(() => this.#readChunk(bucket, bounds, isReversed, limit))
      for (const entry of rows) {
        yield entry
        const isUnchanged = this.#version === version && this.#state === 'open'
        assert(isUnchanged, 'no commit and no close during an iteration')
      }
      const last = rows.at(-1)
      if (last === undefined || rows.length < limit) return
      bounds = isReversed ? { ...bounds, to: last.key } : { ...bounds, after: last.key }
    }
  }

  count(bucket: number): number {
    assertBucket(bucket)
    return this.#run(() => {
      const known = this.#counts.get(bucket)
      if (known !== undefined) return known
      const [count] = this.#first('SELECT count(*) FROM kv WHERE bucket = ?', bucket) ?? [0]
      this.#counts.set(bucket, count as number)
      return count as number
    })
  }

  sync(): void {
    this.#run(() => {
      if (this.#isInTransaction) this.#database.exec('COMMIT')
      this.#isInTransaction = false
    })
  }

  close(): void {
    if (this.#state !== 'open') return
    this.sync()
    this.#state = 'closed'
    this.#release()
  }

  /** Runs work on the database; after a failure there is no more work. */
  #run<Result>(work: () => Result): Result {
    if (this.#state instanceof SpbError) throw this.#state
    assert(this.#state === 'open', 'the store is open')
    try {
      return work()
    } catch (error) {
      const failure = sqliteError(error, this.#path)
      this.#state = failure
      this.#release()
      throw failure
    }
  }

  #release(): void {
    openFiles.delete(this.#fileId)
    // Rolls back what is not committed.
    this.#database.close()
  }

  #configure(): void {
    const configure = (text: string) => this.#database.exec(text)
    configure('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    // FULL flushes the log at each COMMIT; on macOS only F_FULLFSYNC reaches the medium.
    configure('PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1')
    // A log of 32 MiB, since random keys change the same pages again and again.
    configure('PRAGMA wal_autocheckpoint = 8192; PRAGMA journal_size_limit = 67108864')
    configure('PRAGMA cache_size = -65536')
    configure('PRAGMA cell_size_check = 1')
    // Takes the lock, which is then kept.
    configure('BEGIN IMMEDIATE; ROLLBACK')
  }

  #checkTable(): void {
    const tables = this.#database.prepare('SELECT sql FROM sqlite_schema').all()
    if (tables.length !== 1 || tables[0]!.sql !== kvTable) {
      throw this.#corrupt('The table is not as it was made.')
    }
  }

  #checkContent(): void {
    const [finding] = this.#first('PRAGMA integrity_check(1)') ?? []
    if (finding !== 'ok') throw this.#corrupt(String(finding))
    // A damaged key can hide others from a search; a scan still comes by it.
    const rows = this.#statement('SELECT bucket, key, value FROM kv').iterate()
    for (const [bucket, key, value] of rows as unknown as Iterable<unknown[]>) {
      this.#unseal(bucket, key, value)
    }
  }

  #checkFacts(facts: DatabaseFacts): void {
    const marketId = this.#factOf('marketId')
    const version = Number(this.#factOf('schemaVersion'))
    const meta = { path: this.#path, found: marketId, expected: facts.marketId }
    if (marketId !== facts.marketId) throw new SpbError('store/wrong-market', undefined, { meta })
    if (version === facts.schemaVersion) return
    const versions = { path: this.#path, found: version, expected: facts.schemaVersion }
    if (version > facts.schemaVersion) {
      throw new SpbError('store/newer-version', undefined, { meta: versions })
    }
    throw new SpbError('store/failed', 'The database is of an older version.', {
      hint: 'Use the version of SPB that wrote it, or choose another --data folder.',
      meta: versions,
    })
  }

  #factOf(name: keyof typeof factKeys): string {
    const value = this.#valueOf(factsBucket, factKeys[name])
    if (value === undefined) throw this.#corrupt(`The file does not say its ${name}.`)
    return new TextDecoder().decode(value)
  }

  #apply({ bucket, key, value }: Change): void {
    const count = this.#counts.get(bucket)
    if (count !== undefined) {
      const isThere = this.#first(sql.has, bucket, key) !== undefined
      this.#counts.set(bucket, count + Number(value !== undefined) - Number(isThere))
    }
    if (value === undefined) this.#statement(sql.delete).run(bucket, key)
    else this.#statement(sql.put).run(bucket, key, sealValue(bucket, key, value))
  }

  #valueOf(bucket: number, key: Uint8Array): Uint8Array | undefined {
    const row = this.#first(sql.get, bucket, key)
    return row === undefined ? undefined : this.#unseal(bucket, key, row[0])
  }

  #readChunk(bucket: number, bounds: Bounds, isReversed: boolean, limit: number): Entry[] {
    const values: SQLInputValue[] = [bucket]
    let text = 'SELECT key, value FROM kv WHERE bucket = ?'
    for (const [name, comparison] of comparisons) {
      const bound = bounds[name]
      if (bound === undefined) continue
      text += ` AND key ${comparison} ?`
      values.push(bound)
    }
    text += ` ORDER BY key ${isReversed ? 'DESC' : 'ASC'} LIMIT ?`
    const rows = this.#statement(text).all(...values, limit) as unknown as unknown[][]
    return rows.map(([key, value]) => ({
      key: key as Uint8Array,
      value: this.#unseal(bucket, key, value),
    }))
  }

  #unseal(bucket: unknown, key: unknown, sealed: unknown): Uint8Array {
    const value = openValue(bucket, key, sealed)
    if (value === undefined) throw this.#corrupt('A checksum does not match.')
    return value
  }

  #first(text: string, ...values: SQLInputValue[]): unknown[] | undefined {
    return this.#statement(text).get(...values) as unknown[] | undefined
  }

  #statement(text: string): StatementSync {
    const known = this.#statements.get(text)
    if (known !== undefined) return known
    const statement = this.#database.prepare(text)
    statement.setReturnArrays(true)
    this.#statements.set(text, statement)
    return statement
  }

  #corrupt(reason: string): SpbError {
    return corruptDatabase(this.#path, reason)
  }
}

/** What an iteration still has to read; `after` leaves its own key out. */
type Bounds = { from?: Uint8Array | undefined; after?: Uint8Array; to?: Uint8Array | undefined }

const comparisons = [
  ['from', '>='],
  ['after', '>'],
  ['to', '<'],
] as const

const sql = {
  get: 'SELECT value FROM kv WHERE bucket = ? AND key = ?',
  has: 'SELECT 1 FROM kv WHERE bucket = ? AND key = ?',
  put: 'INSERT INTO kv VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = excluded.value',
  delete: 'DELETE FROM kv WHERE bucket = ? AND key = ?',
} as const
