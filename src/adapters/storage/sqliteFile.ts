import { randomUUID } from 'node:crypto'
import fs from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { corruptDatabase } from './sqliteError.ts'
import { applicationId, type DatabaseFacts, factRows, kvTable, sealValue } from './sqliteRows.ts'

const headerBytes = 100
const pageBytes = 4096

/** What never changes in the header of a database of ours: https://sqlite.org/fileformat2.html */
const fixedHeader: readonly [offset: number, hex: string][] = [
  // Magic, page size, write-ahead log, no reserved space, payload fractions.
  [0, `${Buffer.from('SQLite format 3\0').toString('hex')}1000020200402020`],
  // Schema format.
  [44, '00000004'],
  // No vacuum by itself, UTF-8, no user version, no incremental vacuum.
  [52, '00000000000000010000000000000000'],
  [68, applicationId.toString(16)],
  [72, '00'.repeat(20)],
]

/** Makes a new database under a path, unless there is one: whole, or not at all. */
export function createDatabaseFile(path: string, facts: DatabaseFacts): void {
  const draft = `${path}.${randomUUID()}.new`
  try {
    writeDraft(draft, facts)
    fs.linkSync(draft, path)
    syncFolder(dirname(path))
  } catch (error) {
    // Another process was quicker: its file is as good.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    for (const end of ['', '-wal', '-journal']) fs.rmSync(`${draft}${end}`, { force: true })
  }
}

function writeDraft(draft: string, facts: DatabaseFacts): void {
  const database = new DatabaseSync(draft)
  try {
    database.exec(`PRAGMA page_size = ${pageBytes}`)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL')
    database.exec(
      'PRAGMA synchronous = FULL; PRAGMA fullfsync = 1; PRAGMA checkpoint_fullfsync = 1',
    )
    database.exec(`BEGIN; PRAGMA application_id = ${applicationId}; ${kvTable}`)
    const insert = database.prepare('INSERT INTO kv VALUES (?, ?, ?)')
    for (const { bucket, key, value } of factRows(facts)) {
      insert.run(bucket, key, sealValue(bucket, key, value!))
    }
    database.exec('COMMIT')
  } finally {
    database.close()
  }
}

/** Makes a new name in a folder survive power loss. Windows has no such call and no such need. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return
  const descriptor = fs.openSync(folder, 'r')
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/**
 * Refuses a file that is no database of ours, before anything could write to it. Throws
 * `store/corrupt`.
 */
export function checkDatabaseHeader(path: string): void {
  const { header, size } = readHeader(path)
  if (size === 0) throw corruptDatabase(path, 'The file is empty.')
  for (const [offset, hex] of fixedHeader) {
    if (header.toString('hex', offset, offset + hex.length / 2) === hex) continue
    throw corruptDatabase(path, 'The file does not start as a database of SPB does.')
  }
  // Pages that a log still holds need not be in the file.
  if (!hasLog(path) && header.readUInt32BE(28) * pageBytes > size) {
    throw corruptDatabase(path, 'The file is shorter than it was.')
  }
}

/** True where a write-ahead log lies beside the path. */
export function hasLog(path: string): boolean {
  return (fs.statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0
}

function readHeader(path: string): { header: Buffer; size: number } {
  const header = Buffer.alloc(headerBytes)
  const descriptor = fs.openSync(path, 'r')
  try {
    fs.readSync(descriptor, header, 0, headerBytes, 0)
    return { header, size: fs.fstatSync(descriptor).size }
  } finally {
    fs.closeSync(descriptor)
  }
}
