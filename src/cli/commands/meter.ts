import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { certifyMeter } from '../manufacturer/meterCertificate.ts'
import { type AuditOptions, auditOwnMeter } from '../meter/auditMeter.ts'
import { listMeters, newMeter, releaseCtp, renewMeter, showMeter } from '../meter/meterActions.ts'
import { type RunMeterOptions, runMeter } from '../meter/runMeter.ts'
import { wholeNumber } from '../numberOptions.ts'

function defineRun(command: Command, cli: Cli): void {
  command
    .description(
      'Runs a meter: turns the readings of a source into receipts, renews its keys in time, and ' +
        'witnesses for other meters. Ctrl-C ends it; nothing is lost.',
    )
    .option('--source <source>', 'where readings come from: csv:…, p1:…, sunspec:…, mqtt:…')
    .option('--once', 'end when a file was read to its end and its receipts are sent')
    .option('--send-every <span>', 'how often a growing delivery is receipted', '1m')
    .option('--stale <span>', 'without a reading for so long, the source is stale', '5m')
    .option('--longest-gap <span>', 'energy of a longer gap in readings is not receipted', '1h')
    .option(
      '--highest-power <watts>',
      'more than this cannot have come',
      wholeNumber(1, 100_000_000),
      100_000,
    )
    .option(
      '--register-step <wh>',
      'the register moves in steps of so many Wh: 1000 where it shows whole kWh',
      wholeNumber(1, 1_000_000),
      1,
    )
    .option('--no-witness', 'do not witness for other meters')
    .action((name: string | undefined, _options: object, self: Command) =>
      runMeter(cli, self.optsWithGlobals<RunMeterOptions>(), name),
    )
  addExamples(
    command,
    'spb meter run alice --source p1:/dev/ttyUSB0',
    'spb meter run alice --source "sunspec://192.168.1.20:502?unit=1"',
    'spb meter run alice --source "csv:day.csv?column=import&unit=kWh" --once',
  )
}

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
  defineRun(command.command('run [name]'), cli)
  addExamples(
    command
      .command('release <ctp>')
      .description('Says that no energy will come for a CTP: readings go to those that follow.')
      .option('--meter <name>', 'the meter (default: the one that the CTP is bound to)')
      .action(actionOf(cli, releaseCtp)),
    'spb meter release 17',
  )
  addExamples(
    command
      .command('renew [name]')
      .description('Has a fresh set of one-time keys witnessed.')
      .action(actionOf(cli, renewMeter)),
    'spb meter renew alice',
  )
  addExamples(
    command
      .command('audit [name]')
      .description('Counts what the meter showed of itself lately, and what of it can be linked.')
      .option('--days <number>', 'look back so many days', wholeNumber(1, 366), 30)
      .action(actionOf<AuditOptions>(cli, auditOwnMeter)),
    'spb meter audit alice --days 30',
  )
  addExamples(
    command
      .command('certificate <name> [file]')
      .description('Shows a meter’s certificate, or gives it the new one of a file.')
      .action(actionOf(cli, certifyMeter)),
    'spb meter certificate alice',
    'spb meter certificate alice new.cert.json',
  )
}
