import type { Command } from 'commander'
import {
  createAccount,
  fundAccount,
  importAccount,
  listAccounts,
  showAccount,
} from '../account/accountActions.ts'
import { depositMoney, withdrawMoney } from '../account/moneyActions.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { addPasswordOption } from '../password.ts'

/** `spb account`: keys of households, and their money in the market. */
export function defineAccount(command: Command, cli: Cli): void {
  addExamples(
    addPasswordOption(
      command
        .command('new <name>')
        .description('Makes an account: a fresh key in an encrypted keystore.'),
    ).action(actionOf(cli, createAccount)),
    'spb account new alice',
  )
  addExamples(
    addPasswordOption(
      command
        .command('import <name>')
        .description('Imports a private key, or a keystore of another wallet.')
        .requiredOption('--file <file>', 'keystore (JSON), or 0x and 64 hexadecimal digits')
        .option('--file-password-file <file>', 'password of the imported keystore, if it differs'),
    ).action(actionOf(cli, importAccount)),
    'spb account import alice --file UTC--2024-05-01.json',
  )
  addExamples(
    command
      .command('show [account]')
      .description('Shows an account: its balance, and what holds it. By name or address.')
      .action(actionOf(cli, showAccount)),
    'spb account show alice',
  )
  addExamples(
    command
      .command('list')
      .description('Lists the accounts of the data folder.')
      .action(actionOf(cli, listAccounts)),
    'spb account list',
  )
  addExamples(
    addPasswordOption(
      command
        .command('deposit <name> <amount>')
        .description('Pays ether from the account’s address into its account in the market.'),
    ).action(actionOf(cli, depositMoney)),
    'spb account deposit alice 5',
  )
  addExamples(
    addPasswordOption(
      command
        .command('withdraw <name> [amount]')
        .description(
          'Requests a withdrawal of so much in all, and pays it out later with --finish.\n' +
            'Until then it stays in the balance, where it still pays for what is held.',
        )
        .option('--cancel', 'take the request back')
        .option('--finish', 'pay out what was requested, when the delay has passed')
        .option('--payout <address>', 'fix, once and for all, where withdrawals go'),
    ).action(actionOf(cli, withdrawMoney)),
    'spb account withdraw alice 2',
    'spb account withdraw alice --finish',
  )
  addExamples(
    command
      .command('fund <name> <amount>')
      .description('Gives an account test ether; on the embedded chain or a devnet only.')
      .action(actionOf(cli, fundAccount)),
    'spb account fund alice 10',
  )
}
