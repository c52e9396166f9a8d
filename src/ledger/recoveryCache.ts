import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import { digestOf, type Market } from '../protocol/digest.ts'
import { makeRoom } from '../protocol/makeRoom.ts'
import { recoverSigner } from '../protocol/signature.ts'

/** Signatures that are remembered at most; then the oldest is forgotten. */
const mostSignatures = 8_192

type Recovery = { epoch: number; ctpsRoot: Bytes32; signer: Address | undefined }

/**
 * Remembers who signed a HoldVote: a signature covers up to 64 CTPs, and each of them brings it
 * along. What an adversary makes up only displaces the oldest.
 */
export class RecoveryCache {
  readonly #recoveries = new Map<Signature, Recovery>()
  readonly #market: Market

  constructor(market: Market) {
    this.#market = market
  }

  /** Who signed that vote, or undefined where nobody can have. */
  signerOf(epoch: number, ctpsRoot: Bytes32, signature: Signature): Address | undefined {
    const known = this.#recoveries.get(signature)
    if (known?.epoch === epoch && known.ctpsRoot === ctpsRoot) return known.signer
    const digest = digestOf(this.#market, 'HoldVote', { epoch, ctpsRoot })
    const signer = recoverSigner(digest, signature)
    if (known === undefined) makeRoom(this.#recoveries, mostSignatures)
    this.#recoveries.set(signature, { epoch, ctpsRoot, signer })
    return signer
  }
}
