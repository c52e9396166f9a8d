import { createHash, type Hash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import type { MeterGuard } from '../../ports/meterGuard.ts'
import type { MeterState, MeterStorage, OpenMeterState } from '../../ports/meterStorage.ts'
import { bytesToHex, type Hex } from '../../protocol/bytes.ts'
import { decodeNumber, decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type FileLock, lockFile } from './fileLock.ts'
import { openMeterFileGuard } from './meterFileGuard.ts'
import { decodeMeterState } from './meterStateCodec.ts'
import { writeMeterState } from './meterStateText.ts'
import { replaceFile } from './replaceFile.ts'
import {
  decodeSealedSeed,
  deriveSealKey,
  openSeal,
  type SealedSeed,
  type SealKey,
  sealSeed,
} from './seedSeal.ts'

const fileVersion = 3
/** From this version on the seal covers a digest of the open text, not the text itself. */
const firstDigestVersion = 3

/** What is in a meter's file: only the seed is secret, and the seal covers all of it. */
type MeterDocument = {
  /** By which the seal covers what is open. */
  covered: Uint8Array
  /** How often the state was saved; 0 in files of version 1, which did not count. */
  generation: number
  state: OpenMeterState
  sealed: SealedSeed
}

/** How long a second holder waits for the first, where nothing else is said. */
const defaultLockWaitMs = 2000

function hashOf(pieces: readonly Uint8Array[]): Hash {
  const hash = createHash('sha256')
  for (const piece of pieces) hash.update(piece)
  return hash
}

/** Of what is open and, in a line of its own, what is sealed. */
function checksumOf(openHash: Hash, sealed: unknown): Hex {
  return bytesToHex(
    openHash
      .copy()
      .update(`\n${JSON.stringify(sealed)}`)
      .digest(),
  )
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
    const fields = [
      'version',
      'meter',
      'sealed',
      'checksum',
      ...(version === 1 ? [] : ['generation']),
    ]
    const { generation, meter, sealed, checksum } = decodeObject(json, fields, 'file')
    const openText = Buffer.from(JSON.stringify({ version, generation, meter }))
    const openHash = hashOf([openText])
    if (checksum !== checksumOf(openHash, sealed)) throw new Error('The checksum does not match.')
    const isDigest = typeof version === 'number' && version >= firstDigestVersion
    return {
      covered: isDigest ? openHash.digest() : openText,
      generation: decodeNumber(generation ?? 0, Number.MAX_SAFE_INTEGER, 'generation'),
      state: decodeMeterState(meter),
      sealed: decodeSealedSeed(sealed),
    }
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

function encodeDocument(
  { seed, ...open }: MeterState,
  generation: number,
  key: SealKey,
): Uint8Array[] {
  const head = JSON.stringify({ version: fileVersion, generation }).slice(0, -1)
  const pieces = [Buffer.from(`${head},"meter":`), ...writeMeterState(open)]
  const openHash = hashOf([...pieces, Buffer.from('}')])
  const sealed = sealSeed(seed, openHash.copy().digest(), key)
  const tail = JSON.stringify({ sealed, checksum: checksumOf(openHash, sealed) }).slice(1)
  return [...pieces, Buffer.from(`,${tail}\n`)]
}

type OpenFile = { path: string; key: SealKey; lock: FileLock; guard: MeterGuard }
type Loaded = { state: MeterState; generation: number }

function createStorage({ path, key, lock, guard }: OpenFile, loaded?: Loaded): MeterStorage {
  let state = loaded?.state
  // Above both, so that what a restored state lost is never taken for the last one again.
  let generation = Math.max(loaded?.generation ?? 0, guard.lastGeneration())
  let isConfirmed = true
  let isClosed = false

  function put(next: MeterState): void {
    // What is in place unconfirmed holds nothing that left the meter; but it has its number.
    if (!isConfirmed) guard.confirm(generation)
    isConfirmed = true
    const number = generation + 1
    replaceFile(path, encodeDocument(next, number, key), () => guard.announce(number))
    generation = number
    isConfirmed = false
    guard.confirm(generation)
    isConfirmed = true
  }

  return {
    load: () => state,
    save(next) {
      if (isClosed) throw new SpbError('store/failed', 'The meter’s storage is closed.')
      if (!lock.isHeld()) {
        throw new SpbError('store/failed', 'The meter’s lock file was removed.', {
          hint: 'Another program may have opened the meter since: end one, and start anew.',
        })
      }
      try {
        put(next)
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

/** A restored state keeps its mark when it is saved, until the meter has given up what it must. */
function judgeLoaded(loaded: Loaded, guard: MeterGuard): Loaded {
  const { state, generation } = loaded
  if (!guard.isLast(generation)) return { state: { ...state, isRestored: true }, generation }
  guard.confirm(generation)
  return loaded
}

function tryGuard<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (cause) {
    throw new SpbError('store/failed', 'The meter’s guard cannot be used.', { cause })
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

/** How a meter's file is held, and what tells that it was put back from a copy. */
export type MeterFileOptions = {
  /** How long to wait for another holder of the file; 2 s where left out. */
  lockWaitMs?: number
  /** A secure element's counter, say; a second file, NAME.guard, where left out. */
  guard?: MeterGuard
}

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
    const key = deriveSealKey(password)
    const guard = options.guard ?? tryGuard(() => openMeterFileGuard(path, key))
    return createStorage({ path, key, lock, guard })
  })
}

/**
 * Opens a meter's file and holds it until it is closed or the process ends. A file that does not
 * open is left as it is. One that was put back from a copy opens with `isRestored` in its state, as
 * does one of version 1, which had no guard. Takes about 0.1 s for the password.
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
  // By whatever links it is reached: one file has one lock, one guard and one successor.
  return openRealFile(realpathSync(path), password, options)
}

function openRealFile(path: string, password: string, options: MeterFileOptions): MeterStorage {
  return withLock(path, options.lockWaitMs, (lock) => {
    const { covered, generation, state: open, sealed } = readDocument(path)
    const key = deriveSealKey(password, sealed)
    const seed = openSeal(sealed, covered, key)
    const state = seed === undefined ? open : { ...open, seed }
    return tryGuard(() => {
      const guard = options.guard ?? openMeterFileGuard(path, key)
      return createStorage({ path, key, lock, guard }, judgeLoaded({ state, generation }, guard))
    })
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
