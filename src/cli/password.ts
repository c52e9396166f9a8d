import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { Writable } from 'node:stream'
import type { Command } from 'commander'
import { SpbError } from '../protocol/spbError.ts'
import type { Cli } from './cli.ts'

/** The option of commands that open a keystore. */
export type PasswordOptions = { passwordFile?: string }

/** Adds the option that `readPassword` reads. */
export function addPasswordOption(command: Command): Command {
  return command.option(
    '--password-file <file>',
    'file whose first line is the password (else SPB_PASSWORD, else a prompt)',
  )
}

function readPasswordFile(path: string): string {
  try {
    return readFileSync(path, 'utf8').split(/\r?\n/)[0]!
  } catch (cause) {
    throw new SpbError('file/unreadable', `The password file ${path} cannot be read.`, { cause })
  }
}

/** Asks at the terminal; what is typed is not shown. */
async function prompt(cli: Cli, question: string): Promise<string> {
  cli.stderr.write(question)
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() })
  const lines = createInterface({ input: cli.stdin, output: silent, terminal: true })
  const interrupt = new AbortController()
  lines.once('SIGINT', () => interrupt.abort())
  try {
    return await lines.question('', { signal: interrupt.signal })
  } catch {
    throw new SpbError('input/password', 'No password was typed.')
  } finally {
    lines.close()
    cli.stderr.write('\n')
  }
}

/**
 * The password for an account: from --password-file, SPB_PASSWORD or a prompt, which asks twice
 * for a new one. Throws `input/password`, `file/unreadable`.
 */
export async function readPassword(
  cli: Cli,
  options: PasswordOptions,
  account: string,
  kind: { isNew?: true } = {},
): Promise<string> {
  const { passwordFile } = options
  const given = passwordFile
    ? readPasswordFile(resolve(cli.cwd, passwordFile))
    : cli.env.SPB_PASSWORD
  if (given !== undefined) return checkPassword(given)
  if (cli.stdin.isTTY !== true) throw new SpbError('input/password')
  const typed = await prompt(cli, `Password of ${account}: `)
  if (kind.isNew && (await prompt(cli, 'The same again: ')) !== typed) {
    throw new SpbError('input/password', 'The two passwords differ.')
  }
  return checkPassword(typed)
}

function checkPassword(password: string): string {
  if (password === '') throw new SpbError('input/password', 'The password is empty.')
  return password
}
