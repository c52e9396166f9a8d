import type { Address } from '../protocol/bytes.ts'
import type { Committee } from '../protocol/committee.ts'
import { type IdentifiedCtp, identifyCtp } from '../protocol/ctpSubmission.ts'
import { type HoldCertificate, verifyHoldCertificate } from '../protocol/holdCertificate.ts'
import { packDecline, packSettleWithProof } from '../protocol/proofSettlement.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { TradeProof } from '../protocol/tradeProof.ts'
import { checkTradeProof } from '../protocol/tradeProofChecks.ts'
import type { Wei, Wh } from '../protocol/units.ts'
import type { MarketClient } from './marketClient.ts'
import { type MarketReceipt, sendDecline, sendProof } from './marketContract.ts'
import {
  readCommittee,
  readHead,
  readProofTerms,
  readUsedNonces,
  requireMarketOnChain,
} from './marketReader.ts'

/** A trade that its proof settled. */
export type ProofReceipt = MarketReceipt & { paymentWei: Wei; deliveredWh: Wh }

const senderOf = ({ client }: MarketClient): Address =>
  client.account.address.toLowerCase() as Address

/** Signatures that are wrong would cost the gas of a refusal. Throws `proof/invalid`. */
function requireSound(proof: TradeProof): IdentifiedCtp {
  const { checks } = checkTradeProof(proof)
  // What only nodes ask for, the contract does not need.
  const needed = checks.filter(({ check }) => ['consumer', 'votes', 'receipt'].includes(check))
  const wrong = needed.find(({ verdict }) => verdict === 'failed')
  if (wrong === undefined) return identifyCtp(proof.market, proof)
  throw new SpbError('proof/invalid', `The proof does not hold: ${wrong.detail}`, {
    meta: { check: wrong.check, reason: wrong.code ?? 'proof/invalid' },
  })
}

/** The time rules, which hold for settling and declining alike; answers block time. */
async function requireOpen(
  market: MarketClient,
  { ctp, consumer }: IdentifiedCtp,
): Promise<number> {
  const [head, { graceSeconds }, [isUsed]] = await Promise.all([
    readHead(market),
    readProofTerms(market),
    readUsedNonces(market, [{ account: consumer, nonce: ctp.nonce }]),
  ])
  if (isUsed) throw new SpbError('proof/nonce-used')
  if (head.timeSeconds > ctp.expirySeconds + graceSeconds) throw new SpbError('proof/too-late')
  return head.timeSeconds
}

/** The certificate with its committee, as the chain knows it. Throws `proof/invalid`. */
async function requireCertified(
  market: MarketClient,
  proof: TradeProof,
): Promise<[Committee, HoldCertificate]> {
  const { ctp, consumerSignature } = proof
  const certificate = { ctp, consumerSignature, ...proof.certificate }
  const committee = await readCommittee(market, certificate.epoch)
  try {
    verifyHoldCertificate(market.market, committee, certificate)
    return [committee, certificate]
  } catch (cause) {
    if (!(cause instanceof SpbError)) throw cause
    throw new SpbError('proof/invalid', `The certificate does not hold: ${cause.message}`, {
      meta: { check: 'committee', reason: cause.code },
      cause,
    })
  }
}

function requireProducer(market: MarketClient, { ctp }: IdentifiedCtp, message: string): void {
  if (senderOf(market) === ctp.producer) return
  throw new SpbError('proof/not-producer', message, { meta: { producer: ctp.producer } })
}

function requireSameMarket({ market }: MarketClient, proof: TradeProof): void {
  const { chainId, address } = proof.market
  if (chainId === market.chainId && address === market.address) return
  throw new SpbError('ctp/wrong-market', `The proof is of market ${address} on chain ${chainId}.`)
}

function requireReceipt({ receipt }: TradeProof): SignedErc {
  if (receipt === undefined) throw new SpbError('proof/no-receipt')
  return receipt
}

/**
 * Sends what the contract would have taken; where it refuses in the block all the same, another
 * transaction came first: what the chain says now is the reason.
 */
async function sendFirst<Receipt>(
  market: MarketClient,
  identified: IdentifiedCtp,
  send: () => Promise<Receipt>,
): Promise<Receipt> {
  try {
    return await send()
  } catch (error) {
    const isRefused = error instanceof SpbError && error.code === 'chain/reverted'
    if (isRefused && error.meta.transactionHash !== undefined) await requireOpen(market, identified)
    throw error
  }
}

/**
 * Has a trade paid by its proof alone: no node and no member is asked.
 *
 * A full delivery may be settled by anybody and at once, a partial one by its producer from expiry
 * on; both until expiry plus grace. What the contract would refuse is refused before it costs gas.
 * Throws `proof/*`, `ctp/wrong-market`, `chain/*`.
 */
export async function settleByProof(
  market: MarketClient,
  proof: TradeProof,
): Promise<ProofReceipt> {
  requireSameMarket(market, proof)
  const receipt = requireReceipt(proof)
  const identified = requireSound(proof)
  const { ctp } = proof
  const isPartial = receipt.erc.deliveredWh < ctp.energyWh
  if (isPartial) {
    requireProducer(market, identified, 'Only its producer settles a partial delivery by proof.')
  }
  await requireMarketOnChain(market)
  const nowSeconds = await requireOpen(market, identified)
  if (isPartial && nowSeconds < ctp.expirySeconds) {
    throw new SpbError('proof/too-early', undefined, {
      meta: { nowSeconds, fromSeconds: ctp.expirySeconds },
    })
  }
  const call = packSettleWithProof(...(await requireCertified(market, proof)), receipt)
  return await sendFirst(market, identified, () => sendProof(market, call))
}

/**
 * Gives a CTP back as its producer: its nonce is used up without payment, which frees the money.
 * Throws `proof/*`, `ctp/wrong-market`, `chain/*`.
 */
export async function declineByProof(
  market: MarketClient,
  proof: TradeProof,
): Promise<MarketReceipt> {
  requireSameMarket(market, proof)
  const { receipt: _, ...promised } = proof
  const identified = requireSound(promised)
  requireProducer(market, identified, 'Only its producer can decline a CTP.')
  await requireMarketOnChain(market)
  await requireOpen(market, identified)
  const call = packDecline(...(await requireCertified(market, proof)))
  return await sendFirst(market, identified, () => sendDecline(market, call))
}
