import type { Curve } from './curve.ts'
import { curve as nobleCurve } from './nobleCurve.ts'

type Native = typeof import('secp256k1')

/** The native build, or undefined where none loads; never the package's own slow fallback. */
async function loadNative(): Promise<Native | undefined> {
  try {
    const module = (await import('secp256k1/bindings.js')) as { default: Native }
    return module.default
  } catch {
    return undefined
  }
}

function wrapNative(native: Native): Curve {
  return {
    backend: 'native',
    sign(digest, privateKey) {
      const { signature, recid } = native.ecdsaSign(digest, privateKey)
      return { rs: signature, recovery: recid }
    },
    recover(digest, rs, recovery) {
      try {
        return native.ecdsaRecover(rs, recovery, digest, false)
      } catch {
        return undefined
      }
    },
    publicKeyOf: (privateKey) => native.publicKeyCreate(privateKey, false),
    isPrivateKey: (privateKey) => native.privateKeyVerify(privateKey),
  }
}

const native = await loadNative()

/** secp256k1 by libsecp256k1 where it loads, else in plain JavaScript. */
export const curve: Curve = native === undefined ? nobleCurve : wrapNative(native)
