import type { Command } from 'commander'
import type { Address } from '../../protocol/bytes.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import { parseDuration } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Cli } from '../cli.ts'
import { addExamples, type GlobalOptions } from '../commandAction.ts'
import { writeResult } from '../commandResult.ts'
import { dataFolderOf, dataOptionOf } from '../dataFolder.ts'
import { exitCodeOf, toFailure, writeFailure } from '../failure.ts'
import { addMarketTermOptions, type MarketTermOptions, parseMarketTerms } from '../marketTerms.ts'
import { wholeNumber } from '../numberOptions.ts'
import { createClosingStack } from '../up/closingStack.ts'
import { describeStart } from '../up/describeStart.ts'
import { listenForInterruption } from '../up/interruption.ts'
import { parseAnnouncedAddress, parseListenAddress, parsePeerAddress } from '../up/networkRecord.ts'
import { startNode } from '../up/startNode.ts'
import type { UpOptions } from '../up/upOptions.ts'

type TypedOptions = MarketTermOptions &
  GlobalOptions & {
    market?: string
    host: string
    port: number
    chainPort?: number
    blockTime: string
    confirmations?: number
    listen?: string[]
    announce?: string[]
    peer?: string[]
    clockTolerance?: string
    firstStart?: boolean
    manufacturer?: string[]
    wait: string
  }

function parseOptions(typed: TypedOptions): UpOptions {
  const { chain, market, host, port, chainPort, confirmations } = typed
  const blockTimeSeconds = Number(typed.blockTime.replace(/s$/, ''))
  if (!Number.isInteger(blockTimeSeconds) || blockTimeSeconds < 1 || blockTimeSeconds > 60) {
    throw new SpbError('input/duration', 'The block time is 1 to 60 seconds.')
  }
  const { listen, announce, peer, clockTolerance } = typed
  const given = typed.manufacturer ?? []
  const addresses: Address[] = given.map((each) => decodeAddress(each, `“${each}”`))
  return {
    ...{ host, port, blockTimeSeconds, manufacturers: addresses },
    terms: parseMarketTerms(typed),
    chainWaitMs: parseDuration(typed.wait) * 1000,
    ...(chain === undefined ? {} : { chainUrl: chain }),
    ...(market === undefined ? {} : { market: decodeAddress(market, `“${market}”`) }),
    ...(chainPort === undefined ? {} : { chainPort }),
    ...(confirmations === undefined ? {} : { confirmations }),
    ...(listen === undefined ? {} : { listen: listen.map(parseListenAddress) }),
    ...(announce === undefined ? {} : { announce: announce.map(parseAnnouncedAddress) }),
    ...(peer === undefined ? {} : { peers: peer.map(parsePeerAddress) }),
    ...(clockTolerance === undefined
      ? {}
      : { clockToleranceMs: parseDuration(clockTolerance) * 1000 }),
    isFirstStart: typed.firstStart === true,
  }
}

async function runUp(cli: Cli, typed: TypedOptions): Promise<void> {
  const say = (line: string) => void cli.stderr.write(`${line}\n`)
  const stack = createClosingStack()
  const abort = new AbortController()
  const interruption = listenForInterruption(cli.nowMs, () => process.exit(130))
  interruption.wanted.then(() => abort.abort())
  try {
    const folder = dataFolderOf(cli, typed)
    const context = { folder, nowMs: cli.nowMs, say, signal: abort.signal, stack }
    const started = await startNode(context, parseOptions(typed))
    writeResult(cli, describeStart(cli, folder, started), typed.json === true)
    const end = await Promise.race([interruption.wanted, started.failed.catch(toFailure)])
    if (end instanceof SpbError) {
      // Standard output has its one document already.
      writeFailure(cli, end, false)
      process.exitCode = exitCodeOf(end)
    } else if (typed.json !== true) {
      say(`Ending; nothing is lost. Go on with: spb up${dataOptionOf(cli, folder)}`)
    }
  } catch (error) {
    // Whoever ended the start wants no report of what it was at.
    if (!abort.signal.aborted) throw error
  } finally {
    await stack.close()
    interruption.dispose()
  }
}

/** `spb up`: a node beside an embedded or a given chain, until Ctrl-C. */
export function defineUp(command: Command, cli: Cli): void {
  command
    .description(
      'Runs a node. Without --chain it starts a chain of its own and deploys a market at the ' +
        'first start; later starts go on where the last one ended. Ctrl-C ends it.',
    )
    .option('--market <address>', 'with --chain: the market')
    .option('--host <address>', 'where the node listens', '127.0.0.1')
    .option('--port <number>', 'port of the node; 0: any free one', wholeNumber(0, 65_535), 8600)
    .option('--chain-port <number>', 'port of the embedded chain', wholeNumber(1, 65_535))
    .option('--block-time <seconds>', 'time between blocks of the embedded chain', '1')
    .option('--confirmations <number>', 'blocks until a block counts', wholeNumber(0, 1000))
    .option('--listen <multiaddress...>', 'where to listen for other nodes; kept for later')
    .option('--announce <multiaddress...>', 'where others reach this node, if not at --listen')
    .option('--peer <multiaddress...>', 'other nodes of the market; kept for later')
    .option('--clock-tolerance <span>', 'how far clock and chain may be apart (default: 10m)')
    .option('--first-start', 'this member never voted in this market: do not wait before it votes')
    .option('--manufacturer <address...>', 'new market: trust these meter manufacturers')
    .option('--wait <span>', 'how long to wait for the chain of --chain', '1m')
    .action((_options: object, self: Command) => runUp(cli, self.optsWithGlobals<TypedOptions>()))
  addMarketTermOptions(command)
  addExamples(
    command,
    'spb up',
    'spb up --data ~/street --port 8700',
    'spb up --listen /ip4/0.0.0.0/tcp/8700 --peer /ip4/203.0.113.7/tcp/8700',
    'spb up --chain https://eth.example.org --market 0x52908400098527886e0f7030069857d2e4169ee7',
  )
}
