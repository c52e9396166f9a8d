import type { Command } from 'commander'
import { parseAmount, parseDuration } from '../protocol/parseText.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wei } from '../protocol/units.ts'
import type { MarketOptions } from '../protocol/views.ts'
import { formatSpan } from './formatTime.ts'
import { formatAmount } from './formatUnits.ts'

/** Options that say what a new market fixes, as typed. */
export type MarketTermOptions = {
  grace?: string
  longestLife?: string
  withdrawalDelay?: string
  minimum?: string
  fee?: string
  burn?: string
}

/** Adds the options of a new market's terms. */
export function addMarketTermOptions(command: Command): Command {
  return command
    .option('--grace <span>', 'new market: time to settle after a CTP’s expiry (10m)')
    .option('--longest-life <span>', 'new market: longest life of a CTP (26h)')
    .option('--withdrawal-delay <span>', 'new market: delay of withdrawals (48h)')
    .option('--minimum <amount>', 'new market: smallest CTP (1gwei)')
    .option('--fee <amount>', 'new market: fee a trade, out of the payment (none)')
    .option('--burn <amount>', 'new market: burnt to open an energy account (0.01)')
}

const parseFee = (text: string) => (text === '0' ? wei(0n) : parseAmount(text))

/** The terms that were typed; what is left out has the market's default. Throws `input/*`. */
export function parseMarketTerms(options: MarketTermOptions): Partial<MarketOptions> {
  const { grace, longestLife, withdrawalDelay, minimum, fee, burn } = options
  return {
    ...(grace === undefined ? {} : { graceSeconds: parseDuration(grace) }),
    ...(longestLife === undefined ? {} : { longestLifeSeconds: parseDuration(longestLife) }),
    ...(withdrawalDelay === undefined
      ? {}
      : { withdrawalDelaySeconds: parseDuration(withdrawalDelay) }),
    ...(minimum === undefined ? {} : { minimumAmountWei: parseFee(minimum) }),
    ...(fee === undefined ? {} : { feeWei: parseFee(fee) }),
    ...(burn === undefined ? {} : { burnWei: parseFee(burn) }),
  }
}

/** Refuses terms that a market which is there already does not have. Throws `input/option`. */
export function requireSameTerms(typed: Partial<MarketOptions>, found: MarketOptions): void {
  for (const [name, value] of Object.entries(typed)) {
    if (found[name as keyof MarketOptions] === value) continue
    throw new SpbError('input/option', `The market is there already, with another ${name}.`, {
      hint: 'Leave the option out, or begin a new market with another --data folder.',
    })
  }
}

/** A market's terms by name, for a person. */
export function describeMarketTerms(options: MarketOptions): [string, string][] {
  return [
    ['longest life', formatSpan(options.longestLifeSeconds)],
    ['grace', formatSpan(options.graceSeconds)],
    ['withdrawals', `after ${formatSpan(options.withdrawalDelaySeconds)}`],
    ['smallest CTP', formatAmount(options.minimumAmountWei)],
    ['fee a trade', options.feeWei === 0n ? 'none' : formatAmount(options.feeWei)],
    ['energy account', `burns ${formatAmount(options.burnWei)}, or a certificate`],
  ]
}
