import type { MeterSigner } from '../ports/meterSigner.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import { isRevoked } from '../protocol/isRevoked.ts'
import type { Coe } from '../protocol/messages.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Standing } from '../protocol/standing.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { possessionDigestOf } from './coeRequest.ts'
import { recoverManufacturer, type SignedMeterCertificate } from './manufacturer.ts'
import { askWitness, longestCoeSeconds, type Witness } from './witness.ts'

/** How long the next tree shall serve, and whom the market trusts. */
export type RenewalOptions = {
  nowSeconds: Seconds
  /** Whom the market trusts: it would refuse the keys of another's witness. */
  standing: Standing
  /** `longestCoeSeconds` (7 days) where left out. */
  lifetimeSeconds?: Seconds
}

/** A tree that wants a witness. */
type UnwitnessedTree = {
  market: Market
  root: Bytes32
  height: number
  owner: SignedMeterCertificate
}

const hourSeconds = 3600
const daySeconds = 86_400
/** By how much a witness's clock may be behind, without its taking a week for too long. */
const clockDifferenceSeconds = 300

/** From when until when a CoE would count. */
export type CoeSpan = { notBeforeSeconds: Seconds; notAfterSeconds: Seconds }

/**
 * The end of a certificate's last full day, while there is one: CoEs that all ended with their
 * owner's certificate, to the second, would show that they are of one meter.
 */
function roundEnd(endSeconds: number, nowSeconds: Seconds): number {
  const dayEndSeconds = endSeconds - (endSeconds % daySeconds)
  return dayEndSeconds > nowSeconds ? dayEndSeconds : endSeconds
}

/**
 * The longest CoE that a meter can ask for now; each witness may shorten it. It begins at a full
 * hour where there is time, and ends with a full day of its owner's certificate, so that its
 * times do not single its owner out.
 *
 * Throws `meter/certificate-expired`, `meter/revoked`, `meter/owner-untrusted`.
 */
export function planSpan(owner: SignedMeterCertificate, options: RenewalOptions): CoeSpan {
  const { nowSeconds, standing, lifetimeSeconds = longestCoeSeconds } = options
  const { meter, notAfterSeconds: ownEndSeconds } = owner.certificate
  if (ownEndSeconds < nowSeconds) throw new SpbError('meter/certificate-expired')
  if (isRevoked(standing, meter)) {
    throw new SpbError('meter/revoked', 'This meter is revoked in this market.')
  }
  const makerEndSeconds = standing.manufacturerEndsSeconds(recoverManufacturer(owner))
  if (makerEndSeconds === undefined || makerEndSeconds < nowSeconds) {
    throw new SpbError('meter/owner-untrusted', 'The market does not trust this meter’s maker.')
  }
  const earlySeconds = nowSeconds - clockDifferenceSeconds
  const beginSeconds =
    lifetimeSeconds < daySeconds ? nowSeconds : earlySeconds - (earlySeconds % hourSeconds)
  const longestEndSeconds = roundEnd(Math.min(ownEndSeconds, makerEndSeconds), nowSeconds)
  const endSeconds = Math.min(beginSeconds + lifetimeSeconds, longestEndSeconds)
  return { notBeforeSeconds: seconds(beginSeconds), notAfterSeconds: seconds(endSeconds) }
}

/** As long as planned, and as the witness's certificate and its manufacturer's standing last. */
function planCoe(tree: UnwitnessedTree, witness: Witness, options: RenewalOptions): Coe {
  const { root, height, owner } = tree
  const { nowSeconds, standing } = options
  const { notBeforeSeconds, notAfterSeconds } = planSpan(owner, options)
  const { signedCertificate } = witness
  const witnessEndSeconds = signedCertificate.certificate.notAfterSeconds
  if (witnessEndSeconds < nowSeconds) throw new SpbError('meter/witness-expired')
  const makerEndSeconds = standing.manufacturerEndsSeconds(recoverManufacturer(signedCertificate))
  if (makerEndSeconds === undefined || makerEndSeconds < nowSeconds) {
    throw new SpbError('meter/witness-untrusted')
  }
  const endSeconds = Math.min(notAfterSeconds, witnessEndSeconds, makerEndSeconds)
  return { root, height, notBeforeSeconds, notAfterSeconds: seconds(endSeconds) }
}

/**
 * Has a tree witnessed, for as long as wanted and as both certificates and the standing of both
 * manufacturers last; from a full hour on if a day or more is wanted.
 *
 * Throws what `planSpan` and `askWitness` throw.
 */
export async function requestCoe(
  tree: UnwitnessedTree,
  signer: MeterSigner,
  witness: Witness,
  options: RenewalOptions,
): Promise<SignedCoe> {
  const { market, owner } = tree
  const coe = planCoe(tree, witness, options)
  const request = { market, coe, owner, witness: witness.signedCertificate.certificate.meter }
  const possession = signer.signAsIdentity(possessionDigestOf(request))
  return askWitness(witness, { ...request, possession }, options.standing)
}
