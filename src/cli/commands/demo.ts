import { resolve } from 'node:path'
import { Argument, type Command, InvalidArgumentError, Option } from 'commander'
import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import { readProfiles } from '../../meter/profiles/readProfiles.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { defaultSimulatedHomes, simulateHomes } from '../../simulator/homes/simulateHomes.ts'
import type { Cli } from '../cli.ts'
import { addExamples, type GlobalOptions } from '../commandAction.ts'
import { type CommandResult, writeResult } from '../commandResult.ts'
import { startProgress } from '../demo/demoProgress.ts'
import type { Metering } from '../demo/meterDevice.ts'
import { formatNeighbourhood } from '../demo/neighbourhoodText.ts'
import { playReliable, playUnreliable } from '../demo/playScenes.ts'
import { runNeighbourhood } from '../demo/runNeighbourhood.ts'
import { formatScene } from '../demo/sceneText.ts'
import { listenForInterruption } from '../up/interruption.ts'

const demoNames = ['reliable', 'unreliable', 'neighbourhood'] as const
type DemoName = (typeof demoNames)[number]

type TypedOptions = GlobalOptions & {
  profiles?: string
  households?: number
  days?: number | 'all'
  unreliable?: number
  metering?: Metering
  seed: number
}

/** What a demonstration has to say, and whether all that it checked is true. */
type DemoResult = CommandResult & { isSound: boolean }

const defaultUnreliable = 0.1
const meterings = ['csv', 'mixed'] as const satisfies readonly Metering[]
const exitCodes = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const

function wholeNumber(least: number, most: number) {
  return (text: string): number => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  }
}

function parseDays(text: string): number | 'all' {
  return text === 'all' ? text : wholeNumber(1, 366)(text)
}

function parseShare(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : Number.NaN
  if (value <= 1) return value
  throw new InvalidArgumentError('Give a share from 0 to 1.')
}

/** Reads profiles, or simulates homes. Throws what those do. */
function openProfiles(cli: Cli, { profiles, households, days, seed }: TypedOptions): ProfileSet {
  if (profiles !== undefined) {
    return readProfiles(resolve(cli.cwd, profiles), { households, days })
  }
  if (days === 'all') {
    throw new SpbError('input/option', 'Simulated homes have no last day.', {
      hint: 'Give a number of days, or profiles: --profiles FOLDER --days all',
    })
  }
  return simulateHomes({
    ...{ ...defaultSimulatedHomes, seed },
    households: households ?? defaultSimulatedHomes.households,
    days: days ?? 1,
  })
}

async function runOne(
  cli: Cli,
  name: DemoName,
  typed: TypedOptions,
  signal: AbortSignal,
): Promise<DemoResult> {
  const { seed } = typed
  if (name !== 'neighbourhood') {
    const report = await (name === 'reliable' ? playReliable : playUnreliable)(seed, signal)
    const isSound = report.etherConserved
    return { json: report, isSound, text: (palette) => formatScene(report, palette) }
  }
  const profiles = openProfiles(cli, typed)
  const progress = startProgress(cli.stderr, profiles.steps)
  try {
    const { metering } = typed
    const unreliable = typed.unreliable ?? (metering === undefined ? defaultUnreliable : 0)
    const report = await runNeighbourhood({
      ...{ profiles, seed, signal, unreliable, metering },
      source: typed.profiles ?? 'simulated',
      onStep: (step) => progress.update(step),
    })
    const isSound = Object.values(report.checks).every(Boolean)
    return { json: report, isSound, text: (palette) => formatNeighbourhood(report, palette) }
  } finally {
    progress.stop()
  }
}

function checkOptions(name: DemoName | undefined, typed: TypedOptions): void {
  const { profiles, households, days, unreliable, metering } = typed
  if (metering !== undefined && (unreliable ?? 0) > 0) {
    throw new SpbError('input/option', 'A meter cannot see who did not deliver.', {
      hint: 'The grid makes up for it: leave --unreliable out, or --metering.',
    })
  }
  if (name === undefined || name === 'neighbourhood') return
  const given = Object.entries({ profiles, households, days, unreliable, metering })
  const surplus = given.find(([, value]) => value !== undefined)
  if (surplus === undefined) return
  throw new SpbError('input/option', `--${surplus[0]} is for the neighbourhood.`, {
    hint: `Leave it out, or take: spb demo neighbourhood --${surplus[0]} …`,
  })
}

/** Sets the exit code of a command that has said all it has to say, and throws nothing. */
function endWith(exitCode: number): void {
  process.once('exit', () => {
    process.exitCode = exitCode
  })
}

/** Runs the demonstrations; text appears as each is done, JSON as one document in the end. */
async function runAll(
  cli: Cli,
  name: DemoName | undefined,
  typed: TypedOptions,
  signal: AbortSignal,
) {
  const isJson = typed.json === true
  const results: [DemoName, DemoResult][] = []
  for (const each of name === undefined ? demoNames : [name]) {
    const result = await runOne(cli, each, typed, signal)
    if (!isJson) writeResult(cli, { ...result, text: (p) => `${result.text(p)}\n` }, false)
    results.push([each, result])
  }
  if (isJson) {
    const whole = Object.fromEntries(results.map(([each, { json }]) => [each, json]))
    const json = name === undefined ? whole : results[0]![1].json
    writeResult(cli, { json, text: () => '' }, true)
  }
  if (!results.every(([, { isSound }]) => isSound)) endWith(1)
}

async function runDemo(cli: Cli, name: DemoName | undefined, typed: TypedOptions): Promise<void> {
  checkOptions(name, typed)
  const abort = new AbortController()
  let ending: NodeJS.Signals | undefined
  const interruption = listenForInterruption(cli.nowMs, () => process.exit(130))
  interruption.wanted.then((signal) => {
    ending = signal
    abort.abort()
  })
  try {
    await runAll(cli, name, typed, abort.signal)
  } catch (error) {
    // Whoever ended it wants no report of what it was at.
    if (ending === undefined) throw error
    cli.stderr.write('Ended; nothing is left behind.\n')
    endWith(exitCodes[ending as keyof typeof exitCodes])
  } finally {
    interruption.dispose()
  }
}

/** `spb demo`: the paper's two scenarios and a trading neighbourhood, on a chain of their own. */
export function defineDemo(command: Command, cli: Cli): void {
  command
    .description(
      'Shows how trades go, on an embedded chain that ends with it: a producer who delivers, one ' +
        'who does not (the paper’s figures 4 and 5), and a neighbourhood that trades for a day. ' +
        'All signatures and transactions are real, time is simulated. Without a name: all three.',
    )
    .addArgument(new Argument('[name]', 'which one').choices(demoNames))
    .option('--profiles <path>', 'folder or households file (docs/profiles.md); else simulated')
    .option(
      '--households <number>',
      'how many homes (12, or all of the profiles)',
      wholeNumber(2, 1000),
    )
    .option('--days <number>', 'how many days, or “all” of the profiles (1)', parseDays)
    .option('--unreliable <share>', 'share of producers who do not deliver (0.1)', parseShare)
    .addOption(
      new Option(
        '--metering <how>',
        'have meters read registers: all from CSV files, or mixed with P1, Modbus and MQTT devices',
      ).choices(meterings),
    )
    .option('--seed <number>', 'same seed, same trades', wholeNumber(0, Number.MAX_SAFE_INTEGER), 1)
    .action((name: DemoName | undefined, _options: object, self: Command) =>
      runDemo(cli, name, self.optsWithGlobals<TypedOptions>()),
    )
  addExamples(
    command,
    'spb demo',
    'spb demo unreliable',
    'spb demo neighbourhood --metering mixed',
    'spb demo neighbourhood --profiles shared/households --days 3 --json',
  )
}
