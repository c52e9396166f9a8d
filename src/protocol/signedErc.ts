import type { Address, Signature } from './bytes.ts'
import { decodeHex, decodeMessage, decodeObject, encodeMessage } from './decodeMessage.ts'
import { digestOf, type Market } from './digest.ts'
import type { Erc } from './messages.ts'
import { recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'

/** An Energy Receipt Confirmation with its meter key's signature. */
export type SignedErc = { erc: Erc; signature: Signature }

/** Checks that a meter key signed a receipt of some energy. Throws `erc/zero`, `erc/wrong-key`. */
export function verifyErc(market: Market, signed: SignedErc, meterKey: Address): void {
  if (signed.erc.deliveredWh === 0) throw new SpbError('erc/zero')
  if (recoverSigner(digestOf(market, 'Erc', signed.erc), signed.signature) !== meterKey) {
    throw new SpbError('erc/wrong-key')
  }
}

/** Parses a signed receipt from JSON. Throws `input/*`. */
export function decodeSignedErc(value: unknown): SignedErc {
  const { erc, signature } = decodeObject(value, ['erc', 'signature'], 'receipt')
  return {
    erc: decodeMessage('Erc', erc),
    signature: decodeHex(signature, 64, 'signature'),
  }
}

/** The JSON form of a signed receipt. */
export function encodeSignedErc(signed: SignedErc): Record<string, unknown> {
  return { erc: encodeMessage('Erc', signed.erc), signature: signed.signature }
}
