import type { Address } from '../protocol/bytes.ts'
import type { VerifiedCtp } from '../protocol/ctpSubmission.ts'
import { limits } from '../protocol/limits.ts'

/** CTPs of one account that may wait for the certificate of the nonce before theirs. */
const mostParked = limits.nonceWindow

/** A CTP of a client, and the request that waits for its answer. */
export type Submission = { request: number; verified: VerifiedCtp }

/** CTPs whose account's earlier ones are about to be certified: a client may send many at once. */
export class ParkedCtps {
  readonly #parked = new Map<Address, Submission[]>()

  /** Keeps a CTP whose nonce follows those that are kept; false where it does not. */
  add(submission: Submission, nextNonce: number): boolean {
    const { consumer, ctp } = submission.verified
    const parked = this.#parked.get(consumer) ?? []
    if (ctp.nonce > nextNonce + parked.length + 1 || parked.length >= mostParked) return false
    this.#parked.set(consumer, [...parked, submission])
    return true
  }

  /** Takes all of an account's out. */
  take(consumer: Address): Submission[] {
    const parked = this.#parked.get(consumer) ?? []
    this.#parked.delete(consumer)
    return parked
  }
}
