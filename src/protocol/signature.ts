import { curve } from '#curve'
import {
  type Address,
  bytesToHex,
  type Hex,
  hexToBytes,
  isHex,
  type Signature,
  zeroAddress,
} from './bytes.ts'
import { digestOf, type Market } from './digest.ts'
import { keccak256 } from './keccak.ts'
import type { MessageName, Messages } from './messages.ts'
import { SpbError } from './spbError.ts'

/** Half of the curve's order: a signature above it has a twin, so it is refused. */
const halfOrder = hexToBytes('0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0')

/** Which code checks signatures here; `noble` is about 25 times slower than `native`. */
export const curveBackend = curve.backend

/** The address of an uncompressed public key of 65 bytes. */
function addressOfPublicKey(publicKey: Uint8Array): Address {
  return bytesToHex(keccak256(publicKey.subarray(1)).subarray(12))
}

/** The Ethereum address of a private key of 32 bytes. */
export function addressOf(privateKey: Uint8Array): Address {
  return addressOfPublicKey(curve.publicKeyOf(privateKey))
}

/** True for 32 bytes that are a private key: not zero, below the curve's order. */
export function isPrivateKey(privateKey: Uint8Array): boolean {
  return privateKey.length === 32 && curve.isPrivateKey(privateKey)
}

/** Signs a 32-byte digest; deterministic, low-s, in the compact form of EIP-2098. */
export function signDigest(digest: Uint8Array, privateKey: Uint8Array): Signature {
  const { rs, recovery } = curve.sign(digest, privateKey)
  const compact = rs.slice()
  if (recovery === 1) compact[32]! |= 0x80
  return bytesToHex(compact)
}

function isLowS(s: Uint8Array): boolean {
  for (let i = 0; i < 32; i++) {
    if (s[i]! !== halfOrder[i]!) return s[i]! < halfOrder[i]!
  }
  return true
}

/**
 * Who signed a digest, or undefined where nobody can have: malformed, high-s, zero address.
 *
 * An altered signature recovers some other address: compare the result with whom you expect.
 */
export function recoverSigner(digest: Uint8Array, signature: Hex): Address | undefined {
  if (!isHex(signature, 64)) return undefined
  const rs = hexToBytes(signature)
  const recovery = rs[32]! >> 7
  rs[32]! &= 0x7f
  if (!isLowS(rs.subarray(32))) return undefined
  const publicKey = curve.recover(digest, rs, recovery)
  if (publicKey === undefined) return undefined
  const address = addressOfPublicKey(publicKey)
  return address === zeroAddress ? undefined : address
}

/** Signs a message for a market with a private key of 32 bytes. */
export function signMessage<Name extends MessageName>(
  market: Market,
  name: Name,
  message: Messages[Name],
  privateKey: Uint8Array,
): Signature {
  return signDigest(digestOf(market, name, message), privateKey)
}

/** Who signed a message for a market. Throws `signature/invalid` where nobody can have. */
export function recoverMessage<Name extends MessageName>(
  market: Market,
  name: Name,
  message: Messages[Name],
  signature: Signature,
): Address {
  const signer = recoverSigner(digestOf(market, name, message), signature)
  if (signer === undefined) {
    throw new SpbError('signature/invalid', `The signature of the ${name} is malformed.`)
  }
  return signer
}
