import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { addPasswordOption } from '../password.ts'
import { settleTrade } from '../producer/tradeActions.ts'

/** `spb settle`: the proof path. */
export function defineSettle(command: Command, cli: Cli): void {
  addPasswordOption(command)
    .description(
      'Has a trade paid by its proof: hold certificate and receipt go to the contract, and no ' +
        'node is needed. All of the energy: at once, by anybody. Less: by its producer, from the ' +
        'expiry on. Both until the market’s grace has passed.',
    )
    .option('--proof <ctp>', 'the CTP’s number or id: its proof is the node’s, or a kept one')
    .option('--file <file>', 'the proof, as spb receipt export writes it')
    .option('--account <name>', 'the account that sends it (default: the producer’s)')
    .action(actionOf(cli, settleTrade))
  addExamples(
    command,
    'spb settle --proof 17',
    'spb settle --file receipt-17.json --chain http://127.0.0.1:8545',
  )
}
