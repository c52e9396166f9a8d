import { type Address, type Signature, zeroAddress } from '../protocol/bytes.ts'
import { digestOf } from '../protocol/digest.ts'
import type { MeterCertificate } from '../protocol/messages.ts'
import { addressOf, isPrivateKey, recoverMessage, signDigest } from '../protocol/signature.ts'
import { assert } from '../protocol/spbError.ts'

/** A meter's certificate with its manufacturer's signature. */
export type SignedMeterCertificate = {
  certificate: MeterCertificate
  manufacturerSignature: Signature
}

/** Who vouches for meters that leave the factory. */
export type Manufacturer = {
  /** What governance admits, and what a certificate's signature leads back to. */
  address: Address
  sign(digest: Uint8Array): Signature
}

/** A factory knows no market: the digest of a MeterCertificate ignores it. */
const anyMarket = { chainId: 0, address: zeroAddress }

/** A manufacturer whose private key (32 bytes) is in memory. */
export function createManufacturer(privateKey: Uint8Array): Manufacturer {
  assert(isPrivateKey(privateKey), 'a manufacturer has a private key')
  return {
    address: addressOf(privateKey),
    sign: (digest) => signDigest(digest, privateKey),
  }
}

/** Signs a manufacturer's word for a meter: its address, model and the certificate's end. */
export function issueMeterCertificate(
  manufacturer: Manufacturer,
  certificate: MeterCertificate,
): SignedMeterCertificate {
  const digest = digestOf(anyMarket, 'MeterCertificate', certificate)
  return { certificate, manufacturerSignature: manufacturer.sign(digest) }
}

/**
 * The address of the manufacturer who signed a certificate; whether it is trusted is for the
 * caller to know. Throws `signature/invalid` where nobody can have signed it.
 */
export function recoverManufacturer(signed: SignedMeterCertificate): Address {
  const { certificate, manufacturerSignature } = signed
  return recoverMessage(anyMarket, 'MeterCertificate', certificate, manufacturerSignature)
}
