import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { exportReceipt, verifyReceipt } from '../receipt/receiptActions.ts'

/** `spb receipt`: files that prove a trade to anyone. */
export function defineReceipt(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('export <ctp>')
      .description(
        'Writes all that proves a trade into one file: the CTP, its hold certificate, the ' +
          'meter’s evidence, its receipt, and the settlement.',
      )
      .option('--out <file>', 'where to write it (default: receipt-NUMBER.json)')
      .option('--force', 'replace the file if there is one')
      .action(actionOf(cli, exportReceipt)),
    'spb receipt export 17',
    'spb receipt export 17 --out june.json --force',
  )
  addExamples(
    command
      .command('verify <file>')
      .description(
        'Verifies a receipt. Without --chain its signatures only; with it also who the members ' +
          'were, whom the market trusted, and that exactly the receipted energy was paid. It ' +
          'needs neither a node nor a data folder.',
      )
      .option('--market <address>', 'the market that it must be of: anyone can make another one')
      .action(actionOf(cli, verifyReceipt)),
    'spb receipt verify receipt-17.json',
    'spb receipt verify receipt-17.json --chain http://127.0.0.1:8545 --market ' +
      '0x52908400098527886e0f7030069857d2e4169ee7',
  )
}
