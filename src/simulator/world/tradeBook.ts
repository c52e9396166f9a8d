import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import type { HoldCertificate } from '../../protocol/holdCertificate.ts'
import type { TradePapers } from './tradePapers.ts'

/** A trade as it truly is, whatever nodes believe. */
export type TradeRecord = TradePapers & {
  isGenuine: boolean
  /** Honest members that put their vote on disk. */
  voters: Set<number>
  /** The highest receipt that its meter signed. */
  receiptedWh: number
  /** Shown to a client, or made by a cheat. */
  certificate?: HoldCertificate
}

/** All trades of a world, and what its nodes acknowledged of them. */
export class TradeBook {
  readonly #trades = new Map<Bytes32, TradeRecord>()
  readonly #byAccount = new Map<Address, TradeRecord[]>()

  /** Enters a trade when it is signed: before anybody can know it. */
  add(papers: TradePapers, isGenuine: boolean): TradeRecord {
    const known = this.#trades.get(papers.ctpId)
    if (known !== undefined) return known
    const record: TradeRecord = {
      ...papers,
      isGenuine,
      voters: new Set(),
      receiptedWh: 0,
    }
    this.#trades.set(papers.ctpId, record)
    const others = this.#byAccount.get(papers.consumer)
    if (others === undefined) this.#byAccount.set(papers.consumer, [record])
    else others.push(record)
    return record
  }

  get(ctpId: Bytes32): TradeRecord | undefined {
    return this.#trades.get(ctpId)
  }

  accounts(): IterableIterator<Address> {
    return this.#byAccount.keys()
  }

  ofAccount(account: Address): readonly TradeRecord[] {
    return this.#byAccount.get(account) ?? []
  }

  all(): IterableIterator<TradeRecord> {
    return this.#trades.values()
  }
}
