import { secp256k1 } from '@noble/curves/secp256k1.js'
import type { Curve } from './curve.ts'

/** secp256k1 in plain JavaScript: browsers, and machines for which no native build exists. */
export const curve: Curve = {
  backend: 'noble',
  sign(digest, privateKey) {
    const bytes = secp256k1.sign(digest, privateKey, { prehash: false, format: 'recovered' })
    return { rs: bytes.subarray(1), recovery: bytes[0]! }
  },
  recover(digest, rs, recovery) {
    try {
      const signature = secp256k1.Signature.fromBytes(rs).addRecoveryBit(recovery)
      return signature.recoverPublicKey(digest).toBytes(false)
    } catch {
      return undefined
    }
  },
  publicKeyOf: (privateKey) => secp256k1.getPublicKey(privateKey, false),
  isPrivateKey: (privateKey) => secp256k1.utils.isValidSecretKey(privateKey),
}
