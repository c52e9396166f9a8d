import { join } from 'node:path'
import type { Command } from 'commander'
import { SpbError } from '../../protocol/spbError.ts'
import { addressOfAccount } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { openFileJournal } from '../fileJournal.ts'
import { openNode, requireMarket } from '../nodeAccess.ts'

async function voidNonce(
  call: Call<object>,
  ...[name, word]: readonly string[]
): Promise<CommandResult> {
  const nonce = /^\d{1,10}$/.test(word!) ? Number(word) : -1
  if (nonce < 0) throw new SpbError('input/number', 'A nonce is a whole number from 0.')
  const access = openNode(call)
  const { folder, node } = access
  const account = addressOfAccount(folder, name!)
  const market = await requireMarket(access)
  const journal = openFileJournal(join(folder.accounts, `${name}.journal.json`))
  const submission = await journal.load(market, account, nonce)
  if (submission === undefined) {
    throw new SpbError('ctp/unknown', `The journal of ${name} has no CTP of nonce ${nonce}.`)
  }
  const { ctp, consumerSignature } = submission
  const certificate = await node.voidNonce({ ctp, consumerSignature })
  return {
    json: certificate,
    text: () => `Nonce ${nonce} of ${name} is closed: no CTP can be live at it any more.`,
  }
}

/** `spb void`: closes a nonce at which a CTP got stuck. */
export function defineVoid(command: Command, cli: Cli): void {
  command
    .argument('<account>', 'the account’s name')
    .argument('<nonce>', 'the nonce, as spb account show tells the next one')
    .description(
      'Closes a nonce whose CTP was never certified, past its expiry and grace. spb ctp does so ' +
        'by itself where a nonce is in its way.',
    )
    .action(actionOf(cli, voidNonce))
  addExamples(command, 'spb void alice 3')
}
