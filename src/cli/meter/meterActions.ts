import { type MeterSummary, summarizeMeter } from '../../meter/meterSummary.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
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
  findMeterName,
  openMeter,
  readMeters,
} from '../meterFolder.ts'
import { openNode } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'
import { listRunFacts } from './describeRun.ts'
import { openFolderNode, renewKeys } from './folderNode.ts'
import { askMeter, findRunningMeter, openHouseholdMeter } from './householdMeter.ts'
import type { MeterRunView } from './meterCalls.ts'
import { requireFolderMarket } from './meterMarket.ts'

const nowOf = (cli: Cli): Seconds => seconds(Math.floor(cli.nowMs() / 1000))

/** Gets new keys for a meter through the folder's node. */
async function renew(call: Call<object>, folder: DataFolder, meter: SoftwareMeter): Promise<void> {
  const market = requireFolderMarket(folder)
  const node = openFolderNode(folder, market, call.options.node)
  await renewKeys({ meter, market, node, nowSeconds: nowOf(call.cli) })
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

function listMeasuring({ register, incidents, unacknowledged }: MeterSummary, nowMs: number) {
  const counts = Object.entries(incidents.counts).map(([kind, count]) => `${count} ${kind}`)
  const facts: [string, string][] = []
  if (register !== undefined) {
    const { timeSeconds, importWh, countedWh, serial } = register
    const shown = `${formatEnergy(importWh)} at ${formatTime(timeSeconds, nowMs)}`
    facts.push(['register', serial === undefined ? shown : `${shown}, meter ${serial}`])
    facts.push(['counted', formatEnergy(countedWh)])
  }
  if (counts.length > 0) facts.push(['not counted', counts.join(', ')])
  if (unacknowledged.length > 0) {
    facts.push(['unconfirmed', `${unacknowledged.length} receipts that no node is known to keep`])
  }
  return facts
}

function describeMeter(cli: Cli, summary: MeterSummary, running?: MeterRunView): CommandResult {
  const nowMs = cli.nowMs()
  return {
    json: { ...summary, running: running ?? null },
    text: (palette) =>
      [
        palette.bold(`Meter ${summary.name}${running === undefined ? '' : ', running'}`),
        formatFacts(
          [
            ...listFacts(summary, nowMs),
            ...listMeasuring(summary, nowMs),
            ...(running === undefined ? [] : listRunFacts(running, nowMs)),
          ],
          palette,
        ),
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

/** A new meter without keys is a meter all the same: it is there, and can be renewed. */
function explainKeyless(error: unknown, name: string): unknown {
  if (!(error instanceof SpbError)) return error
  const { code, meta } = error
  const message = `Meter ${name} is made, but has no keys yet: ${error.message}`
  return new SpbError(code, message, {
    hint: `Once a node with other meters runs: spb meter renew ${name}.`,
    ...{ meta, cause: error },
  })
}

/** `spb meter new`. Throws `meter/exists`, `meter/no-witness`, `node/unreachable`, `input/name`. */
export async function newMeter(call: Call<object>, name: string): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  requireFolderMarket(folder)
  const meter = createMeter(folder, name, nowOf(cli))
  return await describeAfter(cli, meter, async () => {
    try {
      await renew(call, folder, meter)
    } catch (error) {
      throw explainKeyless(error, name)
    }
  })
}

/** `spb meter renew`. Throws `meter/unknown`, `meter/no-witness`, `node/unreachable`. */
export async function renewMeter(call: Call<object>, named?: string): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const name = chooseMeterName(folder, named)
  const running = await findRunningMeter(folder, name)
  if (running !== undefined) {
    await askMeter(running, 'renew', {})
    return await showMeter(call, name)
  }
  const meter = openMeter(folder, name)
  return await describeAfter(cli, meter, () => renew(call, folder, meter))
}

/** `spb meter show`. Throws `meter/unknown`, `meter/damaged`. */
export async function showMeter(call: Call<object>, named?: string): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const name = chooseMeterName(folder, named)
  const running = await findRunningMeter(folder, name)
  // A running meter brings its file up to date when it is asked.
  const view = running && (await askMeter(running, 'status', {}))
  const state = readMeters(folder).find((meter) => meter.name === name)
  if (state === undefined) throw new SpbError('meter/unknown')
  return describeMeter(cli, summarizeMeter(state, nowOf(cli)), view)
}

/**
 * `spb meter release`: the CTP's energy will not come, so readings go to those that follow.
 *
 * Throws `erc/unknown-ctp`, `meter/unknown`.
 */
export async function releaseCtp(
  call: Call<{ meter?: string }>,
  key: string,
): Promise<CommandResult> {
  const { options } = call
  const { folder, node } = openNode(call)
  const { ctpId, number } = await node.ctp(parseCtpKey(key))
  const name = findMeterName(folder, ctpId, options.meter)
  const meter = await openHouseholdMeter(folder, name)
  try {
    await meter.release(ctpId)
  } finally {
    meter.close()
  }
  return {
    json: { meter: name, ctpId, number },
    text: () => `CTP ${number} takes no more of what meter ${name} measures.`,
  }
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
