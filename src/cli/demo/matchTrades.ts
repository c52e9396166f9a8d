import { type Wh, wh } from '../../protocol/units.ts'

/** Energy that a home wants in a step. */
export type Want = { home: number; energyWh: number }

/** Energy that a home offers in a step. */
export type Surplus = {
  offerId: bigint
  producer: number
  energyWh: number
  priceWeiPerKwh: bigint
}

/** One home buys of one offer. */
export type Purchase = { consumer: number; producer: number; offerId: bigint; energyWh: Wh }

/** Trades of a home in a step: more would fill its 64 nonces before the first ones are settled. */
export const mostTradesPerHome = 7

/** Less is not worth a trade: it comes from the grid. */
export const leastTradeWh = 10

function comparePrices(a: Surplus, b: Surplus): number {
  if (a.priceWeiPerKwh !== b.priceWeiPerKwh) return a.priceWeiPerKwh < b.priceWeiPerKwh ? -1 : 1
  return a.offerId < b.offerId ? -1 : 1
}

/**
 * Matches a step's wants with its offers: in turn, each home buys as much as it wants of the
 * cheapest offer that has some left, from several producers if it must.
 *
 * Wants are served in their order, round by round: in a round each home buys once, so that its
 * CTPs can be certified one after the other. Trades below `leastTradeWh` are left out, and those
 * beyond `mostTradesPerHome`.
 */
export function matchTrades(wants: readonly Want[], offers: readonly Surplus[]): Purchase[][] {
  const missing = wants.map(({ energyWh }) => energyWh)
  const left = offers.toSorted(comparePrices).map((offer) => ({ ...offer }))
  const rounds: Purchase[][] = []
  while (rounds.length < mostTradesPerHome) {
    const round: Purchase[] = []
    for (const [at, { home }] of wants.entries()) {
      if (missing[at]! < leastTradeWh) continue
      const offer = left.find((one) => one.producer !== home && one.energyWh >= leastTradeWh)
      if (offer === undefined) continue
      const energyWh = Math.min(missing[at]!, offer.energyWh)
      missing[at]! -= energyWh
      offer.energyWh -= energyWh
      const { offerId, producer } = offer
      round.push({ consumer: home, producer, offerId, energyWh: wh(energyWh) })
    }
    if (round.length === 0) break
    rounds.push(round)
  }
  return rounds
}
