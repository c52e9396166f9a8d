import type { Bytes32, Signature } from '../protocol/bytes.ts'
import type { SignedCtp } from '../protocol/ctpSubmission.ts'
import type { Market } from '../protocol/digest.ts'
import type { Ctp, Erc } from '../protocol/messages.ts'
import { signMessage } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'

/**
 * Signs a CTP as its consumer, with a private key of 32 bytes. Never sign two at one nonce:
 * `prepareCtp` takes care of that.
 */
export function signCtp(market: Market, ctp: Ctp, privateKey: Uint8Array): SignedCtp {
  return { ctp, consumerSignature: signMessage(market, 'Ctp', ctp, privateKey) }
}

/** Consents to a CTP's terms as its producer, with a private key of 32 bytes. */
export function signAccept(market: Market, ctpId: Bytes32, privateKey: Uint8Array): Signature {
  return signMessage(market, 'Accept', { ctpId }, privateKey)
}

/** Signs a receipt with the one-time meter key that its CTP names. */
export function signErc(market: Market, erc: Erc, meterKey: Uint8Array): SignedErc {
  return { erc, signature: signMessage(market, 'Erc', erc, meterKey) }
}

/** Says with a one-time meter key that a receipt for a CTP can come. */
export function signMeterReady(market: Market, ctpId: Bytes32, meterKey: Uint8Array): Signature {
  return signMessage(market, 'MeterReady', { ctpId }, meterKey)
}
