import type { Address, Bytes32, Signature } from './bytes.ts'
import {
  decodeAddress,
  decodeHex,
  decodeMessage,
  decodeNumber,
  decodeObject,
  encodeMessage,
} from './decodeMessage.ts'
import { ctpIdOf, digestOf, type Market } from './digest.ts'
import type { Ctp } from './messages.ts'
import {
  decodeMeterEvidence,
  encodeMeterEvidence,
  type MeterEvidence,
  type Voucher,
  type VoucherCache,
  verifyMeterEvidence,
} from './meterEvidence.ts'
import { recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'

/** A CTP with its consumer's signature: what a certificate and a settlement are made for. */
export type SignedCtp = { ctp: Ctp; consumerSignature: Signature }

/** What a household sends to its gateway. */
export type CtpSubmission = SignedCtp & {
  /** Named openly, so that a message for another market is refused as such. */
  market: Market
  meterReadySignature: Signature
  evidence: MeterEvidence
  /** The producer's consent; needed where `offerId` is 0. */
  acceptSignature?: Signature
}

/** A CTP whose consumer is known from its signature. */
export type IdentifiedCtp = SignedCtp & { ctpId: Bytes32; consumer: Address }

/** A submission that passed every check that needs no state. */
export type VerifiedCtp = IdentifiedCtp & { voucher: Voucher; submission: CtpSubmission }

/**
 * Finds a CTP's consumer and id. Throws `signature/invalid`, and `input/*` or `ctp/self-trade`
 * for a CTP that can never be valid.
 */
export function identifyCtp(market: Market, signed: SignedCtp): IdentifiedCtp {
  const { ctp, consumerSignature } = signed
  if (ctp.amountWei === 0n) throw new SpbError('input/amount')
  if (ctp.energyWh === 0) throw new SpbError('input/energy')
  const digest = digestOf(market, 'Ctp', ctp)
  const consumer = recoverSigner(digest, consumerSignature)
  if (consumer === undefined) {
    throw new SpbError('signature/invalid', 'The consumer’s signature is malformed.')
  }
  if (consumer === ctp.producer) throw new SpbError('ctp/self-trade')
  return { ctp, consumerSignature, consumer, ctpId: ctpIdOf(digest, consumer) }
}

/**
 * Checks all of a submission that needs no state, in the order of the design: shape, market and
 * chain, signature, MeterReady, meter evidence, and the producer's Accept if there is one.
 *
 * A signature by somebody else cannot be told from one by a stranger: such a CTP is refused
 * later, as one of an account without money.
 */
export function verifyCtpSubmission(
  market: Market,
  submission: CtpSubmission,
  cache?: VoucherCache,
): VerifiedCtp {
  if (
    submission.market.chainId !== market.chainId ||
    submission.market.address !== market.address
  ) {
    throw new SpbError('ctp/wrong-market')
  }
  const { ctp } = submission
  const identified = identifyCtp(market, submission)
  const { ctpId } = identified
  const readyDigest = digestOf(market, 'MeterReady', { ctpId })
  if (recoverSigner(readyDigest, submission.meterReadySignature) !== ctp.meterKey) {
    throw new SpbError('meter/not-ready')
  }
  const { evidence } = submission
  const { meterKey, expirySeconds } = ctp
  const voucher = verifyMeterEvidence(market, evidence, meterKey, expirySeconds, cache)
  if (submission.acceptSignature !== undefined) {
    const acceptDigest = digestOf(market, 'Accept', { ctpId })
    if (recoverSigner(acceptDigest, submission.acceptSignature) !== ctp.producer) {
      throw new SpbError('offer/not-accepted', 'The Accept is not signed by the producer.')
    }
  }
  return { ...identified, voucher, submission }
}

/** Parses a market reference from JSON. Throws `input/*`. */
export function decodeMarket(value: unknown): Market {
  const { chainId, address } = decodeObject(value, ['chainId', 'address'], 'market')
  return {
    chainId: decodeNumber(chainId, Number.MAX_SAFE_INTEGER, 'chainId'),
    address: decodeAddress(address, 'market address'),
  }
}

const submissionFields = [
  ...['market', 'ctp', 'consumerSignature'],
  ...['meterReadySignature', 'evidence'],
]

/** Parses a submission from JSON. Throws `input/*`. */
export function decodeCtpSubmission(value: unknown): CtpSubmission {
  const object = decodeObject(value, submissionFields, 'submission', ['acceptSignature'])
  const { acceptSignature } = object
  return {
    market: decodeMarket(object.market),
    ctp: decodeMessage('Ctp', object.ctp),
    consumerSignature: decodeHex(object.consumerSignature, 64, 'consumerSignature'),
    meterReadySignature: decodeHex(object.meterReadySignature, 64, 'meterReadySignature'),
    evidence: decodeMeterEvidence(object.evidence),
    ...(acceptSignature === undefined
      ? {}
      : { acceptSignature: decodeHex(acceptSignature, 64, 'acceptSignature') }),
  }
}

/** The JSON form of a submission. */
export function encodeCtpSubmission(submission: CtpSubmission): Record<string, unknown> {
  const { market, acceptSignature } = submission
  return {
    market: { chainId: market.chainId, address: market.address },
    ctp: encodeMessage('Ctp', submission.ctp),
    consumerSignature: submission.consumerSignature,
    meterReadySignature: submission.meterReadySignature,
    evidence: encodeMeterEvidence(submission.evidence),
    ...(acceptSignature === undefined ? {} : { acceptSignature }),
  }
}
