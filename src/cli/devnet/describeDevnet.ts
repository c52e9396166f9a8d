import { relative } from 'node:path'
import type { Cli } from '../cli.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatTable } from '../formatTable.ts'
import type { StartedDevnet } from './startDevnet.ts'

/** What to type in another terminal: a trade through two members, and a proof of it. */
function listNextSteps(data: string, urls: readonly string[]): string[] {
  // So many members must say that they keep a receipt.
  const keepers = urls.slice(0, (urls.length - 1) / 3 + 1).map((url) => ` --node ${url}`)
  const steps = [
    ...['account new bob', 'account fund bob 1', 'energy open bob'],
    ...['energy add bob 10kWh --price 0.0002', 'account new alice', 'account fund alice 10'],
    ...['account deposit alice 5', 'meter new alice', 'ctp bob 0.0003 1500', 'proof 1'],
    ...[`erc 1 1500${keepers.join('')}`, 'trade 1', `trades --node ${urls.at(-1)}`],
  ]
  return [`export SPB_HOME=${data}`, ...steps.map((step) => `spb ${step}`)]
}

/** What runs and what to type next: the one document or text of `spb devnet`. */
export function describeDevnet(cli: Cli, devnet: StartedDevnet): CommandResult {
  const { path, isKept, chain, chainId, market, members } = devnet
  const isVoting = members.every((member) => member.isVoting)
  const shown = (place: string) => {
    const short = relative(cli.cwd, place)
    return short.startsWith('..') ? place : short
  }
  const [first, last] = [members[0]!, members.at(-1)!]
  return {
    json: { chain, chainId, market, dataFolder: path, isKept, isVoting, members },
    text: (palette) =>
      [
        palette.bold(`Market ${market} on chain ${chainId} (${chain})`),
        '',
        formatTable(
          [{ head: 'node' }, { head: 'Ethereum client' }, { head: 'process' }, { head: 'folder' }],
          members.map(({ url, rpcUrl, pid, dataFolder }) => [
            ...[url, rpcUrl, String(pid), shown(dataFolder)],
          ]),
          palette,
        ),
        ...(isVoting ? [] : ['', palette.red('Not all members vote: spb node status --node URL')]),
        '',
        'Next, in another terminal:',
        ...listNextSteps(
          shown(first.dataFolder),
          members.map(({ url }) => url),
        ).map((step) => `  ${step}`),
        '',
        'A member that fails, and comes back:',
        `  kill -9 ${last.pid}`,
        `  spb up --data ${shown(last.dataFolder)} --port ${new URL(last.url).port}`,
        '',
        isKept ? 'Ctrl-C ends it; everything is kept.' : 'Ctrl-C ends it; nothing is left behind.',
      ].join('\n'),
  }
}
