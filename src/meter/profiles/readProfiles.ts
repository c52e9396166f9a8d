import { closeSync, fstatSync, openSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { SpbError } from '../../protocol/spbError.ts'
import { buildProfiles } from './buildProfiles.ts'
import type { HouseholdSpec } from './householdSpec.ts'
import { parseHouseholdsFile } from './householdsFile.ts'
import { planFolder } from './profileFolder.ts'
import { profileLimits } from './profileLimits.ts'
import type { ProfileSet } from './profileSet.ts'

/** What of the profiles to read. */
export type ReadProfilesOptions = {
  /** Market step; divides a day. 900 unless given. */
  stepSeconds?: number | undefined
  /** Only the first so many homes. All unless given. */
  households?: number | undefined
  /** Days from the start on, or all that the homes have in common. 1 unless given. */
  days?: number | 'all' | undefined
  /** Unix time of the first step; a multiple of the step. */
  startSeconds?: number | undefined
}

/**
 * Reads homes' profiles from a folder of `hh_*.csv` and `pv_*_pu.csv`, or from a JSON households
 * file (docs/profiles.md).
 *
 * The window starts with the first whole UTC day in which every home has a reading, unless
 * `startSeconds` says otherwise. Throws `file/unreadable`, `profile/*`, `input/option` (a window
 * or number of homes that the files do not have) and `input/too-large`.
 */
export function readProfiles(path: string, options: ReadProfilesOptions = {}): ProfileSet {
  const isFolder = attempt(path, () => statSync(path).isDirectory())
  const homes = isFolder
    ? planFolder(listFolder(path))
    : parseHouseholdsFile(readText(path, profileLimits.householdsFileBytes))
  const folder = isFolder ? path : dirname(path)
  const readFile = (file: string) => readText(resolve(folder, file), profileLimits.fileBytes)
  return buildProfiles(takeHomes(homes, options.households), readFile, {
    stepSeconds: options.stepSeconds ?? 900,
    days: options.days ?? 1,
    startSeconds: options.startSeconds,
  })
}

function takeHomes(homes: HouseholdSpec[], count: number | undefined): HouseholdSpec[] {
  if (count === undefined) return homes
  if (Number.isInteger(count) && count >= 1 && count <= homes.length) return homes.slice(0, count)
  throw new SpbError('input/option', `There are profiles of ${homes.length} homes, not ${count}.`, {
    hint: `Take 1 to ${homes.length} homes.`,
    meta: { households: homes.length },
  })
}

function listFolder(path: string): string[] {
  const names = attempt(path, () => readdirSync(path))
  if (names.length <= profileLimits.folderEntries) return names
  throw new SpbError(
    'input/too-large',
    `${path} has more than ${profileLimits.folderEntries} files.`,
  )
}

/**
 * Reads a text file of at most `limitBytes`; no pipes, no devices.
 *
 * Throws `file/unreadable` and `input/too-large`.
 */
export function readText(path: string, limitBytes: number): string {
  return attempt(path, () => {
    // A pipe or device would block or never end.
    if (!statSync(path).isFile()) throw new SpbError('file/unreadable', `${path} is not a file.`)
    const file = openSync(path, 'r')
    try {
      const { size } = fstatSync(file)
      if (size > limitBytes) {
        const message = `${path} has ${size} bytes; at most ${limitBytes} are read.`
        throw new SpbError('input/too-large', message)
      }
      return readFileSync(file, 'utf8')
    } finally {
      closeSync(file)
    }
  })
}

function attempt<Result>(path: string, read: () => Result): Result {
  try {
    return read()
  } catch (cause) {
    if (cause instanceof SpbError) throw cause
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown'
    throw new SpbError('file/unreadable', `${path} cannot be read (${code}).`, { cause })
  }
}
