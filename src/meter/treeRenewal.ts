import type { MeterSigner } from '../ports/meterSigner.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Coe } from '../protocol/messages.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { possessionDigestOf } from './coeRequest.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'
import { askWitness, longestCoeSeconds, type Witness } from './witness.ts'

/** How long the next tree shall serve, and whom the market trusts. */
export type RenewalOptions = {
  nowSeconds: Seconds
  /** Manufacturers whom the market trusts: it would refuse the keys of another's witness. */
  isTrusted(manufacturer: Address): boolean
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

/** Begins at the full hour where there is time, so that its times do not single its owner out. */
function planCoe(
  { root, height, owner }: UnwitnessedTree,
  witness: Witness,
  { nowSeconds, lifetimeSeconds = longestCoeSeconds }: RenewalOptions,
): Coe {
  const ownEndSeconds = owner.certificate.notAfterSeconds
  const witnessEndSeconds = witness.signedCertificate.certificate.notAfterSeconds
  if (ownEndSeconds < nowSeconds) throw new SpbError('meter/certificate-expired')
  if (witnessEndSeconds < nowSeconds) throw new SpbError('meter/witness-expired')
  const roundedOffSeconds = lifetimeSeconds < daySeconds ? 0 : nowSeconds % hourSeconds
  const notBeforeSeconds = seconds(nowSeconds - roundedOffSeconds)
  const endSeconds = notBeforeSeconds + lifetimeSeconds
  const notAfterSeconds = seconds(Math.min(endSeconds, ownEndSeconds, witnessEndSeconds))
  return { root, height, notBeforeSeconds, notAfterSeconds }
}

/**
 * Has a tree witnessed, for as long as wanted and as both certificates last; from the last full
 * hour on if that is a day or more.
 *
 * Throws `meter/certificate-expired`, `meter/witness-expired`, and what `askWitness` throws.
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
  return askWitness(witness, { ...request, possession }, options.isTrusted)
}
