import type { LedgerState } from '../ledger/ledgerState.ts'
import { viewCtp, viewOfRow } from '../ledger/ledgerViews.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { NodeEffect, Reply } from './nodeEffect.ts'
import { emptyTotals, type NodeCounts } from './nodeTotals.ts'

/** Requests of this node's own clients: who waits for which CTP, and what is answered. */
export class RequestBook {
  readonly totals: NodeCounts = emptyTotals()
  readonly #state: LedgerState
  readonly #emit: (effect: NodeEffect) => void
  /** Requests that wait for a CTP's certificate. */
  readonly #waiting = new Map<Bytes32, number[]>()

  constructor(state: LedgerState, emit: (effect: NodeEffect) => void) {
    this.#state = state
    this.#emit = emit
  }

  reply(request: number, reply: Reply): void {
    this.#emit({ kind: 'reply', request, reply })
  }

  /** Answers with a refusal; anything else is our own bug and passes on. */
  refuse(request: number, error: unknown): void {
    if (!(error instanceof SpbError)) throw error
    this.totals.refused++
    this.#emit({ kind: 'refuse', request, error })
  }

  /** Answers with what `run` returns, or with the refusal that it throws. */
  answer(request: number, run: () => Reply): void {
    try {
      this.reply(request, run())
    } catch (error) {
      this.refuse(request, error)
    }
  }

  isWaiting(ctpId: Bytes32): boolean {
    return this.#waiting.has(ctpId)
  }

  wait(ctpId: Bytes32, request: number): void {
    const requests = this.#waiting.get(ctpId)
    if (requests === undefined) this.#waiting.set(ctpId, [request])
    else requests.push(request)
  }

  /** Tells whoever waits, and everyone who listens, that a CTP was certified. */
  announceCertified(identified: IdentifiedCtp): void {
    const { ctpId } = identified
    const number = this.#state.live.get(ctpId)?.number
    const view =
      number === undefined
        ? viewCtp(this.#state, ctpId)
        : viewOfRow(this.#state, { ...identified, number })
    for (const request of this.#waiting.get(ctpId) ?? []) this.reply(request, view)
    this.#waiting.delete(ctpId)
    this.#emit({ kind: 'event', event: { kind: 'ctp', ctp: view } })
  }

  /** Refuses all who wait for a CTP. */
  refuseWaiting(ctpId: Bytes32, error: SpbError): void {
    for (const request of this.#waiting.get(ctpId) ?? []) this.refuse(request, error)
    this.#waiting.delete(ctpId)
  }
}
