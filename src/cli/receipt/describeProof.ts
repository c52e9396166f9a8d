import type { TradeProof } from '../../protocol/tradeProof.ts'
import type { CheckName, CheckVerdict, ProofCheck } from '../../protocol/tradeProofChecks.ts'
import type { ProofVerdict, TradeProofReport } from '../../sdk/verifyTradeProof.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'

const marks: Record<CheckVerdict, string> = { passed: '✓', failed: '✗', unchecked: '–' }
const colours = { passed: 'green', failed: 'red', unchecked: 'dim' } as const

/** What each verdict means, in a sentence. */
const verdictSentences: Record<ProofVerdict, string> = {
  failed: 'Not valid: do not rely on it.',
  'signatures-valid': 'Signatures valid, not checked against a chain.',
  valid: 'Valid: the committee held the money. No payment of it was seen.',
  paid: 'Valid, and paid to the wei.',
}

/** Exit code of a proof that does not hold. */
const refusedExit = 3

/** A check as a line. */
export function formatCheck(
  { check, verdict, detail, code }: ProofCheck,
  palette: Palette,
): string {
  const reason = code === undefined ? '' : palette.dim(` (${code})`)
  return `${palette[colours[verdict]](marks[verdict])} ${check.padEnd(14)}${detail}${reason}`
}

/** What the verdict's sentence itself tells of. */
const ofPayment: readonly CheckName[] = ['nonce', 'settlement', 'payment']

/** A verdict, with what it leaves open: what nobody checked may be wrong. */
function sayVerdict({ verdict, checks }: TradeProofReport): string {
  const says = verdictSentences[verdict]
  const open = checks
    .filter((each) => each.verdict === 'unchecked' && !ofPayment.includes(each.check))
    .map(({ check }) => check)
  const isTold = verdict === 'failed' || verdict === 'signatures-valid' || open.length === 0
  return isTold ? says : `${says} Not checked: ${open.join(', ')}.`
}

/** A proof's checks, one a line, and what they come to. */
export function describeProof(
  file: string,
  proof: TradeProof,
  report: TradeProofReport,
): CommandResult {
  const { market, ctp } = proof
  const { verdict, checks, facts } = report
  const { ctpId, consumer, deliveredWh, paymentWei } = facts
  const says = sayVerdict(report)
  return {
    exitCode: verdict === 'failed' ? refusedExit : 0,
    json: {
      ...{ file, verdict, says, market },
      ...{ ctpId: ctpId ?? null, consumer: consumer ?? null, producer: ctp.producer },
      ...{ energyWh: ctp.energyWh, amountWei: ctp.amountWei, deliveredWh, paymentWei },
      checks,
    },
    text: (palette) =>
      [
        palette.bold(`CTP ${ctpId ?? '(not valid)'}`),
        `${consumer ?? 'nobody'} buys of ${ctp.producer}:`,
        `${formatAmount(ctp.amountWei)} for ${formatEnergy(ctp.energyWh)}; receipted ` +
          `${formatEnergy(deliveredWh)}, worth ${formatAmount(paymentWei)}`,
        '',
        ...checks.map((check) => formatCheck(check, palette)),
        '',
        palette[verdict === 'failed' ? 'red' : 'bold'](says),
      ].join('\n'),
  }
}
