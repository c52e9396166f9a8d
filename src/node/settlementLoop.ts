import { nextBatchNumber, recordBatch } from '../ledger/batchRecord.ts'
import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import { type LedgerState, partialFromSecondsOf } from '../ledger/ledgerState.ts'
import { ctpRowOf, listSettleable } from '../ledger/receipts.ts'
import type { SettleCall, TransactionOutcome } from '../ports/chain.ts'
import { type Address, type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { type MemberSignature, packSignatures, quorumOf } from '../protocol/committee.ts'
import { limits } from '../protocol/limits.ts'
import { itemsHashOf, packBatch } from '../protocol/settlementBatch.ts'
import { addressOf, signMessage } from '../protocol/signature.ts'
import type { NodeEffect } from './nodeEffect.ts'

/**
 * When a batch goes out: as soon as it is this large, or its oldest trade this old. What is due by
 * then goes along, up to the most that the contract takes.
 */
export type SettlementOptions = {
  batchItems: number
  batchAgeMs: number
  /** A transaction not in a block for so long is looked at, and sent again with a higher fee. */
  resendMs: number
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

/**
 * Makes batches of what can be settled and sees each one into a confirmed block.
 *
 * One batch is in flight at a time. A lost or failed one is simply made anew from what is still
 * unsettled: nonces see to it that nothing is paid twice, a superfluous one costs gas only.
 */
export class SettlementLoop {
  readonly #options: SettlementOptions
  readonly #state: LedgerState
  readonly #memberKey: Uint8Array
  readonly #memberAddress: Address
  #inFlight: InFlight | undefined
  #dueSinceMs: number | undefined
  #failures = 0
  /** Trades in the next batch at most: halved by a failure, doubled by each success. */
  #mostItems: number = limits.itemsPerBatch
  #pausedUntilMs = 0
  /** Batches in blocks that are not confirmed yet. */
  readonly #included = new Map<Bytes32, { ctpIds: Set<Bytes32>; headNumber: number }>()
  /** CTPs that were paid by proof or declined in blocks that are not confirmed yet. */
  readonly #endedAtHead = new Map<Bytes32, number>()
  /** CTPs that a settlement skipped, and until when they are left out. */
  readonly #heldOff = new Map<Bytes32, { times: number; untilMs: number }>()

  constructor(options: SettlementOptions, state: LedgerState, memberKey: Uint8Array) {
    this.#options = options
    this.#state = state
    this.#memberKey = memberKey
    this.#memberAddress = addressOf(memberKey)
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
    this.#dueSinceMs = Number.NEGATIVE_INFINITY
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
    this.#dueSinceMs = Number.NEGATIVE_INFINITY
  }

  /** A reorganisation may have undone the settlement, or what made it due. */
  noteRollBack(): void {
    this.#inFlight = undefined
    this.#included.clear()
    this.#endedAtHead.clear()
  }

  noteUpdate(update: ChainUpdate, nowMs: number): void {
    for (const ctpId of update.skipped) {
      const times = (this.#heldOff.get(ctpId)?.times ?? 0) + 1
      const untilMs = nowMs + Math.min(longestPauseMs, 1000 * 2 ** times)
      this.#heldOff.set(ctpId, { times, untilMs })
    }
    for (const { ctpId } of update.trades) this.#heldOff.delete(ctpId)
    for (const event of update.events) {
      if (event.kind !== 'Settled') continue
      if (event.itemsHash === this.#inFlight?.itemsHash) this.#inFlight = undefined
    }
    for (const [itemsHash, { headNumber }] of this.#included) {
      if (headNumber <= update.confirmed.number) this.#included.delete(itemsHash)
    }
    for (const [ctpId, headNumber] of this.#endedAtHead) {
      if (headNumber <= update.confirmed.number) this.#endedAtHead.delete(ctpId)
    }
    for (const event of update.headEvents) {
      const isEnd = event.kind === 'SettledWithProof' || event.kind === 'Declined'
      if (isEnd) this.#endedAtHead.set(event.ctpId, update.head.number)
      // In a block, but not confirmed: the next batch need not wait for that.
      if (event.kind !== 'Settled' || event.itemsHash !== this.#inFlight?.itemsHash) continue
      const { itemsHash, ctpIds } = this.#inFlight
      this.#included.set(itemsHash, { ctpIds: new Set(ctpIds), headNumber: update.head.number })
      this.#inFlight = undefined
    }
  }

  /** What to do now: nothing, send a batch, or look after the one in flight. */
  advance(nowMs: number): NodeEffect[] {
    if (this.#inFlight !== undefined) return this.#lookAfter(this.#inFlight, nowMs)
    const head = this.#state.head
    if (head === undefined || nowMs < this.#pausedUntilMs) return []
    const due = this.#listDue(head.timeSeconds, nowMs)
    if (due.length === 0) {
      this.#dueSinceMs = undefined
      return []
    }
    this.#dueSinceMs ??= nowMs
    const isOld = nowMs - this.#dueSinceMs >= this.#options.batchAgeMs
    // The second half of the grace is the time that a transaction may need to get into a block.
    const isUrgent = due.some(
      ({ expirySeconds }) => partialFromSecondsOf(this.#state, expirySeconds) <= head.timeSeconds,
    )
    const wanted = Math.min(this.#options.batchItems, this.#mostItems)
    if (due.length < wanted && !isOld && !isUrgent) return []
    return this.#send(due, nowMs)
  }

  #listDue(timeSeconds: number, nowMs: number): LiveCtp[] {
    for (const ctpId of this.#heldOff.keys()) {
      if (!this.#state.live.has(ctpId)) this.#heldOff.delete(ctpId)
    }
    const due: LiveCtp[] = []
    for (const ctp of listSettleable(this.#state, timeSeconds)) {
      if (due.length >= this.#mostItems) break
      if (this.#isFree(ctp.ctpId, nowMs)) due.push(ctp)
    }
    return due
  }

  /** Neither held off, nor in a block that waits for its confirmation. */
  #isFree(ctpId: Bytes32, nowMs: number): boolean {
    if (this.#endedAtHead.has(ctpId)) return false
    if ((this.#heldOff.get(ctpId)?.untilMs ?? 0) > nowMs) return false
    for (const { ctpIds } of this.#included.values()) if (ctpIds.has(ctpId)) return false
    return true
  }

  #send(due: readonly LiveCtp[], nowMs: number): NodeEffect[] {
    const { committee, market } = this.#state
    const member = committee.members.indexOf(this.#memberAddress)
    if (member < 0) return []
    // One producer's trades in a row cost the contract one write of his account.
    const sorted = due.toSorted((a, b) =>
      a.producer < b.producer ? -1 : +(a.producer > b.producer),
    )
    const items = packBatch(
      sorted.map(({ number, deliveredWh }) => {
        const { ctp, consumerSignature } = ctpRowOf(this.#state, number)
        return { ctp, consumerSignature, deliveredWh }
      }),
    )
    const itemsHash = itemsHashOf(items)
    const { epoch } = committee
    const { beneficiary } = this.#options
    const number = nextBatchNumber(this.#state)
    const sequence = BigInt(number)
    const order = { epoch, sequence, itemsHash, beneficiary }
    const signature = signMessage(market, 'Settlement', order, this.#memberKey)
    const signatures: MemberSignature[] = [{ member, signature }]
    if (signatures.length < quorumOf(committee)) return []
    const ctpIds = due.map(({ ctpId }) => ctpId)
    recordBatch(this.#state, number, items)
    const sentAtHead = this.#state.head?.number ?? 0
    this.#inFlight = { itemsHash, ctpIds, sentAtMs: nowMs, sentAtHead }
    this.#dueSinceMs = undefined
    const call: SettleCall = {
      ...{ epoch, sequence, beneficiary, items },
      databaseRoot: bytesToHex(this.#state.tree.root()),
      votes: packSignatures(signatures),
    }
    return [{ kind: 'settle', call }]
  }

  #lookAfter(flight: InFlight, nowMs: number): NodeEffect[] {
    // All of it ended otherwise: settled by another batch, or expired.
    if (flight.ctpIds.every((ctpId) => !this.#state.live.has(ctpId))) {
      this.#inFlight = undefined
      return []
    }
    if (nowMs - flight.sentAtMs < this.#options.resendMs) return []
    if ((this.#state.head?.number ?? 0) <= flight.sentAtHead) return []
    flight.sentAtMs = nowMs
    if (flight.transactionHash === undefined) return []
    return [{ kind: 'checkSettlement', transactionHash: flight.transactionHash }]
  }
}
