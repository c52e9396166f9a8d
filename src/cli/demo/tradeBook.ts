import type { Bytes32 } from '../../protocol/bytes.ts'
import type { CtpView } from '../../protocol/views.ts'

/** What became of one certified CTP between two homes. */
export type BookedTrade = {
  consumer: number
  producer: number
  energyWh: number
  amountWei: bigint
  outcome: 'live' | 'settled' | 'expired'
  /** Paid for. */
  deliveredWh: number
  paidWei: bigint
}

/** A home's sums over its settled trades. */
export type HomeSums = { boughtWh: number; soldWh: number; spentWei: bigint; earnedWei: bigint }

/** What one home bought from another. */
export type PairSums = { consumer: number; producer: number; energyWh: number; paidWei: bigint }

/** All certified CTPs of a neighbourhood, kept up to date by what the node tells. */
export class TradeBook {
  readonly #trades = new Map<Bytes32, BookedTrade>()

  add(view: CtpView, consumer: number, producer: number): void {
    this.#trades.set(view.ctpId, {
      ...{ consumer, producer, energyWh: view.ctp.energyWh, amountWei: view.ctp.amountWei },
      ...{ outcome: 'live', deliveredWh: 0, paidWei: 0n },
    })
  }

  /** Takes the end of a CTP over from the node's view of it. */
  update({ ctpId, ctp, state, deliveredWh, paymentWei }: CtpView): void {
    const trade = this.#trades.get(ctpId)
    if (trade === undefined || (state !== 'settled' && state !== 'expired')) return
    trade.outcome = state
    if (state === 'expired') return
    trade.deliveredWh = Math.min(deliveredWh, ctp.energyWh)
    trade.paidWei = paymentWei
  }

  sumsOf(home: number): HomeSums {
    const sums: HomeSums = { boughtWh: 0, soldWh: 0, spentWei: 0n, earnedWei: 0n }
    for (const { consumer, producer, deliveredWh, paidWei } of this.#trades.values()) {
      if (consumer === home) {
        sums.boughtWh += deliveredWh
        sums.spentWei += paidWei
      }
      if (producer === home) {
        sums.soldWh += deliveredWh
        sums.earnedWei += paidWei
      }
    }
    return sums
  }

  /** Who paid whom, most energy first. */
  pairs(): PairSums[] {
    const pairs = new Map<string, PairSums>()
    for (const { consumer, producer, deliveredWh, paidWei } of this.#trades.values()) {
      if (deliveredWh === 0) continue
      const key = `${consumer} ${producer}`
      const pair = pairs.get(key) ?? { consumer, producer, energyWh: 0, paidWei: 0n }
      pair.energyWh += deliveredWh
      pair.paidWei += paidWei
      pairs.set(key, pair)
    }
    return [...pairs.values()].sort(
      (a, b) => b.energyWh - a.energyWh || a.consumer - b.consumer || a.producer - b.producer,
    )
  }

  /** Money that was on hold and came free without being paid, in all and by producer. */
  freed(): { amountWei: bigint; producers: Map<number, FailureSums> } {
    const producers = new Map<number, FailureSums>()
    let amountWei = 0n
    for (const trade of this.#trades.values()) {
      const freedWei = trade.amountWei - trade.paidWei
      if (trade.outcome === 'live' || trade.deliveredWh === trade.energyWh) continue
      amountWei += freedWei
      const sums = producers.get(trade.producer) ?? { nothing: 0, part: 0, freedWei: 0n }
      if (trade.outcome === 'expired') sums.nothing++
      else sums.part++
      sums.freedWei += freedWei
      producers.set(trade.producer, sums)
    }
    return { amountWei, producers }
  }
}

/** How often a producer delivered nothing or a part, and what consumers did not pay therefore. */
export type FailureSums = { nothing: number; part: number; freedWei: bigint }
