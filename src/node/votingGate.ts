import type { LedgerState } from '../ledger/ledgerState.ts'
import type { BlockRef } from '../ports/chain.ts'
import type { Address } from '../protocol/bytes.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'

/** Why something is not done now. */
export type Reason = { code: ErrorCode; text: string }

/** How patient a gate is. */
export type VotingGateOptions = {
  /** Block time may stand still for so long. */
  stallMs: number
  /** The clock and the chain's time may differ by so much; left out: by any. */
  clockToleranceMs?: number
}

/**
 * Whether this node serves, and whether its member votes. A member that sees no blocks, whose
 * clock is wrong, that may have voted elsewhere or lacks what others have does not, and says why.
 */
export class VotingGate {
  readonly #options: VotingGateOptions
  readonly #state: LedgerState
  readonly #member: Address
  readonly #conditions: (() => Reason | undefined)[] = []
  #headTimeSeconds = -1
  #headAtMs = 0
  #nowMs = 0
  #failure: ErrorCode | undefined

  constructor(options: VotingGateOptions, state: LedgerState, member: Address) {
    this.#options = options
    this.#state = state
    this.#member = member
  }

  /** Adds a reason for which the member may not vote. */
  require(condition: () => Reason | undefined): void {
    this.#conditions.push(condition)
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

  /** Seconds by which the clock is ahead of the newest block; 0 before the first. */
  get clockSkewSeconds(): number {
    if (this.#headTimeSeconds < 0) return 0
    return Math.round(this.#headAtMs / 1000) - this.#headTimeSeconds
  }

  /** Why the node serves nobody, or undefined when it does. */
  servingReason(): Reason | undefined {
    if (this.#state.confirmed === undefined || this.#headTimeSeconds < 0) {
      const text = 'The chain was not read yet.'
      return { code: this.#failure ?? 'node/not-voting', text }
    }
    const stalledMs = this.#nowMs - this.#headAtMs
    if (stalledMs > this.#options.stallMs) {
      const text = `The chain’s time stands still for ${Math.round(stalledMs / 1000)} s.`
      return { code: this.#failure ?? 'chain/stalled', text }
    }
    const skewMs = Math.abs(this.clockSkewSeconds) * 1000
    if (skewMs > (this.#options.clockToleranceMs ?? Number.POSITIVE_INFINITY)) {
      const text = `Clock and chain differ by ${Math.round(skewMs / 1000)} s.`
      return { code: 'node/clock-skewed', text }
    }
    if (this.#state.epochEndsAtHead !== undefined) {
      return { code: 'node/not-voting', text: 'The committee’s epoch is over.' }
    }
    return undefined
  }

  /** Why the member does not vote, or undefined when it does. */
  reason(): Reason | undefined {
    const serving = this.servingReason()
    if (serving !== undefined) return serving
    const { confirmed, committee, votesFromSeconds = 0 } = this.#state
    if ((confirmed?.timeSeconds ?? 0) < votesFromSeconds) {
      const from = new Date(votesFromSeconds * 1000).toISOString()
      const text = `The database is new, and the member may have voted before: not until ${from}.`
      return { code: 'node/not-voting', text }
    }
    if (!committee.members.includes(this.#member)) {
      return { code: 'node/not-voting', text: 'This node is not a member of the committee.' }
    }
    for (const condition of this.#conditions) {
      const reason = condition()
      if (reason !== undefined) return reason
    }
    return undefined
  }

  /** Why the member signs no settlement: as for votes, but what was certified is still settled. */
  settlementReason(): Reason | undefined {
    const reason = this.reason()
    return reason?.code === 'epoch/ended' ? undefined : reason
  }

  /** Throws the reason for which the node serves nobody. */
  checkServing(): void {
    throwReason(this.servingReason())
  }

  /** Throws `node/not-voting`, `chain/stalled` and the like where the member may not vote. */
  check(): void {
    throwReason(this.reason())
  }
}

function throwReason(reason: Reason | undefined): void {
  if (reason === undefined) return
  throw new SpbError(reason.code, reason.text, { meta: { reason: reason.code } })
}
