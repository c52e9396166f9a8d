import { describe, expect, it } from 'vitest'
import { leastTradeWh, matchTrades, mostTradesPerHome, type Surplus } from './matchTrades.ts'

const offer = (
  offerId: bigint,
  producer: number,
  energyWh: number,
  priceWeiPerKwh: bigint,
): Surplus => ({ offerId, producer, energyWh, priceWeiPerKwh })

describe('matchTrades', () => {
  it('buys the cheapest first, from several producers if it must', () => {
    const offers = [offer(1n, 7, 300, 90n), offer(2n, 8, 200, 80n), offer(3n, 9, 900, 100n)]
    expect(matchTrades([{ home: 0, energyWh: 700 }], offers)).toEqual([
      [{ consumer: 0, producer: 8, offerId: 2n, energyWh: 200 }],
      [{ consumer: 0, producer: 7, offerId: 1n, energyWh: 300 }],
      [{ consumer: 0, producer: 9, offerId: 3n, energyWh: 200 }],
    ])
  })

  it('takes the earlier offer of two at one price', () => {
    const offers = [offer(5n, 7, 300, 90n), offer(4n, 8, 300, 90n)]
    const [[purchase] = []] = matchTrades([{ home: 0, energyWh: 100 }], offers)
    expect(purchase?.offerId).toBe(4n)
  })

  it('serves homes in their order, each once in a round', () => {
    const offers = [offer(1n, 7, 150, 90n), offer(2n, 8, 500, 95n)]
    const wants = [
      { home: 1, energyWh: 100 },
      { home: 0, energyWh: 100 },
    ]
    expect(matchTrades(wants, offers)).toEqual([
      [
        { consumer: 1, producer: 7, offerId: 1n, energyWh: 100 },
        { consumer: 0, producer: 7, offerId: 1n, energyWh: 50 },
      ],
      [{ consumer: 0, producer: 8, offerId: 2n, energyWh: 50 }],
    ])
  })

  it('never sells more than was offered, and never to the producer himself', () => {
    const offers = [offer(1n, 0, 100, 90n), offer(2n, 1, 120, 95n)]
    const wants = [0, 1, 2].map((home) => ({ home, energyWh: 200 }))
    const purchases = matchTrades(wants, offers).flat()
    expect(purchases.every(({ consumer, producer }) => consumer !== producer)).toBe(true)
    for (const { offerId, energyWh } of offers) {
      const sold = purchases.filter((purchase) => purchase.offerId === offerId)
      expect(sold.reduce((sum, purchase) => sum + purchase.energyWh, 0)).toBe(energyWh)
    }
  })

  it('leaves out what is not worth a trade', () => {
    const small = leastTradeWh - 1
    expect(matchTrades([{ home: 0, energyWh: small }], [offer(1n, 7, 500, 90n)])).toEqual([])
    expect(matchTrades([{ home: 0, energyWh: 500 }], [offer(1n, 7, small, 90n)])).toEqual([])
    expect(matchTrades([], [offer(1n, 7, 500, 90n)])).toEqual([])
  })

  it('gives a home no more trades than its nonces allow', () => {
    const offers = Array.from({ length: 20 }, (_, at) => offer(BigInt(at + 1), at + 1, 20, 90n))
    expect(matchTrades([{ home: 0, energyWh: 400 }], offers)).toHaveLength(mostTradesPerHome)
  })
})
