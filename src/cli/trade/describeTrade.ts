import type { Address } from '../../protocol/bytes.ts'
import type { CtpState, CtpView, MarketOptions } from '../../protocol/views.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'

/** What a state means at a glance: done well, under way, or gone wrong. */
const colours: Record<CtpState, 'green' | 'yellow' | 'red'> = {
  proposed: 'yellow',
  held: 'yellow',
  receipted: 'yellow',
  settled: 'green',
  expired: 'red',
  declined: 'red',
}

/** A trade's state in its colour. */
export function paintState(state: CtpState, palette: Palette): string {
  return palette[colours[state]](state)
}

/** The folder's name for an address, or the address. */
export type NameOf = (address: Address) => string

const isFull = ({ ctp, deliveredWh }: CtpView): boolean => deliveredWh >= ctp.energyWh

function explainReceipted(view: CtpView, options: MarketOptions, nowMs: number): string[] {
  if (isFull(view)) return ['All of it is receipted: it settles with the node’s next batch.']
  const { settlesFromSeconds, freeAtSeconds } = view
  return [
    `${formatEnergy(view.deliveredWh)} of ${formatEnergy(view.ctp.energyWh)} are receipted so far.`,
    `More can come until its expiry; else it settles for ${formatAmount(view.paymentWei)} at ` +
      `${formatTime(settlesFromSeconds, nowMs)},`,
    `which is half of the grace of ${options.graceSeconds} s after the expiry, and before ` +
      `${formatTime(freeAtSeconds, nowMs)}.`,
  ]
}

function explainExpired({ deliveredWh, freeAtSeconds }: CtpView, nowMs: number): string[] {
  if (deliveredWh > 0) {
    return [
      `A receipt of ${formatEnergy(deliveredWh)} came, but no settlement of it was in a block by ` +
        `${formatTime(freeAtSeconds, nowMs)}.`,
      'Nobody was paid; the money is free again. Ask the node’s operator why: spb node status.',
    ]
  }
  return [
    `No receipt came by ${formatTime(freeAtSeconds, nowMs)}, expiry plus grace.`,
    'Nobody was paid; the money is free again.',
  ]
}

/** Why a trade is as it is, and what comes next, in sentences for a person. */
export function explainTrade(view: CtpView, options: MarketOptions, nowMs: number): string[] {
  const { state, ctp, freeAtSeconds, paymentWei, settlement, number } = view
  switch (state) {
    case 'proposed':
      return ['The committee has not certified it yet: nothing is held, so do not deliver.']
    case 'held':
      return [
        `${formatAmount(ctp.amountWei)} are held. When energy came: spb erc ${number} ENERGY,`,
        'or nothing, if the meter measures by itself: spb meter run.',
        `Without a receipt the money is free at ${formatTime(freeAtSeconds, nowMs)}.`,
      ]
    case 'receipted':
      return explainReceipted(view, options, nowMs)
    case 'settled': {
      const rest = ctp.amountWei - paymentWei
      const back = rest > 0n ? ` ${formatAmount(rest)} of the hold are free again.` : ''
      const where = settlement === undefined ? '' : ` in block ${settlement.blockNumber}`
      return [`${formatAmount(paymentWei)} were paid to the producer${where}.${back}`]
    }
    case 'expired':
      return explainExpired(view, nowMs)
    case 'declined':
      return ['The producer declined it: nobody was paid; the money is free again.']
  }
}

/** A trade's facts by name. */
export function listTradeFacts(view: CtpView, nameOf: NameOf, nowMs: number): [string, string][] {
  const { ctp, ctpId, consumer, deliveredWh, settlement, certificate } = view
  return [
    ['id', ctpId],
    ['consumer', nameOf(consumer)],
    ['producer', nameOf(ctp.producer)],
    ['offer', ctp.offerId === 0n ? 'negotiated' : ctp.offerId.toString()],
    ['committed', `${formatAmount(ctp.amountWei)} for ${formatEnergy(ctp.energyWh)}`],
    ['receipted', `${formatEnergy(deliveredWh)}, worth ${formatAmount(view.paymentWei)}`],
    ['expiry', formatTime(ctp.expirySeconds, nowMs)],
    ['nonce', String(ctp.nonce)],
    ...(certificate === undefined
      ? []
      : ([['certified', `by members ${certificate.members.join(', ')}`]] as [string, string][])),
    ...(settlement === undefined
      ? []
      : ([['settled', `transaction ${settlement.transactionHash}`]] as [string, string][])),
  ]
}
