import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openKeystoreFile, readKeystoreAddress } from '../adapters/keys/keystoreFile.ts'
import type { FileLock } from '../adapters/meter/fileLock.ts'
import type { Address } from '../protocol/bytes.ts'
import { decodeAddress } from '../protocol/decodeMessage.ts'
import { addressOf } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Cli } from './cli.ts'
import { type DataFolder, listNames, parseName } from './dataFolder.ts'
import { type PasswordOptions, readPassword } from './password.ts'
import { lockPath } from './processLock.ts'

/** A household's account whose keystore was opened. */
export type OpenAccount = { name: string; address: Address; privateKey: Uint8Array }

/** How long a command waits for another one of the same account. */
const lockWaitMs = 10_000

/** The keystore file of an account. Throws `input/name`. */
export function accountPath({ accounts }: DataFolder, name: string): string {
  return join(accounts, `${parseName(name)}.json`)
}

function unknownAccount(folder: DataFolder, name: string): SpbError {
  const names = listNames(folder.accounts)
  const hint =
    names.length === 0 ? 'Make one: spb account new NAME.' : `Yours: ${names.join(', ')}.`
  return new SpbError('account/unknown', `There is no account “${name}”.`, { hint })
}

/** The address of one of the folder's accounts. Throws `account/unknown`, `account/damaged`. */
export function addressOfAccount(folder: DataFolder, name: string): Address {
  const path = accountPath(folder, name)
  if (!existsSync(path)) throw unknownAccount(folder, name)
  return readKeystoreAddress(path)
}

/**
 * The address that a person means: an account's name, or an address.
 *
 * Throws `account/unknown`, `input/address`, `input/name`.
 */
export function resolveAddress(folder: DataFolder, text: string): Address {
  if (!/^0x/i.test(text)) return addressOfAccount(folder, text)
  return decodeAddress(text.replace(/^0X/, '0x'), `“${text.slice(0, 50)}”`)
}

/** What to call an address: the name of the folder's account, where it is one. */
export function nameAddresses(folder: DataFolder): ReadonlyMap<Address, string> {
  return new Map(
    listNames(folder.accounts).flatMap((name) => {
      try {
        return [[readKeystoreAddress(accountPath(folder, name)), name] as const]
      } catch {
        // A damaged keystore shall not keep the others from being shown.
        return []
      }
    }),
  )
}

/**
 * Which account is meant: the one named, else SPB_ACCOUNT, else the only one there is, apart from
 * `other`, which cannot be meant.
 *
 * Throws `account/unknown`, `input/option` where several are there.
 */
export function chooseAccountName(
  cli: Cli,
  folder: DataFolder,
  { named, other }: { named?: string | undefined; other?: Address } = {},
): string {
  const name = named ?? (cli.env.SPB_ACCOUNT || undefined)
  const names = listNames(folder.accounts)
  if (name !== undefined) {
    if (names.includes(parseName(name))) return name
    throw unknownAccount(folder, name)
  }
  if (names.length === 0) throw new SpbError('account/unknown', 'You have no account yet.')
  if (names.length === 1) return names[0]!
  const others = names.filter((each) => addressOfAccount(folder, each) !== other)
  if (others.length === 1) return others[0]!
  throw new SpbError('input/option', 'You have several accounts.', {
    hint: `Say which: --account ${names.join(' | ')}, or set SPB_ACCOUNT.`,
  })
}

/**
 * Opens an account with its password.
 *
 * Throws `account/unknown`, `account/wrong-password`, `account/damaged`, `input/password`.
 */
export async function openAccount(
  cli: Cli,
  folder: DataFolder,
  name: string,
  options: PasswordOptions,
): Promise<OpenAccount> {
  const path = accountPath(folder, name)
  if (!existsSync(path)) throw unknownAccount(folder, name)
  const privateKey = openKeystoreFile(path, await readPassword(cli, options, name))
  return { name, address: addressOf(privateKey), privateKey }
}

/** Keeps other commands from signing with an account meanwhile. Throws `account/locked`. */
export function lockAccount({ accounts }: DataFolder, name: string): FileLock {
  return lockPath(join(accounts, `${name}.lock`), lockWaitMs, new SpbError('account/locked'))
}
