import { dirname } from 'node:path'
import { type FileLock, lockFile } from '../adapters/meter/fileLock.ts'
import { SpbError } from '../protocol/spbError.ts'
import { makeFolder } from './dataFolder.ts'

/**
 * Locks a path against other processes until it is released or this process ends; `refusal` is
 * thrown where another one still holds it after `waitMs`. Throws `store/failed`.
 */
export function lockPath(path: string, waitMs: number, refusal: SpbError): FileLock {
  makeFolder(dirname(path))
  try {
    return lockFile(path, waitMs)
  } catch (error) {
    throw error instanceof SpbError && error.code === 'meter/locked' ? refusal : error
  }
}
