import { resolve } from 'node:path'
import type { Command } from 'commander'
import { SpbError } from '../../protocol/spbError.ts'
import type { Cli } from '../cli.ts'
import { addExamples, type GlobalOptions } from '../commandAction.ts'
import { writeResult } from '../commandResult.ts'
import { describeDevnet } from '../devnet/describeDevnet.ts'
import type { DevnetChainKind, DevnetOptions } from '../devnet/devnetOptions.ts'
import { defaultBasePort } from '../devnet/devnetPorts.ts'
import { openDevnetFolder, startDevnet } from '../devnet/startDevnet.ts'
import { addMarketTermOptions, type MarketTermOptions, parseMarketTerms } from '../marketTerms.ts'
import { wholeNumber } from '../numberOptions.ts'
import { createClosingStack } from '../up/closingStack.ts'
import { listenForInterruption } from '../up/interruption.ts'

type TypedOptions = MarketTermOptions &
  GlobalOptions & { nodes: number; basePort?: number; blockTime: number }

const mostNodes = 31

function parseChain(text: string | undefined): DevnetChainKind | undefined {
  if (text === undefined || text === 'geth' || text === 'anvil') return text
  throw new SpbError('input/option', 'A devnet’s chain is geth or anvil.', {
    hint: 'Beside a chain that runs already: spb up --chain URL.',
  })
}

function parseOptions(cli: Cli, typed: TypedOptions): DevnetOptions {
  const { nodes, basePort, blockTime, data } = typed
  if (nodes % 3 !== 1) {
    throw new SpbError('input/option', 'A committee has 3f + 1 members.', {
      hint: 'Give --nodes 1, 4, 7, 10, …',
    })
  }
  return {
    ...{ nodes, basePort, blockTimeSeconds: blockTime, chain: parseChain(typed.chain) },
    data: data === undefined ? undefined : resolve(cli.cwd, data),
    terms: parseMarketTerms(typed),
  }
}

async function runDevnet(cli: Cli, typed: TypedOptions): Promise<void> {
  const say = (line: string) => void cli.stderr.write(`${line}\n`)
  const options = parseOptions(cli, typed)
  const stack = createClosingStack()
  const abort = new AbortController()
  const interruption = listenForInterruption(cli.nowMs, () => process.exit(130))
  interruption.wanted.then(() => abort.abort())
  try {
    const { path, remove } = openDevnetFolder(options.data)
    stack.push(remove)
    const started = await startDevnet({ path, stack, say, signal: abort.signal }, options)
    writeResult(cli, describeDevnet(cli, started), typed.json === true)
    await interruption.wanted
    say('Ending all nodes and clients.')
  } catch (error) {
    // Whoever ended the start wants no report of what it was at.
    if (!abort.signal.aborted) throw error
  } finally {
    await stack.close()
    interruption.dispose()
  }
}

/** `spb devnet`: a whole committee on this machine, until Ctrl-C. */
export function defineDevnet(command: Command, cli: Cli): void {
  command
    .description(
      'Runs a market of several members on this machine: an Ethereum client and a node each, as ' +
        'processes of their own. With --chain geth (the default where geth is installed) the ' +
        'clients are a network of their own (Clique), with --chain anvil they are one anvil. ' +
        'Ctrl-C ends all of it, and removes it unless --data says where to keep it.',
    )
    .option('--nodes <number>', 'members: 1, 4, 7, …', wholeNumber(1, mostNodes), 4)
    .option(
      '--base-port <number>',
      `the first of its ports, in a row; 0: any free ones (${defaultBasePort})`,
      wholeNumber(0, 65_535),
    )
    .option('--block-time <seconds>', 'time between blocks', wholeNumber(1, 60), 1)
    .action((_options: object, self: Command) =>
      runDevnet(cli, self.optsWithGlobals<TypedOptions>()),
    )
  addMarketTermOptions(command)
  addExamples(
    command,
    'spb devnet',
    'spb devnet --nodes 4 --chain geth --data ~/devnet',
    'spb devnet --nodes 7 --chain anvil --grace 1m',
  )
}
