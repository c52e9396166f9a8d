import { nextBatchNumber, recordBatch } from '../ledger/batchRecord.ts'
import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import type { SettleCall, TransactionOutcome } from '../ports/chain.ts'
import type { PeerId } from '../ports/network.ts'
import { type Address, type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { type MemberSignature, packSignatures } from '../protocol/committee.ts'
import { limits } from '../protocol/limits.ts'
import type { SettleReply } from '../protocol/nodeMessages.ts'
import type { Judgement, NodeContext } from './nodeContext.ts'
import type { NodeEffect } from './nodeEffect.ts'
import { type DueTrade, SettlementPool } from './settlementPool.ts'
import type { SettlementOrder } from './settlementRound.ts'
import { SettlementSigning } from './settlementSigning.ts'
import {
  defaultTurns,
  isUrgent,
  membersAheadOf,
  rankOf,
  stepOf,
  type TurnOptions,
} from './settlementTurns.ts'

/**
 * When a batch goes out: as soon as it is this large, or its oldest trade this old. What is due by
 * then goes along, up to the most that the contract takes.
 */
export type SettlementOptions = Partial<TurnOptions> & {
  batchItems: number
  batchAgeMs: number
  /**
   * A transaction not in a block for so long is looked at, and sent again with a higher fee; and
   * for so long a batch of another member, once signed, is left to it.
   */
  resendMs: number
  /** For so long members’ signatures under a batch are waited for; 2,000 by default. */
  answerMs?: number
  /** Who gets the fees of the batches that this node makes. */
  beneficiary: Address
}

type InFlight = {
  itemsHash: Bytes32
  ctpIds: Bytes32[]
  transactionHash?: Bytes32
  sentAtMs: number
  /** The chain's height then: while it stands still, nothing is gained by sending again. */
  sentAtHead: number
}

/** Longest pause after failures in a row. */
const longestPauseMs = 60_000
/** Longest pause after batches in a row that too few members signed. */
const longestQuietMs = 8_000

/**
 * Makes batches of what can be settled, in turns with the other members, has them signed, and sees
 * each one into a confirmed block.
 *
 * One batch is in flight at a time. A lost or failed one is simply made anew from what is still
 * unsettled: nonces see to it that nothing is paid twice, a superfluous one costs gas only.
 */
export class SettlementLoop {
  readonly #options: SettlementOptions & TurnOptions & { answerMs: number }
  readonly #context: NodeContext
  readonly #pool: SettlementPool
  readonly #signing: SettlementSigning
  #inFlight: InFlight | undefined
  /** A batch failed: what was in it has waited enough. */
  #isOverdue = false
  /** A batch was not mined: its successor replaces it, whoever's turn it is. */
  #isReplacing = false
  #failures = 0
  /** Batches in a row that too few members signed. */
  #unsigned = 0
  /** Trades in the next batch at most: halved by a failure, doubled by each success. */
  #mostItems: number = limits.itemsPerBatch
  #pausedUntilMs = 0

  constructor(options: SettlementOptions, context: NodeContext) {
    this.#options = { ...defaultTurns, answerMs: 2_000, ...options }
    this.#context = context
    this.#pool = new SettlementPool(context.state)
    const { beneficiary, answerMs, takeoverMs } = this.#options
    this.#signing = new SettlementSigning({ beneficiary, answerMs, takeoverMs }, context, {
      pool: this.#pool,
      onSigned: (order, signatures, nowMs) => this.#settle(order, signatures, nowMs),
      onUnsigned: (nowMs) => this.#noteUnsigned(nowMs),
    })
  }

  get inFlight(): number {
    return this.#inFlight === undefined ? 0 : 1
  }

  noteSent(transactionHash: Bytes32): void {
    if (this.#inFlight === undefined) return
    this.#inFlight.transactionHash = transactionHash
    this.#failures = 0
    this.#mostItems = Math.min(limits.itemsPerBatch, 2 * this.#mostItems)
  }

  noteFailed(nowMs: number): void {
    // It may have been more than fits into a block of this chain.
    const size = this.#inFlight?.ctpIds.length ?? limits.itemsPerBatch
    this.#mostItems = Math.max(1, Math.floor(size / 2))
    this.#inFlight = undefined
    this.#isOverdue = true
    this.#failures++
    this.#pausedUntilMs = nowMs + Math.min(longestPauseMs, 500 * 2 ** this.#failures)
  }

  noteOutcome(outcome: TransactionOutcome, nowMs: number): void {
    if (this.#inFlight === undefined) return
    if (outcome.status === 'included') {
      if (!outcome.isSuccess) this.noteFailed(nowMs)
      return
    }
    // Pending or dropped: made anew at once, which replaces a pending one with a higher fee.
    this.#inFlight = undefined
    this.#isReplacing = true
  }

  /** A reorganisation may have undone the settlement, or what made it due. */
  noteRollBack(): void {
    this.#inFlight = undefined
    this.#signing.drop()
    this.#pool.noteRollBack()
  }

  noteUpdate(update: ChainUpdate, nowMs: number): void {
    this.#pool.noteUpdate(update, nowMs)
    for (const event of [...update.events, ...update.headEvents]) {
      // In a block, if not confirmed: the next batch need not wait for that.
      if (event.kind !== 'Settled' || event.itemsHash !== this.#inFlight?.itemsHash) continue
      this.#inFlight = undefined
    }
  }

  /** True where a block that is not confirmed yet shows the end of a CTP. */
  hasEndedAtHead(ctpId: Bytes32): boolean {
    return this.#pool.hasEndedAtHead(ctpId)
  }

  /** This member signed another's batch: its trades are left to that member for a while. */
  noteCosigned(member: number, trades: readonly LiveCtp[]): void {
    const { state, nowMs } = this.#context
    for (const ctp of trades) {
      const pauseMs = stepOf(state, ctp, this.#options.resendMs)
      this.#pool.leaveTo(member, ctp.ctpId, nowMs() + pauseMs)
    }
  }

  /** What to do now: nothing, have a batch signed, send it, or look after the one in flight. */
  advance(nowMs: number): NodeEffect[] {
    if (this.#inFlight !== undefined) return this.#lookAfter(this.#inFlight, nowMs)
    if (this.#signing.isUnderWay) return this.#signing.pursue(nowMs)
    const head = this.#context.state.head
    if (head === undefined || nowMs < this.#pausedUntilMs || !this.#signing.canPropose()) return []
    const due = this.#pool.listDue(head.timeSeconds, this.#mostItems, nowMs)
    if (due.length === 0) {
      this.#isOverdue = false
      this.#isReplacing = false
      return []
    }
    const ready = this.#listReady(due, nowMs)
    return ready.length === 0 ? [] : this.#signing.propose(ready, nowMs)
  }

  /** What goes into a batch now: all that is due in the own turn, else what waited too long. */
  #listReady(due: readonly DueTrade[], nowMs: number): LiveCtp[] {
    const { state, memberAddress } = this.#context
    const { members } = state.committee
    const { batchItems, batchAgeMs, spanBlocks, takeoverMs } = this.#options
    const { timeSeconds, number } = state.head!
    const all = due.map(({ ctp }) => ctp)
    if (this.#isReplacing) return all
    const own = members.indexOf(memberAddress)
    const rank = rankOf(own, number, members.length, spanBlocks)
    if (rank === 0) {
      const wanted = Math.min(batchItems, this.#mostItems)
      const isReady =
        due.length >= wanted ||
        this.#isOverdue ||
        due.some(({ sinceMs }) => nowMs - sinceMs >= batchAgeMs) ||
        all.some((ctp) => isUrgent(state, ctp, timeSeconds))
      return isReady ? all : []
    }
    const ahead = membersAheadOf(own, rank, members.length, (member) =>
      this.#signing.isConnected(member),
    )
    const late = due.filter(({ ctp, sinceMs }) => {
      const ageMs = isUrgent(state, ctp, timeSeconds) ? 0 : batchAgeMs
      return nowMs - sinceMs >= ageMs + ahead * stepOf(state, ctp, takeoverMs)
    })
    return late.map(({ ctp }) => ctp)
  }

  /** Takes a member's signature, or its reasons against some items. */
  takeReply(peer: PeerId, reply: SettleReply): Judgement {
    return this.#signing.takeReply(peer, reply)
  }

  /** Too few members signed: not again at once. */
  #noteUnsigned(nowMs: number): void {
    this.#unsigned++
    this.#pausedUntilMs = nowMs + Math.min(longestQuietMs, 250 * 2 ** this.#unsigned)
  }

  #settle(order: SettlementOrder, signatures: MemberSignature[], nowMs: number): NodeEffect[] {
    const { state } = this.#context
    const { itemsHash, trades, epoch, sequence, beneficiary, items } = order
    recordBatch(state, nextBatchNumber(state), items)
    const ctpIds = trades.map(({ ctp }) => ctp.ctpId)
    const sentAtHead = state.head?.number ?? 0
    this.#inFlight = { itemsHash, ctpIds, sentAtMs: nowMs, sentAtHead }
    this.#isOverdue = false
    this.#isReplacing = false
    this.#unsigned = 0
    const call: SettleCall = {
      ...{ epoch, sequence, beneficiary, items },
      databaseRoot: bytesToHex(state.tree.root()),
      votes: packSignatures(signatures),
    }
    return [{ kind: 'settle', call }]
  }

  #lookAfter(flight: InFlight, nowMs: number): NodeEffect[] {
    const { state } = this.#context
    // All of it ended otherwise: settled by another batch, or expired.
    if (flight.ctpIds.every((ctpId) => !state.live.has(ctpId))) {
      this.#inFlight = undefined
      return []
    }
    if (nowMs - flight.sentAtMs < this.#options.resendMs) return []
    if ((state.head?.number ?? 0) <= flight.sentAtHead) return []
    flight.sentAtMs = nowMs
    if (flight.transactionHash === undefined) return []
    return [{ kind: 'checkSettlement', transactionHash: flight.transactionHash }]
  }
}
