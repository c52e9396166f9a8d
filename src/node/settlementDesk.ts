import { nextBatchNumber, recordBatch } from '../ledger/batchRecord.ts'
import { buckets } from '../ledger/buckets.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import { idKey } from '../ledger/keys.ts'
import { freeAtSecondsOf, type LedgerState, partialFromSecondsOf } from '../ledger/ledgerState.ts'
import { viewCtp } from '../ledger/ledgerViews.ts'
import { takeReceipt } from '../ledger/receipts.ts'
import { decodeReceipt } from '../ledger/signedRows.ts'
import type { PeerId } from '../ports/network.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { identifyCtp } from '../protocol/ctpSubmission.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { SettleRefusal, SettleReply, SettleRequest } from '../protocol/nodeMessages.ts'
import { itemsHashOf, unpackBatch } from '../protocol/settlementBatch.ts'
import { signMessage } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import type { SettlementLoop } from './settlementLoop.ts'
import { payableWhOf } from './settlementRound.ts'

/** What a member may ask for at once, and then a second: an order costs up to 256 recoveries. */
const ordersAtOnce = 16
const ordersPerSecond = 4

/** Codes of receipts that no correct member sends along. */
const forged: readonly ErrorCode[] = ['erc/zero', 'erc/wrong-key']

type Item = { ctpId: Bytes32; receipt: SignedErc }
type Allowance = { orders: number; atMs: number }

/** A member's side of other members' settlements: it signs only what it would settle itself. */
export class SettlementDesk {
  readonly #context: NodeContext
  readonly #loop: SettlementLoop
  readonly #allowances = new Map<number, Allowance>()

  constructor(context: NodeContext, loop: SettlementLoop) {
    this.#context = context
    this.#loop = loop
  }

  /** Answers a member's order with a signature over all of it, or with why it does not sign. */
  take(peer: PeerId, request: SettleRequest): Judgement {
    const { state, gate, peers } = this.#context
    const { committee } = state
    if (request.epoch !== committee.epoch) return this.#refuse(peer, request, wrongEpoch)
    const proposer = committee.members.indexOf(peers.memberOf(peer) ?? '0x')
    // Its record may not have come yet: no reason to blame it.
    if (proposer < 0) return ignore('network/unexpected')
    if (!this.#isAllowed(proposer)) return this.#refuse(peer, request, 'node/overloaded')
    const reason = gate.settlementReason()
    if (reason !== undefined) return this.#refuse(peer, request, reason.code)
    try {
      const items = readItems(state, request)
      const refusals = items.flatMap((item, place) => this.#judge(item, place) ?? [])
      if (refusals.length === 0) this.#sign(peer, request, proposer, items)
      else this.#reply(peer, { ...replyTo(request), refusals })
      return accepted
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      return reject(error.code)
    }
  }

  /** Refuses the order as a whole. */
  #refuse(peer: PeerId, request: SettleRequest, code: ErrorCode): Judgement {
    this.#reply(peer, { ...replyTo(request), refusals: [{ place: 0, code }] })
    return ignore(code)
  }

  #reply(peer: PeerId, message: SettleReply): void {
    this.#context.emit({ kind: 'send', peer, message })
  }

  #isAllowed(proposer: number): boolean {
    const nowMs = this.#context.nowMs()
    const known = this.#allowances.get(proposer) ?? { orders: ordersAtOnce, atMs: nowMs }
    const gained = (Math.max(0, nowMs - known.atMs) * ordersPerSecond) / 1000
    const orders = Math.min(ordersAtOnce, known.orders + gained)
    const isAllowed = orders >= 1
    this.#allowances.set(proposer, { orders: isAllowed ? orders - 1 : orders, atMs: nowMs })
    return isAllowed
  }

  /** Why an item is not signed, or undefined. Throws for what no correct member proposes. */
  #judge({ ctpId, receipt }: Item, place: number): SettleRefusal | undefined {
    const { state } = this.#context
    const { deliveredWh } = receipt.erc
    const timeSeconds = state.head?.timeSeconds ?? 0
    const live = this.#learn(receipt)
    if (typeof live === 'string') return { place, code: live }
    if (this.#loop.hasEndedAtHead(ctpId)) return { place, code: 'settlement/ended' }
    if (timeSeconds > freeAtSecondsOf(state, live.expirySeconds)) return { place, code: 'erc/late' }
    if (payableWhOf(live, deliveredWh) < payableWhOf(live, live.deliveredWh)) {
      const bytes = state.store.get(buckets.receipt, idKey(ctpId))
      const shown = bytes === undefined ? {} : { receipt: decodeReceipt(ctpId, bytes) }
      return { place, code: 'erc/lower', ...shown }
    }
    const isPartial = deliveredWh < live.energyWh
    if (isPartial && timeSeconds < partialFromSecondsOf(state, live.expirySeconds)) {
      return { place, code: 'settlement/too-early' }
    }
    return undefined
  }

  /** The certified live CTP of a receipt, which is taken in if higher; or why there is none. */
  #learn(receipt: SignedErc): LiveCtp | ErrorCode {
    const { state, emit } = this.#context
    const { ctpId, deliveredWh } = receipt.erc
    const live = state.live.get(ctpId)
    const isKnown = live !== undefined && live.state !== 'proposed'
    if (isKnown && deliveredWh <= live.deliveredWh) return live
    try {
      const receipted = takeReceipt(state, receipt)
      emit({ kind: 'event', event: { kind: 'ctp', ctp: viewCtp(state, ctpId) } })
      return receipted
    } catch (error) {
      if (!(error instanceof SpbError) || forged.includes(error.code)) throw error
      return error.code
    }
  }

  #sign(peer: PeerId, request: SettleRequest, proposer: number, items: readonly Item[]): void {
    const { state, memberKey } = this.#context
    const { epoch, sequence, beneficiary } = request
    const itemsHash = itemsHashOf(request.items)
    // Asked again for the same batch, it is known already.
    if (!state.batches.has(itemsHash)) {
      recordBatch(state, nextBatchNumber(state), request.items)
    }
    const order = { epoch, sequence, itemsHash, beneficiary }
    const signature = signMessage(state.market, 'Settlement', order, memberKey)
    this.#loop.noteCosigned(
      proposer,
      items.map(({ ctpId }) => state.live.get(ctpId)!),
    )
    this.#reply(peer, { ...replyTo(request), signature })
  }
}

const wrongEpoch = 'certificate/wrong-epoch'

function replyTo({ id }: SettleRequest): SettleReply {
  return { kind: 'settleReply', id, refusals: [] }
}

/**
 * Reads an order's items. Throws `input/*`, `signature/invalid`, `ctp/self-trade`, `erc/zero`,
 * `settlement/wrong-receipt`, `settlement/repeated`.
 */
function readItems(state: LedgerState, { items, receipts }: SettleRequest): Item[] {
  const batch = unpackBatch(items)
  if (receipts.length !== batch.length) {
    throw new SpbError('input/shape', 'A settlement does not have one receipt an item.')
  }
  const seen = new Set<Bytes32>()
  return batch.map((item, place) => {
    const receipt = receipts[place]!
    const { ctpId } = identifyCtp(state.market, item)
    if (seen.has(ctpId)) throw new SpbError('settlement/repeated')
    seen.add(ctpId)
    if (item.deliveredWh === 0) throw new SpbError('erc/zero')
    const isItsOwn = receipt.erc.ctpId === ctpId && receipt.erc.deliveredWh === item.deliveredWh
    if (!isItsOwn) throw new SpbError('settlement/wrong-receipt')
    return { ctpId, receipt }
  })
}
