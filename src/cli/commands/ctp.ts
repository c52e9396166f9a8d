import { join } from 'node:path'
import type { Command } from 'commander'
import { parseAmount, parseDuration, parseEnergy } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import type { CtpView } from '../../protocol/views.ts'
import { type CtpOrder, placeCtp } from '../../sdk/prepareCtp.ts'
import { chooseAccountName, lockAccount, openAccount, resolveAddress } from '../accountFolder.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { openFileJournal } from '../fileJournal.ts'
import { formatFacts } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, formatExactAmount } from '../formatUnits.ts'
import { openHouseholdMeter } from '../meter/householdMeter.ts'
import type { MeterBrief } from '../meter/meterCalls.ts'
import { chooseMeterName } from '../meterFolder.ts'
import { type NodeAccess, openNode, readChainTime, requireMarket } from '../nodeAccess.ts'
import { parseOfferId } from '../parseKeys.ts'
import { addPasswordOption, type PasswordOptions } from '../password.ts'

type CtpOptions = PasswordOptions & {
  offer?: string
  expiry: string
  account?: string
  meter?: string
}

const fewKeys = 10

/** The order as typed; its expiry counts from block time. Throws `input/*`, `account/unknown`. */
async function readOrder(
  call: Call<CtpOptions>,
  access: NodeAccess,
  [producer, amount, energy]: readonly [string, string, string],
): Promise<CtpOrder> {
  const { offer, expiry } = call.options
  const span = parseDuration(expiry)
  const order = {
    amountWei: parseAmount(amount),
    energyWh: parseEnergy(energy),
    producer: resolveAddress(access.folder, producer),
    ...(offer === undefined ? {} : { offerId: parseOfferId(offer) }),
  }
  return { ...order, expirySeconds: seconds((await readChainTime(call, access)) + span) }
}

type Outcome = { view: CtpView; isRepeat: boolean; brief: MeterBrief; meterName: string }

function describeOutcome(cli: Cli, outcome: Outcome): CommandResult {
  const { view, isRepeat, brief, meterName } = outcome
  const { keysLeft, isMeasuring } = brief
  const { ctp, number, state, freeAtSeconds } = view
  const nowMs = cli.nowMs()
  const isHeld = state !== 'proposed'
  const facts: [string, string][] = [
    ['id', view.ctpId],
    ['held', isHeld ? `${formatAmount(ctp.amountWei)} for ${formatEnergy(ctp.energyWh)}` : 'no'],
    ['offer', ctp.offerId.toString()],
    ['expiry', formatTime(ctp.expirySeconds, nowMs)],
    ['free', `${formatTime(freeAtSeconds, nowMs)}, if nothing is receipted`],
  ]
  return {
    json: { ...view, isRepeat, meter: meterName, meterKeysLeft: keysLeft },
    text: (palette) =>
      [
        `${palette.bold(`CTP ${number}`)} is ${palette.green(state)}.`,
        ...(isRepeat ? ['It was signed earlier, and is sent again: nothing is held twice.'] : []),
        formatFacts(facts, palette),
        ...(keysLeft < fewKeys
          ? [palette.yellow(`The meter has ${keysLeft} keys left: spb meter renew ${meterName}`)]
          : []),
        isMeasuring
          ? `Meter ${meterName} receipts what it measures: spb meter run ${meterName}`
          : `When energy came: spb erc ${number} ${ctp.energyWh}`,
      ].join('\n'),
  }
}

/** Refusals that name sums, in the units that a person typed. */
function explainRefusal(error: unknown, order: CtpOrder): unknown {
  if (!(error instanceof SpbError)) return error
  const { code, meta, cause } = error
  const { priceWei, freeWei, amountWei, offerId } = meta
  if (code === 'offer/wrong-price' && typeof priceWei === 'string') {
    const asked = `${formatExactAmount(BigInt(priceWei))} for ${formatEnergy(order.energyWh)}`
    return new SpbError(code, `Offer ${offerId} asks ${asked}.`, {
      hint: 'Pay just that, or more where the offer is negotiable: spb offers.',
      ...{ meta, cause },
    })
  }
  if (code === 'ctp/insufficient-balance' && typeof freeWei === 'string') {
    const needed = typeof amountWei === 'string' ? `, not ${formatAmount(BigInt(amountWei))}` : ''
    const message = `${formatAmount(BigInt(freeWei))} of the account are free${needed}.`
    return new SpbError(code, message, { meta, cause })
  }
  return error
}

async function commit(call: Call<CtpOptions>, ...words: readonly string[]): Promise<CommandResult> {
  const { cli, options } = call
  const access = openNode(call)
  const { folder, node } = access
  const order = await readOrder(call, access, words as [string, string, string])
  const name = chooseAccountName(cli, folder, { named: options.account, other: order.producer })
  const meterName = chooseMeterName(folder, options.meter, name)
  const { privateKey } = await openAccount(cli, folder, name, options)
  const market = await requireMarket(access)
  const lock = lockAccount(folder, name)
  try {
    const meter = await openHouseholdMeter(folder, meterName)
    try {
      const journal = openFileJournal(join(folder.accounts, `${name}.journal.json`))
      const household = { client: node, privateKey, meter, journal, market }
      const { view, isRepeat, consumer } = await placeCtp(household, order).catch((error) => {
        throw explainRefusal(error, order)
      })
      const brief = await meter.describe(order.expirySeconds, consumer)
      return describeOutcome(cli, { view, isRepeat, brief, meterName })
    } finally {
      meter.close()
    }
  } finally {
    lock.release()
  }
}

/** `spb ctp`: the paper's Commit To Pay. */
export function defineCtp(command: Command, cli: Cli): void {
  addPasswordOption(command)
    .argument('<producer>', 'who sells: the name of one of your accounts, or an address')
    .argument('<amount>', 'what to pay: the offer’s price for the energy, or more if negotiable')
    .argument('<energy>', 'how much to buy')
    .description(
      'Commits to pay for energy: your meter says that a receipt can come, you sign, and the ' +
        'committee puts the money on hold. Prints the CTP’s number, which spb erc takes.',
    )
    .option('--offer <id>', 'buy from this offer (default: the cheapest one that matches)')
    .option('--expiry <span>', 'how long the producer has to deliver', '15m')
    .option('--account <name>', 'the account that pays (default: SPB_ACCOUNT, or the only one)')
    .option('--meter <name>', 'the meter (default: of the account’s name, or the only one)')
    .action(actionOf(cli, commit))
  addExamples(
    command,
    'spb ctp bob 0.0003 1500',
    'spb ctp 0x52908400098527886e0f7030069857d2e4169ee7 0.0003 1.5kWh --offer 4 --expiry 1h',
  )
}
