import { type MeterSummary, summarizeMeter } from '../../meter/meterSummary.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import type { Market } from '../../protocol/digest.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import type { Cli } from '../cli.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { formatFacts, formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatEnergy } from '../formatUnits.ts'
import {
  chooseMeterName,
  createMeter,
  manufacturerOf,
  openMeter,
  pickWitness,
  readMeters,
} from '../meterFolder.ts'
import { marketOfFolder } from '../nodeAccess.ts'

const nowOf = (cli: Cli): Seconds => seconds(Math.floor(cli.nowMs() / 1000))

function requireFolderMarket(folder: DataFolder): Market {
  const market = marketOfFolder(folder)
  if (market !== undefined) return market
  throw new SpbError('input/option', 'This data folder belongs to no market yet.', {
    hint: 'Run spb up once: a meter’s keys are witnessed for one market.',
  })
}

async function renew(folder: DataFolder, meter: SoftwareMeter, now: Seconds): Promise<void> {
  const own = manufacturerOf(folder)
  await meter.renew(requireFolderMarket(folder), pickWitness(folder, meter.identity, now), {
    nowSeconds: now,
    isTrusted: (manufacturer) => manufacturer === own,
  })
}

function listFacts(summary: MeterSummary, nowMs: number): [string, string][] {
  const tree = summary.trees.at(-1)
  return [
    ['identity', `${summary.meter} (never part of a trade)`],
    ['keys left', String(summary.keysLeft)],
    ...(tree === undefined
      ? [['vouched for', 'not yet: spb meter renew'] as [string, string]]
      : [
          ['witness', tree.witness] as [string, string],
          ['vouched for', `until ${formatTime(tree.untilSeconds, nowMs)}`] as [string, string],
        ]),
    ['CTPs', `${summary.boundCtps}, ${formatEnergy(summary.receiptedWh)} receipted`],
    ['certificate', `until ${formatTime(summary.certificateEndSeconds, nowMs)}`],
  ]
}

function describeMeter(cli: Cli, summary: MeterSummary): CommandResult {
  return {
    json: summary,
    text: (palette) =>
      [
        palette.bold(`Meter ${summary.name}`),
        formatFacts(listFacts(summary, cli.nowMs()), palette),
      ].join('\n'),
  }
}

/** Works with a meter that is closed afterwards, and describes it. */
async function describeAfter(
  cli: Cli,
  meter: SoftwareMeter,
  work: () => Promise<void>,
): Promise<CommandResult> {
  try {
    await work()
    return describeMeter(cli, summarizeMeter(meter.state, nowOf(cli)))
  } finally {
    meter.close()
  }
}

/** `spb meter new`. Throws `meter/exists`, `meter/no-witness`, `input/name`. */
export async function newMeter(
  { cli, options }: Call<object>,
  name: string,
): Promise<CommandResult> {
  const folder = dataFolderOf(cli, options)
  requireFolderMarket(folder)
  const now = nowOf(cli)
  const meter = createMeter(folder, name, now)
  return await describeAfter(cli, meter, () => renew(folder, meter, now))
}

/** `spb meter renew`. Throws `meter/unknown`, `meter/locked`, `meter/no-witness`. */
export async function renewMeter(
  { cli, options }: Call<object>,
  named?: string,
): Promise<CommandResult> {
  const folder = dataFolderOf(cli, options)
  const meter = openMeter(folder, chooseMeterName(folder, named))
  return await describeAfter(cli, meter, () => renew(folder, meter, nowOf(cli)))
}

/** `spb meter show`. Throws `meter/unknown`, `meter/damaged`. */
export function showMeter({ cli, options }: Call<object>, named?: string): CommandResult {
  const folder = dataFolderOf(cli, options)
  const name = chooseMeterName(folder, named)
  const state = readMeters(folder).find((meter) => meter.name === name)
  if (state === undefined) throw new SpbError('meter/unknown')
  return describeMeter(cli, summarizeMeter(state, nowOf(cli)))
}

/** `spb meter list`. Throws `meter/damaged`. */
export function listMeters({ cli, options }: Call<object>): CommandResult {
  const folder = dataFolderOf(cli, options)
  const summaries = readMeters(folder).map((state) => summarizeMeter(state, nowOf(cli)))
  const rows = summaries.map(({ name, keysLeft, boundCtps, receiptedWh, trees }) => {
    const until = trees.at(-1)?.untilSeconds
    return [
      ...[name, String(keysLeft), String(boundCtps), formatEnergy(receiptedWh)],
      until === undefined ? 'not vouched for' : formatTime(until, cli.nowMs()),
    ]
  })
  return {
    json: summaries,
    text: (palette) =>
      rows.length === 0
        ? 'No meters yet. Make one: spb meter new NAME'
        : formatTable(
            [
              { head: 'name' },
              { head: 'keys left', align: 'right' },
              { head: 'CTPs', align: 'right' },
              { head: 'receipted', align: 'right' },
              { head: 'vouched for until' },
            ],
            rows,
            palette,
          ),
  }
}
