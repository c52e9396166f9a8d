import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { addPasswordOption } from '../password.ts'
import { declineTrade } from '../producer/tradeActions.ts'

/** `spb decline`: a producer gives a CTP back. */
export function defineDecline(command: Command, cli: Cli): void {
  addPasswordOption(command)
    .argument('[ctp]', 'the CTP’s number or id')
    .description(
      'As its producer, gives a CTP back: nobody is paid, and the consumer’s money is free as ' +
        'soon as that is confirmed, before expiry and grace. No node is needed.',
    )
    .option('--file <file>', 'the CTP’s proof, as spb receipt export writes it')
    .option('--account <name>', 'the producer’s account (default: yours of his address)')
    .option('--force', 'even though energy was receipted')
    .action(actionOf(cli, declineTrade))
  addExamples(command, 'spb decline 17', 'spb decline --file receipt-17.json')
}
