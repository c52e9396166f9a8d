import { type Command, Option } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { listIssued } from '../manufacturer/listIssued.ts'
import { initManufacturer, issueCertificate } from '../manufacturer/manufacturerActions.ts'

/** `spb manufacturer`: who vouches for meters that leave the factory. */
export function defineManufacturer(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('init')
      .description('Makes the manufacturer’s key where there is none, and shows its address.')
      .action(actionOf(cli, initManufacturer)),
    'spb manufacturer init',
  )
  addExamples(
    command
      .command('issue <meter>')
      .description(
        'Certifies a meter, by its identity’s address, or by the name of one of the data ' +
          'folder’s, which gets the certificate at once.',
      )
      .requiredOption('--model <text>', 'its model: at most 31 bytes')
      .addOption(new Option('--until <date>', 'its end: a date or time (UTC)').conflicts('for'))
      .option('--for <span>', 'its end, from now (default: 3650d)')
      .option('--out <file>', 'where to write the certificate (default: METER.cert.json)')
      .action(actionOf(cli, issueCertificate)),
    'spb manufacturer issue 0x52908400098527886e0f7030069857d2e4169ee7 --model S1 --for 3650d',
    'spb manufacturer issue alice --model S1 --until 2035-12-31',
  )
  addExamples(
    command
      .command('list')
      .description('Lists the certificates it issued, and whether the market trusts it.')
      .action(actionOf(cli, listIssued)),
    'spb manufacturer list',
  )
}
