import { buckets } from '../ledger/buckets.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import { idKey } from '../ledger/keys.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { ctpRowOf } from '../ledger/receipts.ts'
import { decodeReceipt } from '../ledger/signedRows.ts'
import type { Address, Bytes32, Hex } from '../protocol/bytes.ts'
import type { MemberSignature } from '../protocol/committee.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { SettleRefusal } from '../protocol/nodeMessages.ts'
import { itemsHashOf, packBatch } from '../protocol/settlementBatch.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { assert } from '../protocol/spbError.ts'
import type { Wh } from '../protocol/units.ts'

/** One trade of an order: energy as of when the order was made. */
export type OrderedTrade = { ctp: LiveCtp; deliveredWh: Wh }

/** A batch as members sign it. */
export type SettlementOrder = {
  epoch: number
  sequence: bigint
  beneficiary: Address
  /** Packed; `trades` are in the same order. */
  items: Hex
  itemsHash: Bytes32
  trades: OrderedTrade[]
}

/** Makes an order of trades, one or more. */
export function makeOrder(
  state: LedgerState,
  due: readonly LiveCtp[],
  sequence: bigint,
  beneficiary: Address,
): SettlementOrder {
  // One producer's trades in a row cost the contract one write of his account.
  const sorted = due.toSorted((a, b) => (a.producer < b.producer ? -1 : +(a.producer > b.producer)))
  const trades = sorted.map((ctp) => ({ ctp, deliveredWh: ctp.deliveredWh }))
  const items = packBatch(
    sorted.map(({ number, deliveredWh }) => {
      const { ctp, consumerSignature } = ctpRowOf(state, number)
      return { ctp, consumerSignature, deliveredWh }
    }),
  )
  const { epoch } = state.committee
  return { epoch, sequence, beneficiary, items, itemsHash: itemsHashOf(items), trades }
}

/** The receipts that an order's items stand on, in their order. */
export function receiptsOf(state: LedgerState, { trades }: SettlementOrder): SignedErc[] {
  return trades.map(({ ctp: { ctpId } }) => {
    const bytes = state.store.get(buckets.receipt, idKey(ctpId))
    assert(bytes !== undefined, 'what is delivered has a receipt')
    return decodeReceipt(ctpId, bytes)
  })
}

/** The energy that a settlement pays for: more than was committed pays no more. */
export function payableWhOf(ctp: Pick<LiveCtp, 'energyWh'>, deliveredWh: number): number {
  return Math.min(deliveredWh, ctp.energyWh)
}

/** What became of asking one member. */
type Answer =
  | { kind: 'signed'; signature: MemberSignature }
  | { kind: 'refused'; refusals: readonly SettleRefusal[] }
  /** It signs nothing at present, or answered what nobody can use. */
  | { kind: 'unable'; code: ErrorCode }

/** Codes by which a member refuses an item; all others are about the member or the order. */
const itemGroups = ['erc/', 'settlement/']

/** True for a refusal of one item, after which the others may still be signed. */
export function isItemRefusal({ code }: SettleRefusal): boolean {
  return itemGroups.some((group) => code.startsWith(group))
}

/** One time of asking members to sign an order. */
export class SettlementRound {
  readonly id: number
  readonly order: SettlementOrder
  /** Rounds before this one for the same batch. */
  readonly repeats: number
  readonly sinceMs: number
  readonly #own: MemberSignature
  readonly #pending: Set<number>
  readonly #answers = new Map<number, Answer>()

  constructor(
    order: SettlementOrder,
    own: MemberSignature,
    asked: readonly number[],
    place: { id: number; repeats: number; sinceMs: number },
  ) {
    this.id = place.id
    this.repeats = place.repeats
    this.sinceMs = place.sinceMs
    this.order = order
    this.#own = own
    this.#pending = new Set(asked)
  }

  /** True for a member that was asked and has not answered. */
  isPending(member: number): boolean {
    return this.#pending.has(member)
  }

  take(member: number, answer: Answer): void {
    this.#pending.delete(member)
    this.#answers.set(member, answer)
  }

  /** No answer is waited for any longer. */
  closeAsking(): void {
    for (const member of this.#pending)
      this.take(member, { kind: 'unable', code: 'node/unreachable' })
  }

  get pending(): number {
    return this.#pending.size
  }

  /** Members that would sign something, or have not answered yet. */
  get usable(): number {
    const willing = [...this.#answers.values()].filter(({ kind }) => kind !== 'unable')
    return willing.length + this.#pending.size
  }

  /** All signatures, this member's own included, in member order. */
  signatures(): MemberSignature[] {
    const signatures = [this.#own]
    for (const answer of this.#answers.values()) {
      if (answer.kind === 'signed') signatures.push(answer.signature)
    }
    return signatures.sort((a, b) => a.member - b.member)
  }

  /** Why members sign nothing: codes and how many gave each. */
  reasons(): Partial<Record<ErrorCode, number>> {
    const reasons: Partial<Record<ErrorCode, number>> = {}
    for (const answer of this.#answers.values()) {
      const codes =
        answer.kind === 'unable'
          ? [answer.code]
          : answer.kind === 'refused'
            ? new Set(answer.refusals.map(({ code }) => code))
            : []
      for (const code of codes) reasons[code] = (reasons[code] ?? 0) + 1
    }
    return reasons
  }

  /**
   * The refusals of the `wanted` members that refuse least: without these items those would sign.
   * So a member that refuses everything has its way only where no others answer. Undefined where
   * too few would sign anything.
   */
  leastRefusals(wanted: number): Map<number, SettleRefusal[]> | undefined {
    const willing: [member: number, refusals: readonly SettleRefusal[]][] = []
    for (const [member, answer] of this.#answers) {
      if (answer.kind === 'signed') willing.push([member, []])
      if (answer.kind === 'refused') willing.push([member, answer.refusals])
    }
    if (willing.length < wanted) return undefined
    willing.sort((a, b) => a[1].length - b[1].length || a[0] - b[0])
    return new Map(
      willing.slice(0, wanted).map(([member, refusals]) => [member, [...refusals]] as const),
    )
  }
}
