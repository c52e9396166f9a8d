import type { Address } from '../../protocol/bytes.ts'
import { nameAddresses } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { type CommandResult, encodeJson } from '../commandResult.ts'
import type { DataFolder } from '../dataFolder.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, shortenHex } from '../formatUnits.ts'
import { createPalette } from '../palette.ts'
import { formatTrades, nameOfTrade, type WatchedTrade } from './describeTrades.ts'
import { createLiveScreen } from './liveScreen.ts'

/** What a watch knows at one moment. */
export type WatchSnapshot = {
  producer: Address
  nowSeconds: number
  /** Which of the two answer. */
  node: boolean
  chain: boolean
  trades: WatchedTrade[]
}

/** Where a watch goes on telling. */
export type WatchOutput = { tell(snapshot: WatchSnapshot): void }

type Naming = (address: Address) => string

function namingOf(folder: DataFolder): Naming {
  const names = nameAddresses(folder)
  return (address) => names.get(address) ?? shortenHex(address)
}

function describeReach({ node, chain }: WatchSnapshot): string[] {
  return [
    ...(node ? [] : ['The node does not answer: what is kept can still be settled by proof.']),
    ...(chain ? [] : ['The chain does not answer: certificates cannot be checked.']),
  ]
}

/** One look at the trades: a document, or the table. */
export function describeSnapshot(folder: DataFolder, snapshot: WatchSnapshot): CommandResult {
  return {
    json: snapshot,
    text: (palette) =>
      [
        ...describeReach(snapshot).map((line) => palette.yellow(line)),
        formatTrades(snapshot.trades, namingOf(folder), palette, snapshot.nowSeconds * 1000),
      ].join('\n'),
  }
}

/** What must differ for a trade to be told again: times go by of themselves. */
const newsOf = ({ state, receiptedWh, certificate, meter, advice }: WatchedTrade): string =>
  [state, receiptedWh, certificate.verdict, meter.verdict, advice.kind].join()

/** Calls back with what changed since the last snapshot. */
function followChanges(
  onReach: (snapshot: WatchSnapshot) => void,
  onTrade: (trade: WatchedTrade, snapshot: WatchSnapshot) => void,
): WatchOutput {
  const told = new Map<string, string>()
  let reach = ''
  return {
    tell(snapshot) {
      const { node, chain, trades } = snapshot
      if (reach !== `${node} ${chain}`) onReach(snapshot)
      reach = `${node} ${chain}`
      for (const trade of trades) {
        if (told.get(trade.ctpId) === newsOf(trade)) continue
        told.set(trade.ctpId, newsOf(trade))
        onTrade(trade, snapshot)
      }
      const inSight = new Set<string>(trades.map(({ ctpId }) => ctpId))
      for (const ctpId of told.keys()) if (!inSight.has(ctpId)) told.delete(ctpId)
    },
  }
}

/** One JSON document a line: `reach` where node or chain come or go, `trade` where one changes. */
function createJsonLines(cli: Cli): WatchOutput {
  const write = (value: unknown) => void cli.stdout.write(encodeJson(value, 0))
  return followChanges(
    ({ node, chain, nowSeconds }) => write({ kind: 'reach', node, chain, nowSeconds }),
    (trade, { nowSeconds }) => write({ kind: 'trade', nowSeconds, trade }),
  )
}

function createTextLines(cli: Cli, folder: DataFolder): WatchOutput {
  const nameOf = namingOf(folder)
  const say = (line: string) => void cli.stdout.write(`${line}\n`)
  return followChanges(
    (snapshot) => {
      const lines = describeReach(snapshot)
      say(lines.length === 0 ? 'Node and chain answer.' : lines.join('\n'))
    },
    (trade, { nowSeconds }) => {
      const { energyWh, receiptedWh, consumer, expirySeconds, amountWei, advice } = trade
      const nowMs = nowSeconds * 1000
      say(
        `CTP ${nameOfTrade(trade)}, ${formatEnergy(energyWh)} for ${formatAmount(amountWei)} to ` +
          `${consumer === null ? '?' : nameOf(consumer)} until ` +
          `${formatTime(expirySeconds, nowMs)}, ${formatEnergy(receiptedWh)} receipted: ` +
          advice.text,
      )
    },
  )
}

function createScreenOutput(cli: Cli, folder: DataFolder): WatchOutput {
  const screen = createLiveScreen(cli.stdout)
  const palette = createPalette(cli.stdout, cli.env)
  return { tell: (snapshot) => screen.show(describeSnapshot(folder, snapshot).text(palette)) }
}

/** On a terminal a table that is kept up to date; in a pipe lines where something changes. */
export function createWatchOutput(cli: Cli, folder: DataFolder, isJson: boolean): WatchOutput {
  if (isJson) return createJsonLines(cli)
  return cli.stdout.isTTY === true ? createScreenOutput(cli, folder) : createTextLines(cli, folder)
}
