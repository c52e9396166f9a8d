import type { Command } from 'commander'
import { nameAddresses } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatFacts } from '../formatTable.ts'
import { openNode } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'
import { explainTrade, listTradeFacts, paintState } from '../trade/describeTrade.ts'

async function showTrade(call: Call<object>, text: string): Promise<CommandResult> {
  const key = parseCtpKey(text)
  const { folder, node } = openNode(call)
  const [dossier, { options }] = await Promise.all([node.ctp(key), node.market()])
  const names = nameAddresses(folder)
  const nowMs = call.cli.nowMs()
  const why = explainTrade(dossier, options, nowMs)
  return {
    json: { ...dossier, why: why.join(' ') },
    text: (palette) =>
      [
        `${palette.bold(`CTP ${dossier.number}`)}: ${paintState(dossier.state, palette)}`,
        ...why,
        '',
        formatFacts(
          listTradeFacts(dossier, (address) => names.get(address) ?? address, nowMs),
          palette,
        ),
      ].join('\n'),
  }
}

/** `spb trade`: what became of one trade, and why. */
export function defineTrade(command: Command, cli: Cli): void {
  command
    .argument('<ctp>', 'the CTP’s number or id')
    .description('Shows what became of a trade, and why it is red.')
    .action(actionOf(cli, showTrade))
  addExamples(command, 'spb trade 17')
}
