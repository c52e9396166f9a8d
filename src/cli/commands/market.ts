import { randomBytes } from 'node:crypto'
import type { Command } from 'commander'
import { deployMarket } from '../../adapters/chain/deployMarket.ts'
import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import type { MarketView } from '../../protocol/views.ts'
import { openAccount, resolveAddress } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { formatEnd } from '../formatEnd.ts'
import { formatFacts } from '../formatTable.ts'
import {
  addMarketTermOptions,
  describeMarketTerms,
  type MarketTermOptions,
  parseMarketTerms,
} from '../marketTerms.ts'
import { chainUrlOf, openNode } from '../nodeAccess.ts'
import { openNodeKey } from '../nodeKeys.ts'
import { addPasswordOption, type PasswordOptions } from '../password.ts'

type CreateOptions = PasswordOptions &
  MarketTermOptions & {
    account?: string
    member?: string[]
    authority?: string[]
    manufacturer?: string[]
  }

/** The addresses that were typed, else that of the folder's own key. */
function addressesOf(
  folder: DataFolder,
  typed: readonly string[] | undefined,
  own: 'member' | 'authority' | 'manufacturer',
): Address[] {
  if (typed !== undefined) return typed.map((text) => resolveAddress(folder, text))
  return [addressOf(openNodeKey(folder, own))]
}

async function createMarket(call: Call<CreateOptions>): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const url = chainUrlOf(call, folder)
  const terms = parseMarketTerms(options)
  const { account } = options
  const deployerKey =
    account === undefined
      ? openNodeKey(folder, 'member')
      : (await openAccount(cli, folder, account, options)).privateKey
  const members = addressesOf(folder, options.member, 'member')
  const authorities = addressesOf(folder, options.authority, 'authority')
  const manufacturers = addressesOf(folder, options.manufacturer, 'manufacturer')
  const facts = await deployMarket({
    ...{ url, members, authorities, manufacturers, options: terms },
    deployerKey: bytesToHex(deployerKey),
    salt: bytesToHex(randomBytes(32)),
  })
  return {
    json: { ...facts, members, authorities, manufacturers },
    text: (palette) =>
      [
        `${palette.bold('Market')} ${facts.address} on chain ${facts.chainId}`,
        formatFacts(describeMarketTerms(facts.options), palette),
        '',
        `Run a node for it: spb up --chain URL --market ${facts.address}`,
      ].join('\n'),
  }
}

async function showMarket(call: Call<object>): Promise<CommandResult> {
  const { node } = openNode(call)
  const market = await node.market()
  return {
    json: market,
    text: (palette) =>
      [
        `${palette.bold('Market')} ${market.address} on chain ${market.chainId}`,
        formatFacts(
          [
            ...describeMarketTerms(market.options),
            ['since block', String(market.deploymentBlock)],
            ...describeStanding(market, call.cli.nowMs()),
          ],
          palette,
        ),
      ].join('\n'),
  }
}

/** Whom a market trusts to vouch for meters, a line each. */
function describeStanding(market: MarketView, nowMs: number): [string, string][] {
  const { manufacturers, revokedMeters } = market
  const lines: [string, string][] = [
    ...manufacturers.map(({ manufacturer, endsSeconds }): [string, string] => {
      return ['manufacturer', `${manufacturer} ${formatEnd(endsSeconds, nowMs)}`]
    }),
    ...revokedMeters.map(({ meter, endsSeconds }): [string, string] => {
      return ['revoked meter', `${meter}, counts ${formatEnd(endsSeconds, nowMs)}`]
    }),
  ]
  return manufacturers.length > 0 ? lines : [['manufacturers', 'none'], ...lines]
}

/** `spb market`: deploys a market, or shows the node's. */
export function defineMarket(command: Command, cli: Cli): void {
  const create = command
    .command('create')
    .description('Deploys a market. Its terms can never be changed.')
    .option('--member <account...>', 'committee: 1, 4, 7, … (default: the folder’s own node)')
    .option('--authority <account...>', 'admit producers (default: the folder’s own authority)')
    .option('--manufacturer <account...>', 'make meters (default: the folder’s own manufacturer)')
    .option('--account <name>', 'the account that pays for it (default: the folder’s own node)')
    .action(actionOf(cli, createMarket))
  addExamples(
    addMarketTermOptions(addPasswordOption(create)),
    'spb market create --chain http://127.0.0.1:8545 --account alice',
  )
  addExamples(
    command
      .command('show')
      .description('Shows the node’s market: address, terms, whose meters it trusts.')
      .action(actionOf(cli, showMarket)),
    'spb market show',
  )
}
