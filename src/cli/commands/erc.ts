import type { Command } from 'commander'
import { parseEnergy } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import type { CtpView, ErcView } from '../../protocol/views.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import { handInReceipt } from '../meter/handInReceipt.ts'
import { openHouseholdMeter } from '../meter/householdMeter.ts'
import { findMeterName } from '../meterFolder.ts'
import { openNode } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'

type ErcOptions = { meter?: string }

/** Said before the meter signs; the node would refuse it as well. */
function requireOpen({ state, number }: CtpView): void {
  if (state === 'held' || state === 'receipted') return
  if (state === 'proposed') {
    throw new SpbError('erc/unknown-ctp', `CTP ${number} is not certified yet.`)
  }
  throw new SpbError('erc/closed', `CTP ${number} is ${state} already.`, {
    hint: `See what became of it: spb trade ${number}.`,
  })
}

function explain({ ctp, excessWh }: ErcView, nowMs: number): string[] {
  const { deliveredWh, paymentWei, settlesFromSeconds, number } = ctp
  const isFull = deliveredWh >= ctp.ctp.energyWh
  const receipted = `${formatEnergy(deliveredWh)} of ${formatEnergy(ctp.ctp.energyWh)}`
  return [
    isFull
      ? `It is complete: ${formatAmount(paymentWei)} settle with the node’s next batch.`
      : `${receipted} so far. Receipts are cumulative: send the whole energy again when more came.`,
    ...(isFull
      ? []
      : [
          `If no more comes, ${formatAmount(paymentWei)} settle at ` +
            `${formatTime(settlesFromSeconds, nowMs)}, past the expiry.`,
        ]),
    ...(excessWh > 0
      ? [`${formatEnergy(excessWh)} came beyond what was committed: they are not paid.`]
      : []),
    `Watch it: spb trade ${number}`,
  ]
}

/** What a person has to do before the meter takes the next CTP. */
const explainShortage = (shortage: SpbError | undefined): string[] =>
  shortage === undefined
    ? []
    : [`${shortage.message} Until then the meter takes no further CTP. ${shortage.hint}`]

async function confirm(
  call: Call<ErcOptions>,
  ...[text, energy]: readonly string[]
): Promise<CommandResult> {
  const { cli, options } = call
  const key = parseCtpKey(text!)
  const deliveredWh = parseEnergy(energy!)
  const access = openNode(call)
  const { folder, node } = access
  const dossier = await node.ctp(key)
  const { ctpId, number } = dossier
  const nowMs = cli.nowMs()
  requireOpen(dossier)
  const meterName = findMeterName(folder, ctpId, options.meter)
  const meter = await openHouseholdMeter(folder, meterName)
  try {
    const measuredAtSeconds = seconds(Math.floor(nowMs / 1000))
    const signed = await meter.receipt(ctpId, deliveredWh, measuredAtSeconds)
    const { view, shortage } = await handInReceipt(access, meter, signed)
    const receipted = `${formatEnergy(deliveredWh)} receipted by meter ${meterName}`
    return {
      json: { ...view, receipt: signed, meter: meterName, isAcknowledged: !shortage },
      text: (palette) =>
        [
          `${palette.bold(`CTP ${number}`)}: ${receipted}.`,
          ...explainShortage(shortage),
          ...explain(view, nowMs),
        ].join('\n'),
    }
  } finally {
    meter.close()
  }
}

/** `spb erc`: the paper's Energy Receipt Confirmation. */
export function defineErc(command: Command, cli: Cli): void {
  command
    .argument('<ctp>', 'the CTP’s number or id')
    .argument('<energy>', 'how much came for it so far, in all')
    .description(
      'As the household’s meter: confirms how much energy came for a CTP. The whole of it ' +
        'settles at once, less of it only past the CTP’s expiry.',
    )
    .option('--meter <name>', 'the meter (default: the one that the CTP is bound to)')
    .action(actionOf(cli, confirm))
  addExamples(command, 'spb erc 17 1500', 'spb erc 17 0.9kWh')
}
