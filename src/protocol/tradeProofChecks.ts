import type { Address, Bytes32 } from './bytes.ts'
import { identifyCtp } from './ctpSubmission.ts'
import { digestOf } from './digest.ts'
import type { ErrorCode } from './errorTable.ts'
import { recoverVoter } from './holdCertificate.ts'
import { type Voucher, verifyMeterEvidence } from './meterEvidence.ts'
import { paymentOf } from './payment.ts'
import { recoverSigner } from './signature.ts'
import { verifyErc } from './signedErc.ts'
import { SpbError } from './spbError.ts'
import type { TradeProof } from './tradeProof.ts'
import { type Wei, type Wh, wei, wh } from './units.ts'

/** What a check came to; `unchecked`: what it needs is not there, and `detail` says what. */
export type CheckVerdict = 'passed' | 'failed' | 'unchecked'

/** What can be checked of a trade's proof; those from `market` on need a chain. */
export type CheckName =
  | 'consumer'
  | 'votes'
  | 'meterReady'
  | 'meterEvidence'
  | 'receipt'
  | 'market'
  | 'committee'
  | 'manufacturer'
  | 'witness'
  | 'nonce'
  | 'settlement'
  | 'payment'

/** One check of a proof, in words for a person; a failed one has the code of its reason. */
export type ProofCheck = {
  check: CheckName
  verdict: CheckVerdict
  detail: string
  code?: ErrorCode
}

/** What a proof says by itself. Only facts whose check passed are there. */
export type ProofFacts = {
  ctpId?: Bytes32
  consumer?: Address
  /** Who vouches for the meter that witnessed the CTP's key. */
  voucher?: Voucher
  /** What the receipt says was delivered; 0 without a valid one. May exceed what was committed. */
  deliveredWh: Wh
  /** What that delivery earns. */
  paymentWei: Wei
}

/** A check that was not made, and why. */
export const unchecked = (check: CheckName, detail: string): ProofCheck => ({
  check,
  verdict: 'unchecked',
  detail,
})

/** A check that found something wrong. */
export const failed = (check: CheckName, error: SpbError): ProofCheck => ({
  check,
  verdict: 'failed',
  detail: error.message,
  code: error.code,
})

/** Makes a check of work that throws what is wrong and returns what is right, in words. */
export function examine(check: CheckName, work: () => string): ProofCheck {
  try {
    return { check, verdict: 'passed', detail: work() }
  } catch (error) {
    if (error instanceof SpbError) return failed(check, error)
    throw error
  }
}

function checkConsumer(proof: TradeProof, facts: ProofFacts): ProofCheck {
  return examine('consumer', () => {
    const { ctpId, consumer } = identifyCtp(proof.market, proof)
    Object.assign(facts, { ctpId, consumer })
    return `the CTP was signed by ${consumer}`
  })
}

function checkVotes({ market, certificate }: TradeProof, ctpId: Bytes32): ProofCheck {
  const { epoch, votes } = certificate
  return examine('votes', () => {
    if (votes.length === 0) throw new SpbError('certificate/too-few-votes', 'There is no vote.')
    const voters = new Set<Address>()
    let last = -1
    for (const vote of votes) {
      if (vote.member <= last) throw new SpbError('certificate/vote-order')
      last = vote.member
      const voter = recoverVoter(market, epoch, ctpId, vote)
      if (voter === undefined || voters.has(voter)) {
        throw new SpbError('signature/invalid', `Member ${vote.member} did not vote for this CTP.`)
      }
      voters.add(voter)
    }
    const members = votes.map(({ member }) => member).join(', ')
    return `${votes.length} signed as members ${members} of epoch ${epoch}`
  })
}

function checkMeterReady(proof: TradeProof, ctpId: Bytes32): ProofCheck {
  const { market, ctp, meterReadySignature } = proof
  if (meterReadySignature === undefined) return unchecked('meterReady', 'the proof has none')
  return examine('meterReady', () => {
    const digest = digestOf(market, 'MeterReady', { ctpId })
    if (recoverSigner(digest, meterReadySignature) !== ctp.meterKey) {
      throw new SpbError('meter/not-ready')
    }
    return `signed by the CTP’s meter key ${ctp.meterKey}`
  })
}

function checkEvidence({ market, ctp, evidence }: TradeProof, facts: ProofFacts): ProofCheck {
  if (evidence === undefined) return unchecked('meterEvidence', 'the proof has none')
  return examine('meterEvidence', () => {
    const voucher = verifyMeterEvidence(market, evidence, ctp.meterKey, ctp.expirySeconds)
    facts.voucher = voucher
    return (
      `the key is one of a tree that meter ${voucher.witness} witnessed, which ` +
      `manufacturer ${voucher.manufacturer} made`
    )
  })
}

function checkReceipt({ market, ctp, receipt }: TradeProof, facts: ProofFacts): ProofCheck {
  if (receipt === undefined) return unchecked('receipt', 'the proof has none: no energy is proved')
  return examine('receipt', () => {
    if (receipt.erc.ctpId !== facts.ctpId) {
      throw new SpbError('erc/unknown-ctp', 'The receipt is of another CTP.')
    }
    verifyErc(market, receipt, ctp.meterKey)
    const { deliveredWh } = receipt.erc
    facts.deliveredWh = deliveredWh
    facts.paymentWei = paymentOf(ctp.amountWei, ctp.energyWh, deliveredWh)
    return (
      `the meter key receipted ${deliveredWh} of ${ctp.energyWh} Wh, ` +
      `which earn ${facts.paymentWei} of ${ctp.amountWei} wei`
    )
  })
}

/**
 * Checks all signatures of a proof: consumer, votes, MeterReady, meter evidence, receipt.
 *
 * Who is a member, and whom the market trusts, only its chain can tell.
 */
export function checkTradeProof(proof: TradeProof): { facts: ProofFacts; checks: ProofCheck[] } {
  const facts: ProofFacts = { deliveredWh: wh(0), paymentWei: wei(0n) }
  const consumer = checkConsumer(proof, facts)
  const { ctpId } = facts
  if (ctpId === undefined) {
    const rest = ['votes', 'meterReady', 'meterEvidence', 'receipt'] as const
    const reason = 'it hangs on the CTP, which is not valid'
    return { facts, checks: [consumer, ...rest.map((check) => unchecked(check, reason))] }
  }
  const checks = [
    consumer,
    checkVotes(proof, ctpId),
    checkMeterReady(proof, ctpId),
    checkEvidence(proof, facts),
    checkReceipt(proof, facts),
  ]
  return { facts, checks }
}
