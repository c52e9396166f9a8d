import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { addExamples, type GlobalOptions } from '../commandAction.ts'
import { watchProducer } from '../producer/watchProducer.ts'

type WatchOptions = GlobalOptions & { account?: string; once?: true }

/** `spb producer`: what a producer must know. */
export function defineProducer(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('watch')
      .description(
        'Shows each live CTP to a producer, and whether to send energy for it: the certificate ' +
          'and the meter, checked by the command itself against the chain; receipts, and how far ' +
          'they lag; when to settle by proof. It keeps the newest proof of each, with which he ' +
          'is paid though every node has stopped. Ctrl-C ends it.',
      )
      .option('--account <account>', 'the producer, by name or address (default: the only one)')
      .option('--once', 'look once, and end')
      .action((_options: object, self: Command) =>
        watchProducer({ cli, options: self.optsWithGlobals<WatchOptions>() }),
      ),
    'spb producer watch',
    'spb producer watch --account bob --once --json',
  )
}
