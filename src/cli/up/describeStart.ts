import { relative } from 'node:path'
import type { Cli } from '../cli.ts'
import type { CommandResult } from '../commandResult.ts'
import { type DataFolder, dataOptionOf } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { nodeKeyPath } from '../nodeKeys.ts'
import { nodeLogPath } from './nodeLog.ts'
import type { StartedNode } from './startNode.ts'

function describeVoting({ status }: StartedNode): string {
  if (status.member === undefined) {
    return `${status.memberAddress}, not in the committee: it keeps the ledger but does not vote`
  }
  const { length } = status.committee
  const place = length === 1 ? 'alone in the committee' : `member ${status.member} of ${length}`
  return `${status.memberAddress}, ${place}`
}

/** Where others reach the node, and how to join it; nothing where it is alone. */
function describeNetwork({ status, facts }: StartedNode): [string, string][] {
  const { networkAddresses, committee } = status
  if (networkAddresses === undefined) {
    return committee.length < 2
      ? []
      : [['network', 'none: add --listen and --peer, or it is alone']]
  }
  const [first] = networkAddresses
  if (first === undefined) return [['network', 'reaches others, and is reached by none']]
  const join = `spb up --chain URL --market ${facts.address} --peer ${first}`
  return [
    ['network', networkAddresses.join(', ')],
    ['others join', join],
  ]
}

/** What to type in another terminal, in the order of a first trade. */
function listNextSteps({ isEmbedded, isNewMarket }: StartedNode, dataOption: string): string[] {
  const fund = (name: string, amount: number) =>
    isEmbedded ? [`account fund ${name} ${amount}`] : []
  const steps = isNewMarket
    ? [
        ...['account new bob', ...fund('bob', 1)],
        ...['energy open bob', 'energy add bob 10kWh --price 0.0002'],
        ...['account new alice', ...fund('alice', 10)],
        ...['account deposit alice 5', 'meter new alice'],
        ...['ctp bob 0.0003 1500', 'erc 1 1500', 'trade 1'],
      ]
    : ['offers', 'trades', 'account list']
  return steps.map((step) => `spb ${step}${dataOption}`)
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
      ...{ log: nodeLogPath(folder), networkAddresses: status.networkAddresses ?? [] },
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
            ...describeNetwork(started),
            ['key', `${shown(keyPath)}, unencrypted for you alone: a node starts by itself`],
            ['log', shown(nodeLogPath(folder))],
          ],
          palette,
        ),
        '',
        'Next, in another terminal:',
        ...listNextSteps(started, dataOptionOf(cli, folder)).map((step) => `  ${step}`),
        '',
        'Ctrl-C ends it; everything is kept.',
      ].join('\n'),
  }
}
