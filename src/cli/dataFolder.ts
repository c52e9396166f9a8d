import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { replaceFile } from '../adapters/meter/replaceFile.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Cli } from './cli.ts'
import type { GlobalOptions } from './commandAction.ts'

/** Where everything of one data folder lies. */
export type DataFolder = {
  path: string
  accounts: string
  meters: string
  /** Meters that stand for the neighbours’, so that the first one finds a witness. */
  street: string
  node: string
  chain: string
  /** Says where the folder’s running node answers. */
  endpoint: string
  /** Says which market the folder belongs to. */
  market: string
}

/** The data folder of a call: --data, else SPB_HOME, else `.spb` where the person is. */
export function dataFolderOf(cli: Cli, options: GlobalOptions): DataFolder {
  return dataFolderAt(resolve(cli.cwd, options.data ?? (cli.env.SPB_HOME || '.spb')))
}

/** The data folder at an absolute path. */
export function dataFolderAt(path: string): DataFolder {
  const node = join(path, 'node')
  return {
    ...{ path, node },
    accounts: join(path, 'accounts'),
    meters: join(path, 'meters'),
    street: join(path, 'street'),
    chain: join(path, 'chain'),
    endpoint: join(path, 'endpoint.json'),
    market: join(node, 'market.json'),
  }
}

/** What a hint must add to a command, so that it finds the same folder: nothing, or ` --data …`. */
export function dataOptionOf(cli: Cli, folder: DataFolder): string {
  if (folder.path === dataFolderOf(cli, {}).path) return ''
  const short = relative(cli.cwd, folder.path)
  return ` --data ${short.startsWith('..') ? folder.path : short}`
}

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/

/** A name of an account or a meter, safe as a file's name. Throws `input/name`. */
export function parseName(text: string): string {
  if (namePattern.test(text)) return text
  const shown = text.length <= 40 ? text : `${text.slice(0, 40)}…`
  throw new SpbError('input/name', `“${shown}” is not allowed as a name.`)
}

/** The names of a folder's files of one ending, sorted; none where there is no folder. */
export function listNames(folder: string, ending = '.json'): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((file) => file.endsWith(ending))
    .map((file) => file.slice(0, -ending.length))
    .filter((name) => namePattern.test(name))
    .sort()
}

/** Makes a folder for its owner only, with those above it. Throws `store/failed`. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (cause) {
    throw new SpbError('store/failed', `The folder ${path} cannot be made.`, { cause })
  }
}

/** The JSON of a file; undefined where there is no such file. Throws `file/unreadable`. */
export function readJsonFile(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new SpbError('file/unreadable', `The file ${path} cannot be read.`, { cause })
  }
}

/** Writes JSON at once and durably, for its owner only. Throws `store/failed`. */
export function writeJsonFile(path: string, value: unknown): void {
  makeFolder(dirname(path))
  const encode = (_: string, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)
  try {
    replaceFile(path, `${JSON.stringify(value, encode, 2)}\n`)
  } catch (cause) {
    throw new SpbError('store/failed', `The file ${path} cannot be written.`, { cause })
  }
}
