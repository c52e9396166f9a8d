import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import {
  applyProposal,
  proposeAuthority,
  showCommittee,
  signProposal,
} from '../committee/committeeActions.ts'
import { addPasswordOption } from '../password.ts'

/** `spb committee`: the members, and what a quorum of them decides. */
export function defineCommittee(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('show')
      .description('Shows the members, the quorum, and the next governance sequence.')
      .action(actionOf(cli, showCommittee)),
    'spb committee show',
  )
  addExamples(
    command
      .command('propose <authority>')
      .description('Writes a proposal to trust an authority, whose certificates admit producers.')
      .requiredOption('--out <file>', 'where to write it')
      .option('--revoke', 'no longer trust it')
      .action(actionOf(cli, proposeAuthority)),
    'spb committee propose 0x52908400098527886e0f7030069857d2e4169ee7 --out trust.json',
  )
  addExamples(
    command
      .command('sign <file>')
      .description('Adds a member’s signature to a proposal.')
      .option('--key <file>', 'the member’s key file (default: of the data folder’s node)')
      .action(actionOf(cli, signProposal)),
    'spb committee sign trust.json',
  )
  addExamples(
    addPasswordOption(
      command
        .command('apply <file>')
        .description('Sends a proposal that a quorum signed.')
        .option('--account <name>', 'the account that pays (default: the data folder’s node)'),
    ).action(actionOf(cli, applyProposal)),
    'spb committee apply trust.json',
  )
}
