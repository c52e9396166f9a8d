import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { listSettleable } from '../ledger/receipts.ts'
import type { ChainEvent } from '../ports/chain.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { identifyCtp } from '../protocol/ctpSubmission.ts'
import { unpackBatch } from '../protocol/settlementBatch.ts'
import { SpbError } from '../protocol/spbError.ts'

/** A trade that can settle now, and since when this node knows that. */
export type DueTrade = { ctp: LiveCtp; sinceMs: number }

type SettledEvent = Extract<ChainEvent, { kind: 'Settled' }>

/** Longest time for which a trade is left out after it failed. */
const longestPauseMs = 60_000

/**
 * Which trades may go into a batch: not those that a block shows already, that others are about to
 * settle, or that were refused a moment ago.
 */
export class SettlementPool {
  readonly #state: LedgerState
  /** CTPs named by blocks that are not confirmed yet; `isOver`: settled, paid or declined there. */
  readonly #atHead = new Map<Bytes32, { blockNumber: number; isOver: boolean }>()
  /** Ids of the batches in those blocks, by what members sign of them. */
  readonly #named = new Map<Bytes32, { blockNumber: number; ctpIds: (Bytes32 | undefined)[] }>()
  /** CTPs that were skipped or refused, and until when they are left out. */
  readonly #heldOff = new Map<Bytes32, { times: number; untilMs: number }>()
  /** CTPs in batches of others that this member signed, and until when they are left to them. */
  readonly #cosigned = new Map<Bytes32, { members: Set<number>; untilMs: number }>()
  readonly #dueSinceMs = new Map<Bytes32, number>()

  constructor(state: LedgerState) {
    this.#state = state
  }

  /** A reorganisation may have undone what blocks showed. */
  noteRollBack(): void {
    this.#atHead.clear()
    this.#named.clear()
    this.#cosigned.clear()
  }

  /** Takes in what blocks show; the ledger has taken the update in before. */
  noteUpdate(update: ChainUpdate, nowMs: number): void {
    for (const ctpId of update.skipped) this.holdOff(ctpId, nowMs, longestPauseMs)
    for (const { ctpId } of update.trades) this.#heldOff.delete(ctpId)
    for (const seen of [this.#atHead, this.#named]) {
      for (const [id, { blockNumber }] of seen) {
        if (blockNumber <= update.confirmed.number) seen.delete(id)
      }
    }
    for (const kept of [this.#heldOff, this.#cosigned, this.#dueSinceMs]) {
      for (const ctpId of kept.keys()) if (!this.#state.live.has(ctpId)) kept.delete(ctpId)
    }
    for (const event of update.headEvents) this.#noteHeadEvent(event)
  }

  #noteHeadEvent(event: ChainEvent): void {
    if (event.kind === 'SettledWithProof' || event.kind === 'Declined') {
      this.#atHead.set(event.ctpId, { blockNumber: event.blockNumber, isOver: true })
    }
    if (event.kind !== 'Settled') return
    const { blockNumber, settledBitmap } = event
    for (const [place, ctpId] of this.#idsOf(event).entries()) {
      if (ctpId === undefined) continue
      const isOver =
        ((settledBitmap >> BigInt(place)) & 1n) === 1n || this.#atHead.get(ctpId)?.isOver === true
      this.#atHead.set(ctpId, { blockNumber, isOver })
    }
  }

  /** The ids that a batch names, found once for each batch. */
  #idsOf({ itemsHash, items, blockNumber }: SettledEvent): (Bytes32 | undefined)[] {
    const packed = items ?? this.#state.batches.get(itemsHash)
    if (packed === undefined) return []
    const known = this.#named.get(itemsHash)
    const ctpIds = known?.ctpIds ?? unpackBatch(packed).map((item) => this.#idOrNone(item))
    this.#named.set(itemsHash, { blockNumber, ctpIds })
    return ctpIds
  }

  /** A batch may carry rubbish, which the contract skipped. */
  #idOrNone(signed: Parameters<typeof identifyCtp>[1]): Bytes32 | undefined {
    try {
      return identifyCtp(this.#state.market, signed).ctpId
    } catch (error) {
      if (error instanceof SpbError) return undefined
      throw error
    }
  }

  /** True where a block that is not confirmed yet shows the end of a CTP. */
  hasEndedAtHead(ctpId: Bytes32): boolean {
    return this.#atHead.get(ctpId)?.isOver === true
  }

  /** Leaves a CTP out for a while: longer each time, at most for `mostMs`. */
  holdOff(ctpId: Bytes32, nowMs: number, mostMs: number): void {
    const times = (this.#heldOff.get(ctpId)?.times ?? 0) + 1
    const pauseMs = Math.min(longestPauseMs, mostMs, 1000 * 2 ** times)
    this.#heldOff.set(ctpId, { times, untilMs: nowMs + pauseMs })
  }

  /** Leaves a CTP to a member whose batch was signed; once to each, so that none can block it. */
  leaveTo(member: number, ctpId: Bytes32, untilMs: number): void {
    const known = this.#cosigned.get(ctpId)
    if (known === undefined) {
      this.#cosigned.set(ctpId, { members: new Set([member]), untilMs })
    } else if (!known.members.has(member)) {
      known.members.add(member)
      known.untilMs = Math.max(known.untilMs, untilMs)
    }
  }

  /** What can settle at a block time, those first whose money would be free first. */
  listDue(timeSeconds: number, most: number, nowMs: number): DueTrade[] {
    const due: DueTrade[] = []
    for (const ctp of listSettleable(this.#state, timeSeconds)) {
      if (due.length >= most) break
      if (!this.#isFree(ctp.ctpId, nowMs)) {
        this.#dueSinceMs.delete(ctp.ctpId)
        continue
      }
      const sinceMs = this.#dueSinceMs.get(ctp.ctpId) ?? nowMs
      this.#dueSinceMs.set(ctp.ctpId, sinceMs)
      due.push({ ctp, sinceMs })
    }
    return due
  }

  #isFree(ctpId: Bytes32, nowMs: number): boolean {
    if (this.#atHead.has(ctpId)) return false
    if ((this.#heldOff.get(ctpId)?.untilMs ?? 0) > nowMs) return false
    return (this.#cosigned.get(ctpId)?.untilMs ?? 0) <= nowMs
  }
}
