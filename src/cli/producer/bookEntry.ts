import type { Bytes32 } from '../../protocol/bytes.ts'
import type { Market } from '../../protocol/digest.ts'
import { type TradeProof, tradeProofOf } from '../../protocol/tradeProof.ts'
import type { CheckName, ProofCheck } from '../../protocol/tradeProofChecks.ts'
import { seconds } from '../../protocol/units.ts'
import type { CtpDossier, CtpView } from '../../protocol/views.ts'
import type { TradeProofReport } from '../../sdk/verifyTradeProof.ts'
import { type Finding, isEndState } from './adviseProducer.ts'
import { joinProofs } from './proofFolder.ts'

/** One CTP that a producer follows. */
export type BookEntry = {
  ctpId: Bytes32
  /** As the node last told it; undefined where it does not know it. */
  view?: CtpView
  /** The best that is known: it may prove more than the node does. */
  proof?: TradeProof
  /** What this command found of the proof by itself. */
  report?: TradeProofReport
  /** The report asked the chain. */
  isOnChain: boolean
  /** Undefined where the chain was not asked. */
  isNonceUsed?: boolean
  /** It was settled when it was kept: worth telling only where the chain contradicts that. */
  isToldSettled?: boolean
  /** When it was first seen to be over. */
  overAtSeconds?: number
}

const certificateChecks: readonly CheckName[] = ['consumer', 'votes', 'market', 'committee']
const meterChecks: readonly CheckName[] = [
  ...(['meterReady', 'meterEvidence', 'manufacturer', 'witness'] as const),
]

function summarize(checks: readonly ProofCheck[], names: readonly CheckName[]): Finding {
  const own = checks.filter(({ check }) => names.includes(check))
  const wrong = own.find(({ verdict }) => verdict === 'failed')
  if (wrong !== undefined) return { verdict: 'failed', detail: `${wrong.check}: ${wrong.detail}` }
  const open = own.find(({ verdict }) => verdict === 'unchecked')
  if (open === undefined) return { verdict: 'passed', detail: '' }
  return { verdict: 'unchecked', detail: `${open.check} is not checked: ${open.detail}` }
}

const otherTrade: Finding = { verdict: 'failed', detail: 'the node gave another CTP’s certificate' }
const missing: Finding = { verdict: 'unchecked', detail: 'it is not certified yet' }

/** What this command itself found of certificate and meter; a node's word counts for nothing. */
export function findingsOf({ ctpId, report }: BookEntry): { certificate: Finding; meter: Finding } {
  if (report === undefined) return { certificate: missing, meter: missing }
  const { facts, checks } = report
  if (facts.ctpId !== undefined && facts.ctpId !== ctpId) {
    return { certificate: otherTrade, meter: otherTrade }
  }
  return {
    certificate: summarize(checks, certificateChecks),
    meter: summarize(checks, meterChecks),
  }
}

/** Its certificate was found wrong. */
export const isRefused = (entry: BookEntry): boolean =>
  findingsOf(entry).certificate.verdict === 'failed'

/** The node has told how it ended: its word, which the chain may contradict. */
export const isEndedAtNode = ({ view }: BookEntry): boolean =>
  view !== undefined && isEndState(view.state)

/**
 * What is known with what a node gives; undefined without a certificate. What the chain refused
 * before gives way to what the node has.
 */
export function combineProofs(
  market: Market,
  dossier: CtpDossier,
  entry: BookEntry,
  nowSeconds: number,
): TradeProof | undefined {
  const { proof } = entry
  if (dossier.holdCertificate === undefined) return proof
  const fresh = tradeProofOf(market, dossier)
  const isKnownFirst = proof !== undefined && !isRefused(entry)
  return {
    ...(isKnownFirst ? joinProofs(proof, fresh) : joinProofs(fresh, proof)),
    ...(fresh.settlement === undefined ? {} : { settlement: fresh.settlement }),
    number: dossier.number,
    certifiedAtSeconds: proof?.certifiedAtSeconds ?? seconds(nowSeconds),
  }
}

/** True where a proof is worth keeping: nothing in it that payment needs was found wrong. */
export function isWorthKeeping(entry: BookEntry): boolean {
  const { report, proof } = entry
  return proof !== undefined && report?.facts.ctpId === entry.ctpId && !isRefused(entry)
}
