import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import type { MeterState, MeterStorage, OpenMeterState } from '../../ports/meterStorage.ts'
import { bytesToHex, type Hex } from '../../protocol/bytes.ts'
import { decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type FileLock, lockFile } from './fileLock.ts'
import { decodeMeterState, encodeMeterState } from './meterStateCodec.ts'
import { replaceFile } from './replaceFile.ts'
import {
  decodeSealedSeed,
  deriveSealKey,
  openSeal,
  type SealedSeed,
  type SealKey,
  sealSeed,
} from './seedSeal.ts'

const fileVersion = 1

/** What is in a meter's file: only the seed is secret, and the seal covers all of it. */
type MeterDocument = { openText: string; state: OpenMeterState; sealed: SealedSeed }

/** How long a second holder waits for the first, where nothing else is said. */
const defaultLockWaitMs = 2000

function checksumOf(openText: string, sealed: unknown): Hex {
  return bytesToHex(sha256(new TextEncoder().encode(`${openText}\n${JSON.stringify(sealed)}`)))
}

/**
 * Parses a meter's file. The checksum tells damage from a wrong password, which the seal cannot.
 *
 * Throws `meter/damaged`, `store/newer-version`.
 */
function decodeDocument(text: string): MeterDocument {
  try {
    const json: unknown = JSON.parse(text)
    const version = (json as { version?: unknown } | null)?.version
    if (typeof version === 'number' && version > fileVersion) {
      throw new SpbError('store/newer-version', 'The meter’s file is of a newer version.')
    }
    const fields = ['version', 'meter', 'sealed', 'checksum']
    const { meter, sealed, checksum } = decodeObject(json, fields, 'file')
    const openText = JSON.stringify({ version, meter })
    if (checksum !== checksumOf(openText, sealed)) throw new Error('The checksum does not match.')
    return { openText, state: decodeMeterState(meter), sealed: decodeSealedSeed(sealed) }
  } catch (cause) {
    if (cause instanceof SpbError && cause.code === 'store/newer-version') throw cause
    throw new SpbError('meter/damaged', undefined, { cause })
  }
}

function readDocument(path: string): MeterDocument {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new SpbError('meter/unknown')
    throw new SpbError('store/failed', 'The meter’s file cannot be read.', { cause })
  }
  return decodeDocument(text)
}

function encodeDocument({ seed, ...open }: MeterState, key: SealKey): string {
  const meter = encodeMeterState(open)
  const openText = JSON.stringify({ version: fileVersion, meter })
  const sealed = sealSeed(seed, openText, key)
  const checksum = checksumOf(openText, sealed)
  return `${JSON.stringify({ version: fileVersion, meter, sealed, checksum })}\n`
}

function createStorage(
  path: string,
  key: SealKey,
  lock: FileLock,
  loaded?: MeterState,
): MeterStorage {
  let state = loaded
  let isClosed = false
  return {
    load: () => state,
    save(next) {
      if (isClosed) throw new SpbError('store/failed', 'The meter’s storage is closed.')
      try {
        replaceFile(path, encodeDocument(next, key))
      } catch (cause) {
        throw new SpbError('store/failed', 'The meter’s file cannot be written.', { cause })
      }
      state = next
    },
    close() {
      if (!isClosed) lock.release()
      isClosed = true
    },
  }
}

/** Runs with the lock held; keeps it only where all went well. */
function withLock(
  path: string,
  waitMs: number | undefined,
  open: (lock: FileLock) => MeterStorage,
): MeterStorage {
  const lock = lockFile(`${path}.lock`, waitMs ?? defaultLockWaitMs)
  try {
    return open(lock)
  } catch (error) {
    lock.release()
    throw error
  }
}

/** How long to wait for another holder of the file; 2 s where left out. */
export type MeterFileOptions = { lockWaitMs?: number }

/**
 * Makes place for a new meter in a file, which its first save writes.
 *
 * Throws `meter/exists` (also where the file there is damaged), `meter/locked`, `store/failed`.
 */
export function createMeterFile(
  path: string,
  password: string,
  options: MeterFileOptions = {},
): MeterStorage {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new SpbError('store/failed', 'The meter’s folder cannot be made.', { cause })
  }
  return withLock(path, options.lockWaitMs, (lock) => {
    if (existsSync(path)) throw new SpbError('meter/exists')
    return createStorage(path, deriveSealKey(password), lock)
  })
}

/**
 * Opens a meter's file and holds it until it is closed or the process ends. A file that does not
 * open is left as it is. Takes about 0.1 s for the password.
 *
 * Throws `meter/unknown`, `meter/damaged`, `meter/locked`, `account/wrong-password`,
 * `store/newer-version`, `store/failed`.
 */
export function openMeterFile(
  path: string,
  password: string,
  options: MeterFileOptions = {},
): MeterStorage {
  if (!existsSync(path)) throw new SpbError('meter/unknown')
  return withLock(path, options.lockWaitMs, (lock) => {
    const { openText, state, sealed } = readDocument(path)
    const key = deriveSealKey(password, sealed)
    return createStorage(path, key, lock, { ...state, seed: openSeal(sealed, openText, key) })
  })
}

/**
 * What a meter's file says openly, without password or lock: to be shown, not to be relied on.
 *
 * Throws `meter/unknown`, `meter/damaged`, `store/newer-version`, `store/failed`.
 */
export function readMeterFile(path: string): OpenMeterState {
  return readDocument(path).state
}
