import type { MeterSigner } from '../ports/meterSigner.ts'
import type { Address } from '../protocol/bytes.ts'
import { digestOf, type Market } from '../protocol/digest.ts'
import { isRevoked } from '../protocol/isRevoked.ts'
import { limits } from '../protocol/limits.ts'
import type { Coe } from '../protocol/messages.ts'
import { type SignedCoe, type Voucher, verifyCoe } from '../protocol/meterEvidence.ts'
import { recoverSigner } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Standing } from '../protocol/standing.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { postDigestOf, type WitnessPost, type WitnessPostTerms } from '../protocol/witnessPost.ts'
import { type CoeRequest, possessionDigestOf } from './coeRequest.ts'
import { recoverManufacturer, type SignedMeterCertificate } from './manufacturer.ts'

/** Longest time for which a CoE vouches, unless a witness's policy says otherwise: 7 days. */
export const longestCoeSeconds = seconds(7 * 86_400)

/**
 * How far ahead a CoE may begin: what the clocks of two meters may differ by. More would let a
 * stolen meter stock up on CoEs for the time after its revocation.
 */
export const furthestBeginSeconds = 3600

/** Another meter as an owner sees it: near by, or behind nodes and encryption. */
export type Witness = {
  /** Of the witness itself: becomes part of the evidence. */
  signedCertificate: SignedMeterCertificate
  /** Answers a request with its signed word. Throws what `witnessTree` throws. */
  certify(request: CoeRequest): Promise<SignedCoe>
}

/** What a meter asks for before it vouches for another. */
export type WitnessPolicy = {
  nowSeconds: Seconds
  /** Whom the market trusts, with every end that any head showed. */
  standing: Standing
  /** `longestCoeSeconds` where left out. */
  longestSeconds?: Seconds
}

/** Terms are checked before: a certificate that lasts as long as the CoE is not over. */
function checkOwner(request: CoeRequest, { standing }: WitnessPolicy): void {
  const { owner, coe } = request
  const endsSeconds = standing.manufacturerEndsSeconds(recoverManufacturer(owner))
  if (endsSeconds === undefined || endsSeconds < coe.notAfterSeconds) {
    throw new SpbError('meter/owner-untrusted')
  }
  if (isRevoked(standing, owner.certificate.meter)) {
    throw new SpbError('meter/revoked', 'The meter that asks is revoked in this market.')
  }
  if (owner.certificate.notAfterSeconds < coe.notAfterSeconds) {
    throw new SpbError('meter/certificate-expired')
  }
  if (recoverSigner(possessionDigestOf(request), request.possession) !== owner.certificate.meter) {
    throw new SpbError('signature/invalid', 'The request is not signed by the meter it names.')
  }
}

function checkTerms(coe: Coe, { nowSeconds, longestSeconds = longestCoeSeconds }: WitnessPolicy) {
  const refuse = (message: string) => new SpbError('meter/coe-invalid', message)
  if (coe.height < 1 || coe.height > limits.treeHeight) {
    throw refuse(`A tree is 1 to ${limits.treeHeight} high.`)
  }
  if (coe.notAfterSeconds < coe.notBeforeSeconds)
    throw refuse('The CoE would end before it begins.')
  if (coe.notAfterSeconds < nowSeconds) throw refuse('The CoE would be over already.')
  if (coe.notBeforeSeconds > nowSeconds + furthestBeginSeconds) {
    throw refuse(`A CoE begins at most ${furthestBeginSeconds} s from now.`)
  }
  const spanSeconds = coe.notAfterSeconds - coe.notBeforeSeconds
  if (spanSeconds > longestSeconds || coe.notAfterSeconds > nowSeconds + longestSeconds) {
    throw refuse(`A CoE vouches for at most ${longestSeconds} s, from now at the latest.`)
  }
}

/**
 * Signs a Certificate of Existence for another meter's tree, after checking privately that the
 * owner is a genuine meter and holds its key. Nothing of the owner goes into the answer.
 *
 * Throws `meter/coe-invalid`, `meter/self-witnessed`, `meter/owner-untrusted`, `meter/revoked`
 * (of either meter), `meter/certificate-expired`, `meter/witness-expired`, `signature/invalid`.
 */
export function witnessTree(
  signer: MeterSigner,
  own: SignedMeterCertificate,
  request: CoeRequest,
  policy: WitnessPolicy,
): SignedCoe {
  if (request.owner.certificate.meter === signer.identity) {
    throw new SpbError('meter/self-witnessed')
  }
  if (request.witness !== signer.identity) {
    throw new SpbError('meter/coe-invalid', 'The request is for another witness.')
  }
  if (isRevoked(policy.standing, signer.identity)) {
    throw new SpbError('meter/revoked', 'The witness is revoked in this market.')
  }
  checkTerms(request.coe, policy)
  checkOwner(request, policy)
  if (own.certificate.notAfterSeconds < request.coe.notAfterSeconds) {
    throw new SpbError('meter/witness-expired')
  }
  return {
    coe: request.coe,
    coeSignature: signer.signAsIdentity(digestOf(request.market, 'CoE', request.coe)),
    witness: own.certificate,
    witnessSignature: own.manufacturerSignature,
  }
}

/** Signs a witness's post: where it waits for requests, and to which key they are sealed. */
export function signWitnessPost(
  signer: MeterSigner,
  own: SignedMeterCertificate,
  market: Market,
  terms: WitnessPostTerms,
): WitnessPost {
  const signature = signer.signAsIdentity(postDigestOf(market, signer.identity, terms))
  return { ...terms, ...own, signature }
}

/** Refuses a witness's answer that is not its word for just what was asked. */
function checkAnswer(request: CoeRequest, { coe, ...rest }: SignedCoe): Voucher {
  const asked = request.coe
  const isAsAsked =
    coe.root === asked.root &&
    coe.height === asked.height &&
    coe.notBeforeSeconds === asked.notBeforeSeconds &&
    coe.notAfterSeconds === asked.notAfterSeconds
  if (!isAsAsked || rest.witness.meter !== request.witness) {
    throw new SpbError('meter/coe-invalid', 'The CoE is not the one asked for.')
  }
  return verifyCoe(request.market, { coe, ...rest })
}

/** Checks that the market trusts a witness until the end of a CoE, and has not revoked it. */
function checkTrust(standing: Standing, { witness, manufacturer }: Voucher, { coe }: CoeRequest) {
  if (isRevoked(standing, witness)) {
    throw new SpbError('meter/revoked', 'The witness is revoked in this market.')
  }
  const endsSeconds = standing.manufacturerEndsSeconds(manufacturer)
  if (endsSeconds === undefined || endsSeconds < coe.notAfterSeconds) {
    throw new SpbError('meter/witness-untrusted')
  }
}

/**
 * Gets a CoE from a witness. Nothing is said to one that the market does not trust, and its
 * answer is checked as a market's member would.
 *
 * Throws `meter/self-witnessed`, `meter/witness-untrusted`, `meter/witness-expired`,
 * `meter/revoked`, `meter/coe-invalid`, and what `certify` throws.
 */
export async function askWitness(
  witness: Witness,
  request: CoeRequest,
  standing: Standing,
): Promise<SignedCoe> {
  const { signedCertificate } = witness
  if (request.witness === request.owner.certificate.meter) {
    throw new SpbError('meter/self-witnessed')
  }
  const manufacturer = recoverManufacturer(signedCertificate)
  checkTrust(standing, { witness: request.witness, manufacturer }, request)
  const signed = await witness.certify(request)
  checkTrust(standing, checkAnswer(request, signed), request)
  if (signed.witness.notAfterSeconds < signed.coe.notAfterSeconds) {
    throw new SpbError('meter/witness-expired')
  }
  return signed
}

/**
 * Picks a witness at random among meters other than the owner, so that nobody can foresee who
 * learns of a tree. `randomBelow` gives a uniform whole number from 0 to less than its argument.
 *
 * Throws `meter/no-witness`.
 */
export function chooseWitness(
  candidates: readonly Witness[],
  owner: Address,
  randomBelow: (bound: number) => number,
): Witness {
  const others = candidates.filter(
    ({ signedCertificate }) => signedCertificate.certificate.meter !== owner,
  )
  if (others.length === 0) throw new SpbError('meter/no-witness')
  return others[randomBelow(others.length)]!
}
