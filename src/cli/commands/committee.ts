import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { applyProposal, showCommittee, signProposal } from '../committee/committeeActions.ts'
import { endEpoch } from '../committee/endEpoch.ts'
import {
  type OutOptions,
  proposeAuthority,
  proposeManufacturer,
  proposeMeterRevocation,
} from '../committee/proposeActions.ts'
import { proposeMembers } from '../committee/proposeMembers.ts'
import { addPasswordOption } from '../password.ts'

const outFlag = '--out <file>'
const outSays = 'where to write the proposal'
const endsFlag = '--ends <when>'

/** `spb committee propose`: one further word for each thing that governance decides. */
function definePropose(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('members <address...>')
      .description('Proposes the next committee, once a quorum of members ended the epoch.')
      .requiredOption(outFlag, outSays)
      .action(
        // One list of words comes, since there may be any number of them.
        actionOf<OutOptions>(cli, (call, ...words) => proposeMembers(call, words.flat())),
      ),
    'spb committee propose members 0x52908400098527886e0f7030069857d2e4169ee7 --out next.json',
  )
  addExamples(
    command
      .command('authority <account>')
      .description('Proposes to trust an authority, whose certificates admit producers.')
      .requiredOption(outFlag, outSays)
      .option('--revoke', 'no longer trust it')
      .action(actionOf(cli, proposeAuthority)),
    'spb committee propose authority 0x52908400098527886e0f7030069857d2e4169ee7 --out trust.json',
  )
  addExamples(
    command
      .command('manufacturer <address>')
      .description('Proposes to trust a manufacturer’s meters, or ends that trust.')
      .requiredOption(outFlag, outSays)
      .option(endsFlag, 'end of its standing: a date, or a span from now (default: never)')
      .action(actionOf(cli, proposeManufacturer)),
    'spb committee propose manufacturer 0x52908400098527886e0f7030069857d2e4169ee7 --out a.json',
    'spb committee propose manufacturer 0x52908400098527886e0f7030069857d2e4169ee7 ' +
      '--ends 2035-12-31 --out end.json',
  )
  addExamples(
    command
      .command('revoke-meter <meter>')
      .description('Proposes to trust a meter no longer, for example a stolen one.')
      .requiredOption(outFlag, outSays)
      .option(
        endsFlag,
        'from when: a date, a span from now, “never” to take it back (default: the soonest)',
      )
      .action(actionOf(cli, proposeMeterRevocation)),
    'spb committee propose revoke-meter 0x52908400098527886e0f7030069857d2e4169ee7 --out r.json',
  )
}

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
      .command('end')
      .description('Ends the epoch for this node’s member, which votes no more in it.')
      .action(actionOf(cli, endEpoch)),
    'spb committee end',
  )
  definePropose(
    command.command('propose').description('Writes a proposal, which a quorum of members signs.'),
    cli,
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
