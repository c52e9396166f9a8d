import type { Command } from 'commander'
import { SpbError } from '../../protocol/spbError.ts'
import { viewLimits } from '../../protocol/viewCodecs.ts'
import { withdrawOffer } from '../../sdk/marketContract.ts'
import { nameAddresses, openAccount } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { openMarketClient } from '../marketAccess.ts'
import { openNode, waitUntilCounted } from '../nodeAccess.ts'
import { parseOfferId } from '../parseKeys.ts'
import { addPasswordOption, type PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'

async function takeBack(call: Call<PasswordOptions>, id: string): Promise<CommandResult> {
  const offerId = parseOfferId(id)
  const access = openNode(call)
  const { folder, node } = access
  const offers = await node.offers({ isClosedIncluded: true, limit: viewLimits.pageItems })
  const offer = offers.find((each) => each.offerId === offerId)
  if (offer === undefined) throw new SpbError('offer/unknown', `There is no offer ${offerId}.`)
  if (!offer.isOpen) throw new SpbError('offer/closed', `Offer ${offerId} is closed already.`)
  const name = nameAddresses(folder).get(offer.producer)
  if (name === undefined) {
    throw new SpbError('offer/wrong-producer', `Offer ${offerId} is not of an account of yours.`)
  }
  const account = await openAccount(call.cli, folder, name, call.options)
  const market = await openMarketClient(call, access, account)
  const receipt = await withdrawOffer(market, offerId)
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const sentence = `Offer ${offerId} is closed. What was promised before stays payable.`
  return describeTransaction(sentence, receipt, { offerId, isCounted })
}

/** `spb offer withdraw`: closes an offer of one's own. */
export function defineOffer(command: Command, cli: Cli): void {
  addExamples(
    addPasswordOption(
      command.command('withdraw <id>').description('Closes an offer of one of your accounts.'),
    ).action(actionOf(cli, takeBack)),
    'spb offer withdraw 3',
  )
}
