import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import type { Cli } from './cli.ts'
import { type CommandEntry, commandList } from './commandList.ts'
import { ToldFailure } from './commandResult.ts'
import { exitCodeOf, toFailure, writeFailure } from './failure.ts'

const exitCodes = `
Exit codes:
  0 done   1 a bug of SPB   2 wrong input   3 refused by a rule   4 not found
  5 something outside: disk, network, chain, node

Amounts are ether unless suffixed (0.05, 50gwei, 7wei); energy is Wh unless suffixed (1500, 1.5kWh).
`

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

function addStub(program: Command, { name, alias, group, summary }: CommandEntry): void {
  const stub = program
    .command(name)
    .summary(summary)
    .description(`${capitalize(summary)}.`)
  stub.helpGroup(group)
  if (alias !== undefined) stub.alias(alias)
}

const capitalize = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)

/** The whole command line; commands are defined when they are first looked at. */
export function createProgram(cli: Cli, entries: readonly CommandEntry[] = commandList): Command {
  const program = new Command('spb')
    .description('Neighbours sell each other electricity over an Ethereum network.')
    .version(readVersion())
    .option('--data <folder>', 'where keys and databases are (default: $SPB_HOME, else .spb)')
    .option(
      '--node <url>',
      'the node to ask (default: the one that runs on the data folder); may be given again',
      (url: string, before: string[] = []) => [...before, url],
    )
    .option('--chain <url>', 'the Ethereum client (default: the node’s)')
    .option('--json', 'print one JSON document')
    .exitOverride()
    .configureHelp({
      showGlobalOptions: true,
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join('|'),
    })
    .configureOutput({
      writeOut: (text) => cli.stdout.write(text),
      writeErr: () => undefined,
    })
    .addHelpText('after', exitCodes)
  for (const entry of entries) addStub(program, entry)
  const isDefined = new Set<string>()
  program.hook('preSubcommand', async (_, command) => {
    const entry = entries.find(({ name }) => name === command.name())
    if (entry === undefined || isDefined.has(entry.name)) return
    isDefined.add(entry.name)
    const define = await entry.load()
    define(command, cli)
  })
  return program
}

const isHelp = (error: unknown): boolean =>
  error instanceof CommanderError &&
  error.exitCode === 0 &&
  ['commander.helpDisplayed', 'commander.version'].includes(error.code)

const isMissingCommand = (error: unknown): boolean =>
  error instanceof CommanderError && error.code === 'commander.help'

/** `spb` and `spb help X` are other ways to write --help, which defines the command first. */
function unifyHelp(words: readonly string[]): string[] {
  if (words.length === 0) return ['--help']
  return words[0] === 'help' ? [...words.slice(1), '--help'] : [...words]
}

/**
 * Runs a command line (without the program's own name) and returns its exit code. Failures are
 * told, not thrown.
 */
export async function runProgram(cli: Cli, words: readonly string[]): Promise<number> {
  const program = createProgram(cli)
  try {
    await program.parseAsync(unifyHelp(words), { from: 'user' })
    return 0
  } catch (error) {
    if (isHelp(error)) return 0
    if (error instanceof ToldFailure) return error.exitCode
    const failure = toFailure(isMissingCommand(error) ? missingCommand(words) : error)
    writeFailure(cli, failure, words.includes('--json'))
    return exitCodeOf(failure)
  }
}

function missingCommand(words: readonly string[]): CommanderError {
  const message = `error: “spb ${words.join(' ')}” needs a further word`
  return new CommanderError(2, 'commander.missingArgument', message)
}
