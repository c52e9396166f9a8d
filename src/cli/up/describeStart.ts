import { relative } from 'node:path'
import type { Cli } from '../cli.ts'
import type { CommandResult } from '../commandResult.ts'
import type { DataFolder } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { nodeKeyPath } from '../nodeKeys.ts'
import { nodeLogPath } from './nodeLog.ts'
import type { StartedNode } from './startNode.ts'

function describeVoting({ status }: StartedNode): string {
  if (status.member === undefined) {
    return `${status.memberAddress}, not in the committee: it keeps the ledger but does not vote`
  }
  return `${status.memberAddress}, member ${status.member + 1} of ${status.committee.length}`
}

/** What to type in another terminal, in the order of a first trade. */
function listNextSteps({ isEmbedded, isNewMarket }: StartedNode): string[] {
  if (!isNewMarket) return ['spb offers', 'spb trades', 'spb account list']
  return [
    'spb account new alice',
    ...(isEmbedded ? ['spb account fund alice 10'] : []),
    'spb account deposit alice 5',
    'spb meter new alice',
    'spb --help',
  ]
}

/** What runs and what to type next: the one document or text of `spb up`. */
export function describeStart(cli: Cli, folder: DataFolder, started: StartedNode): CommandResult {
  const { endpoint, facts, isNewMarket, isEmbedded, isAdopted, status } = started
  const shown = (path: string) => {
    const short = relative(cli.cwd, path)
    return short.startsWith('..') ? path : short
  }
  const keyPath = nodeKeyPath(folder, 'member')
  const chainKind = isAdopted ? 'embedded, was left running' : 'embedded'
  return {
    json: {
      ...endpoint,
      ...{ dataFolder: folder.path, isNewMarket, isEmbedded, isAdopted },
      ...{ memberAddress: status.memberAddress, member: status.member ?? null },
      ...{ deploymentBlock: facts.deploymentBlock, memberKeyFile: keyPath },
      log: nodeLogPath(folder),
    },
    text: (palette) =>
      [
        palette.bold(`The node answers at ${endpoint.url}`),
        formatFacts(
          [
            [
              'chain',
              `${endpoint.rpcUrl} (${isEmbedded ? chainKind : 'given'}, id ${facts.chainId})`,
            ],
            ['market', `${facts.address}${isNewMarket ? ' (new)' : ''}`],
            ['member', describeVoting(started)],
            ['key', `${shown(keyPath)}, unencrypted for you alone: a node starts by itself`],
            ['log', shown(nodeLogPath(folder))],
          ],
          palette,
        ),
        '',
        'Next, in another terminal:',
        ...listNextSteps(started).map((step) => `  ${step}`),
        '',
        'Ctrl-C ends it; everything is kept.',
      ].join('\n'),
  }
}
