import type { Command } from 'commander'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples } from '../commandAction.ts'
import { proveMembership, verifyProof } from '../proof/proofActions.ts'

/** `spb proof`: what a node's CTP database holds, shown by a block's header. */
export function defineProof(command: Command, cli: Cli): void {
  command
    .argument('<ctp>', 'its number at the node, or its id')
    .description(
      'Proves that the node’s database holds a CTP, or that it does not: the path to a root that ' +
        'a block’s header names. With --json it prints the document that “verify” reads.',
    )
    .option('--out <file>', 'write the proof down')
    .option('--wait <span>', 'how long to wait for a header that names the root', '30s')
    .action(actionOf(cli, proveMembership))
  addExamples(command, 'spb proof 17', 'spb proof 17 --out proof.json')
  addExamples(
    command
      .command('verify <file>')
      .description(
        'Verifies a proof: without --chain its path only; with it also that the chain has the ' +
          'block, that its header names the root, and who made it. It needs neither a node nor a ' +
          'data folder.',
      )
      .action(actionOf(cli, verifyProof)),
    'spb proof verify proof.json --chain http://127.0.0.1:8545',
  )
}
