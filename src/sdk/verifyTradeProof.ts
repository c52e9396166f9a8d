import type { Address } from '../protocol/bytes.ts'
import { type IdentifiedCtp, identifyCtp } from '../protocol/ctpSubmission.ts'
import { verifyHoldCertificate } from '../protocol/holdCertificate.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { TradeProof } from '../protocol/tradeProof.ts'
import {
  type CheckName,
  checkTradeProof,
  failed,
  type ProofCheck,
  type ProofFacts,
  unchecked,
} from '../protocol/tradeProofChecks.ts'
import type { Wei } from '../protocol/units.ts'
import { findPayment, type PaymentFinding } from './findPayment.ts'
import {
  type ChainReader,
  type MarketReader,
  readCommittee,
  readManufacturerEnd,
  readMeterEnd,
  readProofTerms,
  readTransaction,
  readUsedNonces,
  requireMarketOnChain,
} from './marketReader.ts'

/** What the checks of a proof come to. */
export type ProofVerdict =
  /** Something in it is wrong. */
  | 'failed'
  /** Nothing is wrong, but no chain was asked. */
  | 'signatures-valid'
  /** The committee held the money; a payment is not seen. */
  | 'valid'
  /** All of that, and the producer was paid exactly what the receipt earns. */
  | 'paid'

/** A proof's checks one by one, and what they come to. */
export type TradeProofReport = { verdict: ProofVerdict; facts: ProofFacts; checks: ProofCheck[] }

/** What to verify a proof against, besides itself. */
export type VerifyOptions = {
  /** Without it, signatures alone are checked. */
  chain?: ChainReader
  /** The market that the proof must be of: what it says itself anyone can write. */
  market?: Address
}

const chainChecks = [
  ...(['market', 'committee', 'manufacturer', 'witness'] as const),
  ...(['nonce', 'settlement', 'payment'] as const),
]

/** Makes a check of work that asks the chain; a chain that fails is no verdict on the proof. */
async function examineOnChain(check: CheckName, work: () => Promise<string>): Promise<ProofCheck> {
  try {
    return { check, verdict: 'passed', detail: await work() }
  } catch (error) {
    if (!(error instanceof SpbError) || error.code === 'chain/unreachable') throw error
    return failed(check, error)
  }
}

function checkMarketName(
  { market }: TradeProof,
  expected: Address | undefined,
): SpbError | undefined {
  if (expected === undefined || expected === market.address) return undefined
  return new SpbError('ctp/wrong-market', `The proof is of market ${market.address}.`)
}

async function checkMarket(reader: MarketReader, isExpected: boolean): Promise<ProofCheck> {
  const { address, chainId } = reader.market
  const found = await examineOnChain('market', async () => {
    await requireMarketOnChain(reader)
    return `${address} is a market on chain ${chainId}`
  })
  if (isExpected || found.verdict === 'failed') return found
  // Anyone can deploy a market whose committee he is.
  return unchecked('market', `${found.detail}; see for yourself that it is yours, or name yours`)
}

function checkCommittee(reader: MarketReader, proof: TradeProof): Promise<ProofCheck> {
  const { market, ctp, consumerSignature, certificate } = proof
  return examineOnChain('committee', async () => {
    const committee = await readCommittee(reader, certificate.epoch)
    if (committee.members.length === 0) {
      throw new SpbError('certificate/wrong-epoch', `Epoch ${certificate.epoch} never was.`)
    }
    verifyHoldCertificate(market, committee, { ctp, consumerSignature, ...certificate })
    const { length } = certificate.votes
    return `the votes are ${length} of ${committee.members.length} members’: a quorum`
  })
}

async function checkStandings(
  reader: MarketReader,
  { ctp, evidence }: TradeProof,
  { voucher }: ProofFacts,
): Promise<ProofCheck[]> {
  if (voucher === undefined) {
    const reason = evidence === undefined ? 'the proof has no evidence' : 'the evidence is invalid'
    return [unchecked('manufacturer', reason), unchecked('witness', reason)]
  }
  const { manufacturer, witness } = voucher
  return await Promise.all([
    examineOnChain('manufacturer', async () => {
      const end = await readManufacturerEnd(reader, manufacturer)
      if (end < ctp.expirySeconds) throw new SpbError('meter/witness-untrusted')
      return `the market trusted manufacturer ${manufacturer} until past the CTP’s expiry`
    }),
    examineOnChain('witness', async () => {
      const end = await readMeterEnd(reader, witness)
      if (end !== 0 && end < ctp.expirySeconds) {
        throw new SpbError('meter/revoked', 'The witness was revoked before the CTP’s expiry.')
      }
      return `meter ${witness} was not revoked before the CTP’s expiry`
    }),
  ])
}

async function checkNonce(
  reader: MarketReader,
  proof: TradeProof,
  { consumer }: IdentifiedCtp,
): Promise<ProofCheck> {
  const { nonce } = proof.ctp
  const [isUsed] = await readUsedNonces(reader, [{ account: consumer, nonce }])
  if (isUsed) {
    return { check: 'nonce', verdict: 'passed', detail: `nonce ${nonce} of the consumer is used` }
  }
  const detail = `nonce ${nonce} of the consumer is not used: the CTP is not settled`
  if (proof.settlement === undefined) return unchecked('nonce', detail)
  return failed('nonce', new SpbError('proof/wrong-settlement', detail))
}

type Settlement = { check: ProofCheck; finding?: PaymentFinding }

async function checkSettlement(
  reader: MarketReader,
  proof: TradeProof,
  identified: IdentifiedCtp,
): Promise<Settlement> {
  const { settlement } = proof
  if (settlement === undefined) {
    return { check: unchecked('settlement', 'the proof names no settlement') }
  }
  const { transactionHash, blockNumber } = settlement
  const refuse = (message: string): Settlement => ({
    check: failed('settlement', new SpbError('proof/wrong-settlement', message)),
  })
  const transaction = await readTransaction(reader, transactionHash)
  if (transaction === undefined) return refuse('The chain has no such transaction.')
  if (!transaction.isSuccess) return refuse('The transaction failed.')
  if (transaction.blockNumber !== blockNumber) {
    return refuse(`The transaction is in block ${transaction.blockNumber}, not ${blockNumber}.`)
  }
  const finding = findPayment(proof.market, identified, transaction)
  switch (finding.kind) {
    case 'none':
      return refuse('The transaction does not settle this CTP.')
    case 'hidden': {
      const detail = 'the settlement went through another contract, which hides what it paid'
      return { check: unchecked('settlement', detail) }
    }
    case 'paid': {
      const how = finding.by === 'proof' ? 'by its proof' : 'in a batch'
      const detail = `transaction ${transactionHash} in block ${blockNumber} settled it ${how}`
      return { check: { check: 'settlement', verdict: 'passed', detail }, finding }
    }
  }
}

function describeFee(finding: { paymentWei: Wei; hasFee: boolean }, feeWei: Wei): string {
  const takenWei = feeWei < finding.paymentWei ? feeWei : finding.paymentWei
  return finding.hasFee && takenWei > 0n ? `, of which ${takenWei} are the market’s fee` : ''
}

async function checkPayment(
  reader: MarketReader,
  { receipt }: TradeProof,
  { deliveredWh, paymentWei }: ProofFacts,
  finding: PaymentFinding | undefined,
): Promise<ProofCheck> {
  if (finding?.kind !== 'paid') return unchecked('payment', 'no settlement of it was seen')
  const paid = `${finding.paymentWei} wei were paid for ${finding.deliveredWh} Wh`
  if (receipt === undefined) return unchecked('payment', `${paid}; the proof has no receipt of it`)
  // A receipt that is not valid earns nothing: it cannot equal what was paid but by being zero.
  if (finding.paymentWei !== paymentWei || deliveredWh === 0) {
    const message = `${paid}, while the receipt earns ${paymentWei} wei.`
    return failed('payment', new SpbError('proof/wrong-settlement', message))
  }
  const fee = describeFee(finding, (await readProofTerms(reader)).feeWei)
  return { check: 'payment', verdict: 'passed', detail: `${paid}${fee}` }
}

async function checkOnChain(
  reader: MarketReader,
  proof: TradeProof,
  facts: ProofFacts,
): Promise<ProofCheck[]> {
  if (facts.ctpId === undefined) {
    const rest = chainChecks.filter((check) => check !== 'market')
    return rest.map((check) => unchecked(check, 'it hangs on the CTP, which is not valid'))
  }
  const identified = identifyCtp(proof.market, proof)
  const [committee, standings, nonce, settlement] = await Promise.all([
    checkCommittee(reader, proof),
    checkStandings(reader, proof, facts),
    checkNonce(reader, proof, identified),
    checkSettlement(reader, proof, identified),
  ])
  const payment = await checkPayment(reader, proof, facts, settlement.finding)
  return [committee, ...standings, nonce, settlement.check, payment]
}

function judge(checks: readonly ProofCheck[], hasChain: boolean): ProofVerdict {
  if (checks.some(({ verdict }) => verdict === 'failed')) return 'failed'
  if (!hasChain) return 'signatures-valid'
  const isPaid = checks.some(({ check, verdict }) => check === 'payment' && verdict === 'passed')
  return isPaid ? 'paid' : 'valid'
}

/**
 * Verifies a trade's proof: its signatures, and with a chain also who the members were, whom the
 * market trusted, and that the settlement paid just what the receipt earns. No node is asked.
 *
 * What is wrong is told in the checks. Throws `chain/unreachable` alone.
 */
export async function verifyTradeProof(
  proof: TradeProof,
  options: VerifyOptions = {},
): Promise<TradeProofReport> {
  const { facts, checks } = checkTradeProof(proof)
  const report = (more: readonly ProofCheck[], hasChain: boolean): TradeProofReport => {
    const all = [...checks, ...more]
    return { verdict: judge(all, hasChain), facts, checks: all }
  }
  const skip = (reason: string) =>
    chainChecks.filter((check) => check !== 'market').map((check) => unchecked(check, reason))
  const otherMarket = checkMarketName(proof, options.market)
  if (otherMarket !== undefined) {
    return report([failed('market', otherMarket), ...skip('it is of another market')], false)
  }
  const { chain } = options
  if (chain === undefined) {
    const reason = 'no chain was asked'
    return report([unchecked('market', reason), ...skip(reason)], false)
  }
  const reader: MarketReader = { ...chain, market: proof.market }
  const market = await checkMarket(reader, options.market !== undefined)
  if (market.verdict === 'failed') {
    return report([market, ...skip('the chain does not hold the market')], true)
  }
  return report([market, ...(await checkOnChain(reader, proof, facts))], true)
}
