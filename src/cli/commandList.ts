import type { Command } from 'commander'
import type { Cli } from './cli.ts'

/** Gives a command its arguments, options, examples and action. */
export type DefineCommand = (command: Command, cli: Cli) => void

/** A command as the list shows it; the rest is loaded when it is called. */
export type CommandEntry = {
  name: string
  alias?: string
  group: string
  summary: string
  load(): Promise<DefineCommand>
}

const running = 'Run:'
const household = 'A household:'
const trading = 'Trade:'
const operating = 'Operate:'

/** Every command, in the order of the help. */
export const commandList: readonly CommandEntry[] = [
  {
    name: 'demo',
    group: running,
    summary: 'see trades go: two scenarios, and a neighbourhood for a day',
    load: async () => (await import('./commands/demo.ts')).defineDemo,
  },
  {
    name: 'up',
    group: running,
    summary: 'run a node, with an embedded chain unless told otherwise',
    load: async () => (await import('./commands/up.ts')).defineUp,
  },
  {
    name: 'devnet',
    group: running,
    summary: 'run a whole committee with its Ethereum network on this machine',
    load: async () => (await import('./commands/devnet.ts')).defineDevnet,
  },
  {
    name: 'account',
    group: household,
    summary: 'accounts of households: keys, deposits, withdrawals',
    load: async () => (await import('./commands/account.ts')).defineAccount,
  },
  {
    name: 'energy',
    group: household,
    summary: 'a producer’s energy account, and offers from it',
    load: async () => (await import('./commands/energy.ts')).defineEnergy,
  },
  {
    name: 'meter',
    group: household,
    summary: 'smart meters in software',
    load: async () => (await import('./commands/meter.ts')).defineMeter,
  },
  {
    name: 'offers',
    group: trading,
    summary: 'what is for sale',
    load: async () => (await import('./commands/offers.ts')).defineOffers,
  },
  {
    name: 'offer',
    group: trading,
    summary: 'take an offer back',
    load: async () => (await import('./commands/offer.ts')).defineOffer,
  },
  {
    name: 'ctp',
    alias: 'CTP',
    group: trading,
    summary: 'commit to pay for energy: puts money on hold',
    load: async () => (await import('./commands/ctp.ts')).defineCtp,
  },
  {
    name: 'erc',
    alias: 'ERC',
    group: trading,
    summary: 'confirm, as the meter, that energy was received',
    load: async () => (await import('./commands/erc.ts')).defineErc,
  },
  {
    name: 'trades',
    group: trading,
    summary: 'trades, newest first',
    load: async () => (await import('./commands/trades.ts')).defineTrades,
  },
  {
    name: 'trade',
    group: trading,
    summary: 'what became of one trade, and why',
    load: async () => (await import('./commands/trade.ts')).defineTrade,
  },
  {
    name: 'receipt',
    group: trading,
    summary: 'a file that proves a trade to anyone',
    load: async () => (await import('./commands/receipt.ts')).defineReceipt,
  },
  {
    name: 'proof',
    group: trading,
    summary: 'prove by a block’s header that a CTP is live',
    load: async () => (await import('./commands/proof.ts')).defineProof,
  },
  {
    name: 'settle',
    group: trading,
    summary: 'be paid by proof, as the producer, without any node',
    load: async () => (await import('./commands/settle.ts')).defineSettle,
  },
  {
    name: 'decline',
    group: trading,
    summary: 'give a CTP back, as its producer',
    load: async () => (await import('./commands/decline.ts')).defineDecline,
  },
  {
    name: 'producer',
    group: trading,
    summary: 'what a producer must know while he sends energy',
    load: async () => (await import('./commands/producer.ts')).defineProducer,
  },
  {
    name: 'void',
    group: trading,
    summary: 'close a nonce that got stuck',
    load: async () => (await import('./commands/void.ts')).defineVoid,
  },
  {
    name: 'market',
    group: operating,
    summary: 'deploy a market, or show this one',
    load: async () => (await import('./commands/market.ts')).defineMarket,
  },
  {
    name: 'committee',
    group: operating,
    summary: 'the members, and what they decide',
    load: async () => (await import('./commands/committee.ts')).defineCommittee,
  },
  {
    name: 'manufacturer',
    group: operating,
    summary: 'certificates for meters that leave the factory',
    load: async () => (await import('./commands/manufacturer.ts')).defineManufacturer,
  },
  {
    name: 'node',
    group: operating,
    summary: 'how a node is',
    load: async () => (await import('./commands/node.ts')).defineNode,
  },
]
