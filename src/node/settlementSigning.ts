import { nextBatchNumber } from '../ledger/batchRecord.ts'
import { recordOf } from '../ledger/ctpRecords.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import { viewCtp } from '../ledger/ledgerViews.ts'
import { takeReceipt } from '../ledger/receipts.ts'
import type { PeerId } from '../ports/network.ts'
import type { Address } from '../protocol/bytes.ts'
import { type MemberSignature, quorumOf } from '../protocol/committee.ts'
import { digestOf } from '../protocol/digest.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import {
  type CtpRecord,
  messageLimits,
  type SettleRefusal,
  type SettleReply,
} from '../protocol/nodeMessages.ts'
import { recoverSigner, signMessage } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import type { NodeEffect } from './nodeEffect.ts'
import type { SettlementPool } from './settlementPool.ts'
import {
  isItemRefusal,
  makeOrder,
  payableWhOf,
  receiptsOf,
  type SettlementOrder,
  SettlementRound,
} from './settlementRound.ts'
import { stepOf } from './settlementTurns.ts'

/** How a batch is brought to its signatures. */
export type SigningOptions = {
  /** Who gets the fees of the batch. */
  beneficiary: Address
  /** Members that have not answered for so long are waited for no longer. */
  answerMs: number
  /** Longest time for which a trade is left out that members refuse. */
  takeoverMs: number
}

/** Whom the signing of batches works for. */
export type SigningParts = {
  pool: SettlementPool
  onSigned(order: SettlementOrder, signatures: MemberSignature[], nowMs: number): NodeEffect[]
  /** Too few members sign anything. */
  onUnsigned(nowMs: number): void
}

/** How often members are asked again for a batch, each time without what they refuse. */
const mostRepeats = 4
/** Share of the time for answers that is waited once enough members would sign a part. */
const hurryShare = 0.25

/**
 * Brings one batch at a time to the signatures of a quorum. What members refuse is left out and
 * the rest asked for again; a higher receipt that they show is taken instead.
 */
export class SettlementSigning {
  readonly #options: SigningOptions
  readonly #context: NodeContext
  readonly #parts: SigningParts
  #round: SettlementRound | undefined
  #nextId = 1

  constructor(options: SigningOptions, context: NodeContext, parts: SigningParts) {
    this.#options = options
    this.#context = context
    this.#parts = parts
  }

  get isUnderWay(): boolean {
    return this.#round !== undefined
  }

  /** Forgets the batch; answers that still come are ignored. */
  drop(): void {
    this.#round = undefined
  }

  /** A member alone settles whatever it knows; one of many only while it would sign for others. */
  canPropose(): boolean {
    const { state, gate, memberAddress } = this.#context
    const { committee } = state
    if (!committee.members.includes(memberAddress)) return false
    const quorum = quorumOf(committee)
    if (quorum === 1) return true
    return gate.settlementReason() === undefined && this.#listConnected().length + 1 >= quorum
  }

  /** True for another member with a connection. */
  isConnected(member: number): boolean {
    const { state, peers, memberAddress } = this.#context
    const address = state.committee.members[member]!
    return address !== memberAddress && peers.peerOf(address) !== undefined
  }

  #listConnected(): number[] {
    const { members } = this.#context.state.committee
    return [...members.keys()].filter((member) => this.isConnected(member))
  }

  /** Makes an order of trades, one or more, and asks the other members for their signatures. */
  propose(trades: readonly LiveCtp[], nowMs: number): NodeEffect[] {
    return this.#ask(trades, 0, nowMs)
  }

  /** `repeats`: how often members were asked for this batch before. */
  #ask(trades: readonly LiveCtp[], repeats: number, nowMs: number): NodeEffect[] {
    const { state, peers, memberAddress, memberKey } = this.#context
    const { committee, market } = state
    const sequence = BigInt(nextBatchNumber(state))
    const order = makeOrder(state, trades, sequence, this.#options.beneficiary)
    const { epoch, itemsHash, beneficiary, items } = order
    const message = { epoch, sequence, itemsHash, beneficiary }
    const signature = signMessage(market, 'Settlement', message, memberKey)
    const own = { member: committee.members.indexOf(memberAddress), signature }
    if (quorumOf(committee) === 1) return this.#parts.onSigned(order, [own], nowMs)
    const id = this.#nextId
    this.#nextId = (id + 1) % 2 ** 32
    const asked = this.#listConnected()
    this.#round = new SettlementRound(order, own, asked, { id, repeats, sinceMs: nowMs })
    const request = {
      ...{ kind: 'settleRequest' as const, id, epoch, sequence, beneficiary, items },
      receipts: receiptsOf(state, order),
    }
    return asked.map((member) => {
      const peer = peers.peerOf(committee.members[member]!)!
      return { kind: 'send', peer, message: request }
    })
  }

  /** Takes a member's signature, or its reasons against some items. */
  takeReply(peer: PeerId, reply: SettleReply): Judgement {
    const { state, peers, nowMs, emit } = this.#context
    const { committee } = state
    const round = this.#round
    if (round === undefined || round.id !== reply.id) return ignore('network/unasked')
    const member = committee.members.indexOf(peers.memberOf(peer) ?? '0x')
    if (!round.isPending(member)) return ignore('network/unasked')
    const code = this.#takeAnswer(round, member, reply)
    if (code !== undefined) round.take(member, { kind: 'unable', code })
    for (const effect of this.pursue(nowMs())) emit(effect)
    return code === undefined ? accepted : reject(code)
  }

  /** Takes an answer in; the code says why nobody can use it. */
  #takeAnswer(
    round: SettlementRound,
    member: number,
    { signature, refusals }: SettleReply,
  ): ErrorCode | undefined {
    const { committee, market } = this.#context.state
    const { epoch, sequence, itemsHash, beneficiary, trades } = round.order
    if (signature !== undefined) {
      const digest = digestOf(market, 'Settlement', { epoch, sequence, itemsHash, beneficiary })
      if (recoverSigner(digest, signature) !== committee.members[member]) return 'signature/invalid'
      round.take(member, { kind: 'signed', signature: { member, signature } })
      return undefined
    }
    const places = new Set(refusals.map(({ place }) => place))
    if (places.size === 0 || places.size < refusals.length) return 'input/shape'
    if (refusals.some(({ place }) => place >= trades.length)) return 'input/shape'
    const whole = refusals.find((refusal) => !isItemRefusal(refusal))
    if (whole !== undefined) {
      round.take(member, { kind: 'unable', code: whole.code })
      return undefined
    }
    for (const { place, receipt } of refusals) {
      const code = receipt && this.#takeShown(trades[place]!.ctp, receipt)
      if (code !== undefined) return code
    }
    round.take(member, { kind: 'refused', refusals })
    return undefined
  }

  /** Takes a receipt that a member showed; the code says what no correct member shows. */
  #takeShown({ ctpId }: LiveCtp, receipt: SignedErc): ErrorCode | undefined {
    const { state, emit } = this.#context
    if (receipt.erc.ctpId !== ctpId) return 'settlement/wrong-receipt'
    if (receipt.erc.deliveredWh <= (state.live.get(ctpId)?.deliveredWh ?? 0)) return undefined
    try {
      takeReceipt(state, receipt)
      emit({ kind: 'event', event: { kind: 'ctp', ctp: viewCtp(state, ctpId) } })
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      if (error.code === 'erc/wrong-key') return error.code
    }
    return undefined
  }

  /** Goes on with the batch: passes on what enough have signed, asks anew, or gives up. */
  pursue(nowMs: number): NodeEffect[] {
    const { committee, live } = this.#context.state
    const round = this.#round
    if (round === undefined) return []
    const { order } = round
    const isOver = order.trades.every(({ ctp }) => !live.has(ctp.ctpId))
    if (isOver || order.epoch !== committee.epoch) {
      this.#round = undefined
      return []
    }
    const quorum = quorumOf(committee)
    const signatures = round.signatures()
    if (signatures.length >= quorum) {
      this.#round = undefined
      return this.#parts.onSigned(order, signatures.slice(0, quorum), nowMs)
    }
    const askedMs = nowMs - round.sinceMs
    const { answerMs } = this.#options
    if (askedMs >= answerMs) round.closeAsking()
    if (signatures.length + round.pending >= quorum) return []
    if (round.usable + 1 < quorum) return this.#giveUp(round, nowMs)
    const refusals = round.leastRefusals(quorum - 1)
    // Whoever answers late may refuse less than those who hurried to refuse.
    const isWaiting = round.pending > 0 && askedMs < answerMs * hurryShare
    if (refusals === undefined || isWaiting) return []
    return this.#askAgain(round, refusals, nowMs)
  }

  /** Asks for what those members would sign: with higher receipts, without what they refuse. */
  #askAgain(
    round: SettlementRound,
    refusals: ReadonlyMap<number, readonly SettleRefusal[]>,
    nowMs: number,
  ): NodeEffect[] {
    const { state } = this.#context
    const { trades } = round.order
    const dropped = new Set<number>()
    const effects: NodeEffect[] = []
    for (const [member, list] of refusals) {
      const lacking: CtpRecord[] = []
      for (const { place, code } of list) {
        const { ctp, deliveredWh } = trades[place]!
        if (payableWhOf(ctp, ctp.deliveredWh) > payableWhOf(ctp, deliveredWh)) continue
        const isTaught = code === 'erc/unknown-ctp' && round.repeats === 0
        const record = isTaught ? recordOf(state, ctp.ctpId) : undefined
        if (record === undefined) dropped.add(place)
        else lacking.push(record)
      }
      effects.push(...this.#teach(member, lacking))
    }
    for (const place of dropped) {
      const { ctp } = trades[place]!
      this.#parts.pool.holdOff(ctp.ctpId, nowMs, stepOf(state, ctp, this.#options.takeoverMs))
    }
    const kept = trades.filter(({ ctp }, place) => {
      return !dropped.has(place) && state.live.has(ctp.ctpId)
    })
    if (kept.length === 0 || round.repeats >= mostRepeats || !this.canPropose()) {
      return [...effects, ...this.#giveUp(round, nowMs)]
    }
    const again = kept.map(({ ctp }) => ctp)
    return [...effects, ...this.#ask(again, round.repeats + 1, nowMs)]
  }

  /** Sends a member the certificates that it lacks. */
  #teach(member: number, records: readonly CtpRecord[]): NodeEffect[] {
    const { state, peers } = this.#context
    const peer = peers.peerOf(state.committee.members[member]!)
    if (peer === undefined) return []
    const effects: NodeEffect[] = []
    for (let from = 0; from < records.length; from += messageLimits.recordsPerAsk) {
      const part = records.slice(from, from + messageLimits.recordsPerAsk)
      effects.push({ kind: 'send', peer, message: { kind: 'recordsTell', id: 0, records: part } })
    }
    return effects
  }

  #giveUp(round: SettlementRound, nowMs: number): NodeEffect[] {
    this.#round = undefined
    this.#parts.onUnsigned(nowMs)
    const signatures = round.signatures().length
    const meta = { items: round.order.trades.length, signatures, reasons: round.reasons() }
    return [{ kind: 'log', level: 'warn', message: 'too few members sign a settlement', meta }]
  }
}
