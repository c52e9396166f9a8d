import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { addOffer, certifyProducer, openEnergy } from '../energy/energyActions.ts'
import { addPasswordOption } from '../password.ts'

/** `spb energy`: a producer's energy account, and offers from it. */
export function defineEnergy(command: Command, cli: Cli): void {
  addExamples(
    addPasswordOption(
      command
        .command('open <name>')
        .description(
          'Opens an energy account: burns the market’s minimum, or shows an authority’s ' +
            'certificate.',
        )
        .option('--certificate <file>', 'certificate made by: spb energy certify'),
    ).action(actionOf(cli, openEnergy)),
    'spb energy open bob',
    'spb energy open bob --certificate bob.cert.json',
  )
  addExamples(
    command
      .command('certify <account>')
      .description('As the data folder’s development authority: admits a producer.')
      .requiredOption('--out <file>', 'where to write the certificate')
      .option('--valid <span>', 'for how long it can be used', '365d')
      .action(actionOf(cli, certifyProducer)),
    'spb energy certify bob --out bob.cert.json',
  )
  addExamples(
    addPasswordOption(
      command
        .command('add <name> <energy>')
        .description('Offers energy for sale.')
        .requiredOption('--price <amount>', 'ether a kWh; the lowest where it is negotiable')
        .option('--negotiable', 'a buyer may pay more')
        .option('--until <span>', 'for how long', '1d'),
    ).action(actionOf(cli, addOffer)),
    'spb energy add bob 10kWh --price 0.0002',
    'spb energy add bob 1500 --price 0.0002 --negotiable --until 2h',
  )
}
