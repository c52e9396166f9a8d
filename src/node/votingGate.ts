import type { LedgerState } from '../ledger/ledgerState.ts'
import type { BlockRef } from '../ports/chain.ts'
import type { Address } from '../protocol/bytes.ts'
import { quorumOf } from '../protocol/committee.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'

/** Whether a member may vote now; a member that sees no blocks does not, and says why. */
export class VotingGate {
  readonly #state: LedgerState
  readonly #member: Address
  readonly #stallMs: number
  #headTimeSeconds = -1
  #headAtMs = 0
  #nowMs = 0
  #failure: ErrorCode | undefined

  constructor(options: { stallMs: number }, state: LedgerState, member: Address) {
    this.#stallMs = options.stallMs
    this.#state = state
    this.#member = member
  }

  tick(nowMs: number): void {
    this.#nowMs = nowMs
  }

  noteBlock(head: BlockRef, nowMs: number): void {
    this.#failure = undefined
    if (head.timeSeconds === this.#headTimeSeconds) return
    this.#headTimeSeconds = head.timeSeconds
    this.#headAtMs = nowMs
  }

  noteFailure(error: SpbError): void {
    this.#failure = error.code
  }

  /** Why the member does not vote, or undefined when it does. */
  reason(): { code: ErrorCode; text: string } | undefined {
    const { confirmed, committee, epochEndsAtHead, votesFromSeconds = 0 } = this.#state
    if (confirmed === undefined || this.#headTimeSeconds < 0) {
      const text = 'The chain was not read yet.'
      return { code: this.#failure ?? 'node/not-voting', text }
    }
    const stalledMs = this.#nowMs - this.#headAtMs
    if (stalledMs > this.#stallMs) {
      const text = `The chain’s time stands still for ${Math.round(stalledMs / 1000)} s.`
      return { code: this.#failure ?? 'chain/stalled', text }
    }
    if (confirmed.timeSeconds < votesFromSeconds) {
      const from = new Date(votesFromSeconds * 1000).toISOString()
      const text = `The database is new, and the member may have voted before: not until ${from}.`
      return { code: 'node/not-voting', text }
    }
    if (!committee.members.includes(this.#member)) {
      return { code: 'node/not-voting', text: 'This node is not a member of the committee.' }
    }
    if (quorumOf(committee) > 1) {
      const text = 'The committee has several members, and this version asks none of the others.'
      return { code: 'node/not-voting', text }
    }
    if (epochEndsAtHead !== undefined) {
      return { code: 'node/not-voting', text: 'The committee’s epoch is over.' }
    }
    return undefined
  }

  /** Throws `node/not-voting`, `chain/stalled` or `chain/unreachable` where it may not vote. */
  check(): void {
    const reason = this.reason()
    if (reason === undefined) return
    throw new SpbError(reason.code, reason.text, { meta: { reason: reason.code } })
  }
}
