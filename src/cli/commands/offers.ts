import type { Command } from 'commander'
import { parseAmount, parseEnergy } from '../../protocol/parseText.ts'
import type { OfferFilter, OfferView } from '../../protocol/views.ts'
import { nameAddresses, resolveAddress } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import type { DataFolder } from '../dataFolder.ts'
import { formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import { openNode } from '../nodeAccess.ts'
import { addLimitOption, type LimitOptions } from '../numberOptions.ts'

type OffersOptions = LimitOptions & {
  producer?: string
  below?: string
  energy?: string
  all?: true
}

function filterOf(folder: DataFolder, options: OffersOptions): OfferFilter {
  const { producer, below, energy, all, limit } = options
  return {
    limit,
    ...(producer === undefined ? {} : { producer: resolveAddress(folder, producer) }),
    ...(below === undefined ? {} : { belowWeiPerKwh: parseAmount(below) }),
    ...(energy === undefined ? {} : { atLeastWh: parseEnergy(energy) }),
    ...(all ? { isClosedIncluded: true } : {}),
  }
}

const columns = [
  { head: 'offer', align: 'right' },
  { head: 'left', align: 'right' },
  { head: 'price a kWh', align: 'right' },
  { head: 'kind' },
  { head: 'until' },
  { head: 'producer' },
] as const

function kindOf({ isNegotiable, isOpen, leftWh }: OfferView): string {
  if (!isOpen) return 'closed'
  if (leftWh === 0) return 'sold out'
  return isNegotiable ? 'or more' : 'fixed'
}

async function listOffers(call: Call<OffersOptions>): Promise<CommandResult> {
  const { cli, options } = call
  const { folder, node } = openNode(call)
  const offers = await node.offers(filterOf(folder, options))
  const names = nameAddresses(folder)
  const rows = offers.map((offer) => [
    ...[offer.offerId.toString(), formatEnergy(offer.leftWh), formatAmount(offer.priceWeiPerKwh)],
    ...[kindOf(offer), formatTime(offer.untilSeconds, cli.nowMs())],
    names.get(offer.producer) ?? offer.producer,
  ])
  return {
    json: offers,
    text: (palette) =>
      rows.length === 0
        ? 'Nothing is for sale. Offer some: spb energy add NAME ENERGY --price AMOUNT'
        : formatTable(columns, rows, palette),
  }
}

/** `spb offers`: what is for sale, cheapest first. */
export function defineOffers(command: Command, cli: Cli): void {
  command
    .description('Lists what is for sale, cheapest first.')
    .option('--producer <account>', 'only of this producer, by name or address')
    .option('--below <price>', 'at most so much ether a kWh')
    .option('--energy <energy>', 'with so much left')
    .option('--all', 'closed and sold-out ones as well')
    .action(actionOf(cli, listOffers))
  addLimitOption(command)
  addExamples(command, 'spb offers', 'spb offers --producer bob --below 0.0003 --energy 2kWh')
}
