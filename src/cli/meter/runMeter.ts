import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { eventLoopScheduler, systemClock } from '../../adapters/clock/systemClock.ts'
import { MeterRunner, type MeterRunnerOptions } from '../../meter/meterRunner.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import type { ReadingSource } from '../../meter/sources/readingSource.ts'
import { openSource } from '../../meter/sources/sourceRegistry.ts'
import { parseDuration } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Cli } from '../cli.ts'
import type { GlobalOptions } from '../commandAction.ts'
import { type CommandResult, writeResult } from '../commandResult.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { openLogFile } from '../logFile.ts'
import { chooseMeterName, openMeter, runPathOf } from '../meterFolder.ts'
import { type ClosingStack, createClosingStack } from '../up/closingStack.ts'
import { listenForInterruption } from '../up/interruption.ts'
import { listRunFacts, viewRun } from './describeRun.ts'
import { openFolderNode, renewKeys, secondsOf, serveAsWitness } from './folderNode.ts'
import { describeMeterBriefly } from './householdMeter.ts'
import { type MeterCallHandlers, startMeterAgent } from './meterAgent.ts'
import { requireFolderMarket } from './meterMarket.ts'
import { createNodeGateway } from './nodeGateway.ts'
import { takeKeyOrRenew } from './takeKeyOrRenew.ts'

/** What `spb meter run` takes. */
export type RunMeterOptions = GlobalOptions & {
  source?: string
  stale: string
  longestGap: string
  highestPower: number
  registerStep: number
  sendEvery: string
  once?: boolean
  /** False with --no-witness. */
  witness: boolean
}

/** A running meter with all that belongs to it. */
type Running = { name: string; meter: SoftwareMeter; runner: MeterRunner; logPath: string }

const pollMs = 200

function readRunnerOptions(options: RunMeterOptions): MeterRunnerOptions {
  const { highestPower, registerStep, stale, longestGap, sendEvery } = options
  return {
    rules: {
      longestGapSeconds: parseDuration(longestGap),
      highestWatts: highestPower,
      registerStepWh: registerStep,
    },
    outbox: { everyMs: parseDuration(sendEvery) * 1000 },
    staleMs: parseDuration(stale) * 1000,
  }
}

function handleCalls(meter: SoftwareMeter, parts: RunnerParts): MeterCallHandlers {
  return {
    describe: (asked) => describeMeterBriefly(meter, asked),
    takeKey: (asked) => takeKeyOrRenew(meter, parts.renew, asked),
    bind: ({ ctp, consumer, market }) => meter.bind(ctp, consumer, market),
    receipt: ({ ctpId, deliveredWh, measuredAtSeconds }) =>
      meter.receipt(ctpId, deliveredWh, measuredAtSeconds),
    acknowledge({ ctpId, deliveredWh }) {
      meter.acknowledge(ctpId, deliveredWh)
      return {}
    },
    release({ ctpId }) {
      meter.release(ctpId)
      return {}
    },
    async renew() {
      await parts.renew()
      return {}
    },
    status() {
      // Whoever asks reads the meter's file next.
      meter.flush()
      return viewRun(parts.runner)
    },
  }
}

type RunnerParts = { runner: MeterRunner; renew: () => Promise<unknown> }

type Start = { cli: Cli; folder: DataFolder; stack: ClosingStack; say(line: string): void }

function openRunSource(cli: Cli, spec: string | undefined): ReadingSource | undefined {
  if (spec === undefined) return undefined
  const { env, cwd, nowMs } = cli
  return openSource(spec, { nowMs, random: Math.random, env, cwd })
}

/** Starts all parts of a running meter, each pushed onto the stack as soon as it runs. */
async function startMeter(start: Start, options: RunMeterOptions, named?: string) {
  const { cli, folder, stack, say } = start
  const name = chooseMeterName(folder, named)
  const market = requireFolderMarket(folder)
  const runnerOptions = readRunnerOptions(options)
  const source = openRunSource(cli, options.source)
  const meter = openMeter(folder, name)
  stack.push(() => meter.close())
  const logPath = join(folder.meters, `${name}.log.jsonl`)
  const log = openLogFile(logPath, cli.nowMs, say, { isTalkative: options.json !== true })
  stack.push(log.close)
  const node = openFolderNode(folder, market, options.node)
  const renew = () => renewKeys({ meter, market, node, nowSeconds: secondsOf(cli.nowMs()) })
  const runner = new MeterRunner(runnerOptions, {
    ...{ meter, renew, random: Math.random, log: log.log },
    ...{ clock: systemClock, scheduler: eventLoopScheduler },
    gateway: createNodeGateway(() => node.clients()),
    ...(source === undefined ? {} : { source }),
  })
  const agent = await startMeterAgent(
    runPathOf(folder, name),
    handleCalls(meter, { runner, renew }),
  )
  stack.push(() => agent.close())
  runner.start()
  stack.push(() => runner.close())
  if (options.witness) {
    const service = serveAsWitness(meter, market, node)
    stack.push(() => service.close())
  }
  return { name, meter, runner, logPath }
}

function describeRunning(cli: Cli, { name, meter, runner, logPath }: Running): CommandResult {
  const view = viewRun(runner)
  const keysLeft = meter.keysLeft(secondsOf(cli.nowMs()))
  return {
    json: { meter: name, identity: meter.identity, keysLeft, log: logPath, ...view },
    text: (palette) =>
      [
        palette.bold(`Meter ${name} runs`),
        formatFacts([['keys left', String(keysLeft)], ...listRunFacts(view, cli.nowMs())], palette),
      ].join('\n'),
  }
}

/** Resolves when a file was read to its end and nothing of it waits any more. */
async function waitForEnd(runner: MeterRunner, signal: AbortSignal): Promise<void> {
  for (;;) {
    const { source, receiptsWaiting } = runner.status()
    if ((source === undefined || source.state.kind === 'ended') && receiptsWaiting === 0) return
    await delay(pollMs, undefined, { signal })
  }
}

/**
 * `spb meter run`: turns readings into receipts until it is ended.
 *
 * Throws `meter/unknown`, `meter/locked`, `source/*`, `input/*`.
 */
export async function runMeter(cli: Cli, options: RunMeterOptions, named?: string): Promise<void> {
  if (options.once === true && options.source === undefined) {
    throw new SpbError('input/option', '--once needs a --source.')
  }
  const say = (line: string) => void cli.stderr.write(`${line}\n`)
  const stack = createClosingStack()
  const abort = new AbortController()
  const interruption = listenForInterruption(cli.nowMs, () => process.exit(130))
  interruption.wanted.then(() => abort.abort())
  try {
    const folder = dataFolderOf(cli, options)
    const running = await startMeter({ cli, folder, stack, say }, options, named)
    const isJson = options.json === true
    if (options.once === true) {
      await Promise.race([interruption.wanted, waitForEnd(running.runner, abort.signal)])
      writeResult(cli, describeRunning(cli, running), isJson)
    } else {
      writeResult(cli, describeRunning(cli, running), isJson)
      if (!isJson) say('Ctrl-C ends it; nothing is lost.')
      await interruption.wanted
      if (!isJson) say('Ending; receipts that wait are sent next time.')
    }
  } finally {
    abort.abort()
    await stack.close()
    interruption.dispose()
  }
}
