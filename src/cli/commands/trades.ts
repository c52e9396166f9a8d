import { type Command, Option } from 'commander'
import { ctpStates } from '../../protocol/viewCodecs.ts'
import type { CtpState } from '../../protocol/views.ts'
import { nameAddresses, resolveAddress } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, shortenHex } from '../formatUnits.ts'
import { openNode } from '../nodeAccess.ts'
import { addLimitOption, type LimitOptions } from '../numberOptions.ts'
import { paintState } from '../trade/describeTrade.ts'

type TradesOptions = LimitOptions & { account?: string; state?: CtpState }

const columns = [
  { head: 'CTP', align: 'right' },
  { head: 'state' },
  { head: 'consumer' },
  { head: 'producer' },
  { head: 'energy', align: 'right' },
  { head: 'receipted', align: 'right' },
  { head: 'amount', align: 'right' },
  { head: 'expiry' },
] as const

async function listTrades(call: Call<TradesOptions>): Promise<CommandResult> {
  const { cli, options } = call
  const { folder, node } = openNode(call)
  const { account, state, limit } = options
  const ctps = await node.ctps({
    limit,
    ...(account === undefined ? {} : { account: resolveAddress(folder, account) }),
    ...(state === undefined ? {} : { state }),
  })
  const names = nameAddresses(folder)
  const nameOf = (address: `0x${string}`) => names.get(address) ?? shortenHex(address)
  return {
    json: ctps,
    text: (palette) => {
      const rows = ctps.map((view) => [
        ...[String(view.number), paintState(view.state, palette)],
        ...[nameOf(view.consumer), nameOf(view.ctp.producer)],
        ...[formatEnergy(view.ctp.energyWh), formatEnergy(view.deliveredWh)],
        ...[formatAmount(view.ctp.amountWei), formatTime(view.ctp.expirySeconds, cli.nowMs())],
      ])
      if (rows.length === 0) return 'No trades. Buy some energy: spb ctp PRODUCER AMOUNT ENERGY'
      return formatTable(columns, rows, palette)
    },
  }
}

/** `spb trades`: CTPs, newest first. */
export function defineTrades(command: Command, cli: Cli): void {
  command
    .description('Lists trades, newest first.')
    .option('--account <account>', 'only of this consumer or producer, by name or address')
    .addOption(new Option('--state <state>', 'only of this state').choices(ctpStates))
    .action(actionOf(cli, listTrades))
  addLimitOption(command)
  addExamples(command, 'spb trades', 'spb trades --account alice --state held')
}
