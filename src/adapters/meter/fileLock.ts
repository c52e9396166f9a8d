import { statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { SpbError } from '../../protocol/spbError.ts'

/** SQLITE_BUSY, the low byte of its result codes. */
const sqliteBusy = 5

/** Held until it is released, or its process ends in whatever way. */
export type FileLock = {
  /** False where the file was removed or replaced meanwhile: others may have locked the new one. */
  isHeld(): boolean
  release(): void
}

function inodeOf(path: string): bigint | undefined {
  return statSync(path, { bigint: true, throwIfNoEntry: false })?.ino
}

/**
 * Locks a file of its own against other holders, of this process and of others. The operating
 * system ends the lock with its process, so none is ever left behind; the empty file stays.
 *
 * `waitMs` is how long another holder is waited for. Throws `meter/locked`, `store/failed`.
 */
export function lockFile(path: string, waitMs: number): FileLock {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(path, { timeout: waitMs })
    database.exec('BEGIN EXCLUSIVE')
    const held = database
    // Its number is not given to another file as long as it is open.
    const inode = inodeOf(path)
    const isHeld = () => inode !== undefined && inodeOf(path) === inode
    return { isHeld, release: () => held.close() }
  } catch (cause) {
    database?.close()
    const { errcode = 0 } = cause as { errcode?: number }
    if ((errcode & 0xff) === sqliteBusy) throw new SpbError('meter/locked')
    throw new SpbError('store/failed', 'The meter’s lock file cannot be used.', { cause })
  }
}
