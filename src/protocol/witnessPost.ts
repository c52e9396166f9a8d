import type { Address, Bytes32, Signature } from './bytes.ts'
import { hexToBytes } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { domainSeparator, type Market } from './digest.ts'
import { isRevoked } from './isRevoked.ts'
import { keccak256 } from './keccak.ts'
import type { MeterCertificate } from './messages.ts'
import { recoverMessage, recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'
import type { Standing } from './standing.ts'
import type { Seconds } from './units.ts'

/** What a meter that is ready to witness says of itself. */
export type WitnessPostTerms = {
  /** The node at which it waits for requests, by its member address. */
  relay: Address
  /** X25519 public key to which requests are sealed. */
  sealingKey: Bytes32
  /** keccak-256 of the token that opens its mailbox: whoever reads the post cannot take it over. */
  tokenHash: Bytes32
  notAfterSeconds: Seconds
}

/** A meter that is ready to witness: nobody can put a key of his own in. */
export type WitnessPost = WitnessPostTerms & {
  certificate: MeterCertificate
  manufacturerSignature: Signature
  /** The meter's identity key over `postDigestOf` the terms. */
  signature: Signature
}

/** Longest time for which a post counts: a day, and an hour by which clocks may differ. */
export const longestPostSeconds = 90_000

/** Begins with `S`, so that it is no digest of EIP-712, which begin with 0x19 0x01. */
const label = new TextEncoder().encode('SPB witness post v1')

/**
 * What the identity key of a witness signs; 32 bytes: `keccak256(label ‖ domain separator ‖ meter
 * ‖ relay ‖ sealingKey ‖ tokenHash ‖ notAfter uint40)`, all of fixed length.
 */
export function postDigestOf(market: Market, meter: Address, terms: WitnessPostTerms): Uint8Array {
  const writer = new ByteWriter(192).bytes(label).bytes(domainSeparator(market)).hex(meter)
  writer.hex(terms.relay).hex(terms.sealingKey).hex(terms.tokenHash).uint40(terms.notAfterSeconds)
  return keccak256(writer.finish())
}

/** The hash of a mailbox's token of 32 bytes. */
export function tokenHashOf(token: Bytes32): Uint8Array {
  return keccak256(hexToBytes(token))
}

/** What a post is judged by. */
export type PostRules = { market: Market; standing: Standing; nowSeconds: Seconds }

/** Who made a posted meter. Throws `signature/invalid` where nobody can have. */
function recoverMaker(market: Market, post: WitnessPost): Address {
  const { certificate, manufacturerSignature } = post
  return recoverMessage(market, 'MeterCertificate', certificate, manufacturerSignature)
}

/**
 * Checks that a posted meter of this manufacturer is in good standing now.
 *
 * Throws `meter/witness-expired`, `meter/witness-untrusted`, `meter/revoked`.
 */
export function checkPostStanding(
  { certificate }: WitnessPost,
  manufacturer: Address,
  { standing, nowSeconds }: Pick<PostRules, 'standing' | 'nowSeconds'>,
): void {
  const { meter, notAfterSeconds } = certificate
  if (isRevoked(standing, meter)) throw new SpbError('meter/revoked')
  if (notAfterSeconds < nowSeconds) throw new SpbError('meter/witness-expired')
  const endsSeconds = standing.manufacturerEndsSeconds(manufacturer)
  if (endsSeconds === undefined || endsSeconds < nowSeconds) {
    throw new SpbError('meter/witness-untrusted')
  }
}

/**
 * Checks a post: its time, the meter's signature, and the meter's standing. Returns who made it.
 *
 * Throws `witness/post-invalid`, `signature/invalid`, `meter/witness-expired`,
 * `meter/witness-untrusted`, `meter/revoked`.
 */
export function checkWitnessPost(post: WitnessPost, rules: PostRules): Address {
  const { market, nowSeconds } = rules
  const refuse = (message: string) => new SpbError('witness/post-invalid', message)
  if (post.notAfterSeconds < nowSeconds) throw refuse('The post is over.')
  if (post.notAfterSeconds > nowSeconds + longestPostSeconds) {
    throw refuse(`A post counts for at most ${longestPostSeconds} s.`)
  }
  const { meter } = post.certificate
  if (recoverSigner(postDigestOf(market, meter, post), post.signature) !== meter) {
    throw refuse('The post is not signed by the meter it names, for this market.')
  }
  const manufacturer = recoverMaker(market, post)
  checkPostStanding(post, manufacturer, rules)
  return manufacturer
}
