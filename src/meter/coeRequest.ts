import type { Address, Signature } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { domainSeparator, type Market } from '../protocol/digest.ts'
import { keccak256 } from '../protocol/keccak.ts'
import type { Coe } from '../protocol/messages.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'

/**
 * What a meter asks of a witness; for the witness's eyes only, since it says whose the tree is.
 */
export type CoeRequest = {
  market: Market
  /** Whom it is for: no other witness can use it. */
  witness: Address
  /** What the witness is to sign. */
  coe: Coe
  owner: SignedMeterCertificate
  /** The owner's identity key over `possessionDigestOf` the request. */
  possession: Signature
}

/**
 * Keeps the digest apart from all others that the identity key signs: those hash bytes that begin
 * with 0x19 0x01 (EIP-712), these begin with `S`.
 */
const label = new TextEncoder().encode('SPB CoE request v1')

/**
 * What the owner of a tree signs to prove that it holds the certificate's key; 32 bytes:
 * `keccak256(label ‖ domain separator ‖ root ‖ height uint8 ‖ notBefore uint40 ‖ notAfter uint40 ‖
 * owner ‖ witness)`, all of fixed length.
 */
export function possessionDigestOf(request: Omit<CoeRequest, 'possession'>): Uint8Array {
  const { market, coe, owner, witness } = request
  const writer = new ByteWriter(160).bytes(label).bytes(domainSeparator(market)).hex(coe.root)
  writer.uint8(coe.height).uint40(coe.notBeforeSeconds).uint40(coe.notAfterSeconds)
  writer.hex(owner.certificate.meter).hex(witness)
  return keccak256(writer.finish())
}
