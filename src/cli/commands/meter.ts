import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { listMeters, newMeter, renewMeter, showMeter } from '../meter/meterActions.ts'

/** `spb meter`: smart meters in software, made by the data folder's development manufacturer. */
export function defineMeter(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('new <name>')
      .description(
        'Makes a meter, and has another one, chosen at random, witness its one-time keys.',
      )
      .action(actionOf(cli, newMeter)),
    'spb meter new alice',
  )
  addExamples(
    command
      .command('show [name]')
      .description('Shows a meter: its keys, and for how long they are vouched for.')
      .action(actionOf(cli, showMeter)),
    'spb meter show alice',
  )
  addExamples(
    command
      .command('list')
      .description('Lists the meters of the data folder.')
      .action(actionOf(cli, listMeters)),
    'spb meter list',
  )
  addExamples(
    command
      .command('renew [name]')
      .description('Has a fresh set of one-time keys witnessed.')
      .action(actionOf(cli, renewMeter)),
    'spb meter renew alice',
  )
}
