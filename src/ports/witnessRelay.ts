import type { Address, Bytes32, Hex } from '../protocol/bytes.ts'
import type { SealedAnswer, SealedRequest } from '../protocol/witnessCodecs.ts'
import type { WitnessPost } from '../protocol/witnessPost.ts'

/**
 * A node as meters see it that witness for each other: it passes sealed requests on, and learns
 * neither what is asked nor by whom. All calls throw `node/unreachable` and the like.
 */
export type WitnessRelayAccess = {
  /** For people: the node's URL. */
  readonly name: string
  /** The node's member address, to which posts are bound. */
  identify(): Promise<Address>
  /** Makes a meter known as a witness. Throws `witness/post-invalid`, `meter/*`. */
  post(post: WitnessPost): Promise<void>
  /**
   * Waits for sealed requests for at most so long, or until the signal; none: an empty list.
   *
   * Throws `witness/unknown` (post again), `witness/wrong-token`.
   */
  fetchRequests(
    meter: Address,
    token: Bytes32,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<Hex[]>
  /** Answers a request. Throws `witness/not-asked` where nobody waits any more. */
  answer(meter: Address, token: Bytes32, answer: SealedAnswer): Promise<void>
  /** Witnesses that can be reached through this node. */
  list(): Promise<WitnessPost[]>
  /**
   * Sends a sealed request and waits for its sealed answer.
   *
   * Throws `meter/witness-silent`, `meter/witness-busy`, `witness/unknown`.
   */
  ask(request: SealedRequest, signal: AbortSignal): Promise<Hex>
}
