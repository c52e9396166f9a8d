import { zeroAddress } from '../../protocol/bytes.ts'
import type { AccountView } from '../../protocol/views.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatFacts, formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, shortenHex } from '../formatUnits.ts'

function listFacts(view: AccountView, etherWei: bigint, nowMs: number): [string, string][] {
  const { requestedWei, readyAtSeconds, payout } = view
  return [
    ['on the chain', `${formatAmount(etherWei)}, for gas and deposits`],
    ['in the market', formatAmount(view.balanceWei)],
    ['  held', formatAmount(view.heldWei)],
    ['  free', formatAmount(view.freeWei)],
    ...(requestedWei === 0n
      ? []
      : [
          [
            '  requested',
            `${formatAmount(requestedWei)}, ready ${formatTime(readyAtSeconds, nowMs)}`,
          ],
        ]),
    ...(payout === zeroAddress ? [] : [['withdrawals to', payout]]),
    [
      'energy account',
      view.hasEnergyAccount ? `open, ${formatEnergy(view.energyForSaleWh)} for sale` : 'not open',
    ],
    ['next nonce', String(view.nextNonce)],
  ] as [string, string][]
}

/** An account with its holds; `etherWei` is what its address has outside the market. */
export function describeAccount(
  view: AccountView,
  etherWei: bigint,
  name: string | undefined,
  nowMs: number,
): CommandResult {
  const { account, holds } = view
  const rows = holds.map(({ number, ctpId, amountWei, freeAtSeconds }) => [
    ...[String(number), formatAmount(amountWei), formatTime(freeAtSeconds, nowMs)],
    shortenHex(ctpId),
  ])
  const heads = [
    { head: 'CTP', align: 'right' },
    { head: 'holds', align: 'right' },
    { head: 'free at the latest' },
    { head: 'id' },
  ] as const
  return {
    json: { ...(name === undefined ? {} : { name }), ...view, etherWei },
    text: (palette) =>
      [
        palette.bold(name === undefined ? account : `${name} ${account}`),
        formatFacts(listFacts(view, etherWei, nowMs), palette),
        ...(rows.length === 0 ? [] : ['', formatTable(heads, rows, palette)]),
      ].join('\n'),
  }
}
