import { describe, expect, it } from 'vitest'
import { fakeOffer, producer } from '../api/fakeNode.ts'
import { wei, wh } from '../protocol/units.ts'
import type { OfferView } from '../protocol/views.ts'
import { type CtpTerms, chooseOffer } from './chooseOffer.ts'

const offer = (offerId: bigint, change: Partial<OfferView> = {}): OfferView => ({
  ...fakeOffer,
  offerId,
  ...change,
})

/** Cheapest first, as a node lists them. */
const offers = [
  offer(1n, { priceWeiPerKwh: 50n, leftWh: wh(100) }),
  offer(2n, { priceWeiPerKwh: 80n, isOpen: false }),
  offer(3n, { priceWeiPerKwh: 100n }),
  offer(4n, { priceWeiPerKwh: 120n, isNegotiable: true }),
  offer(5n, { priceWeiPerKwh: 200n }),
]

function choose(terms: Partial<CtpTerms>, isNegotiated = false, list = offers) {
  const client = {
    offers: async ({ isClosedIncluded = false } = {}) =>
      list.filter((each) => each.isOpen || isClosedIncluded),
  }
  return chooseOffer(client, { producer, energyWh: wh(1500), ...terms }, isNegotiated)
}

describe('chooseOffer', () => {
  const choices: [what: string, terms: Partial<CtpTerms>, offerId: bigint, amountWei: bigint][] = [
    ['the cheapest that has enough', {}, 3n, 150n],
    ['a smaller one for less energy', { energyWh: wh(100) }, 1n, 5n],
    ['the one whose price is named', { amountWei: wei(300n) }, 5n, 300n],
    ['a negotiable one for more than its price', { amountWei: wei(200n) }, 4n, 200n],
    ['the one that is named', { offerId: 5n }, 5n, 300n],
    ['the one that is named, for more', { offerId: 4n, amountWei: wei(181n) }, 4n, 181n],
  ]
  it.each(choices)('takes %s', async (_what, terms, offerId, amountWei) => {
    expect(await choose(terms)).toEqual({ offerId, amountWei })
  })

  const refusals: [what: string, terms: Partial<CtpTerms>, code: string][] = [
    ['a price that no offer has', { amountWei: wei(151n) }, 'offer/wrong-price'],
    [
      'another price than the named offer’s',
      { offerId: 3n, amountWei: wei(151n) },
      'offer/wrong-price',
    ],
    ['less than a negotiable price', { offerId: 4n, amountWei: wei(179n) }, 'offer/wrong-price'],
    ['a closed offer', { offerId: 2n }, 'offer/closed'],
    ['an offer with less left', { offerId: 1n }, 'offer/sold-out'],
    ['an offer that is not the producer’s', { offerId: 99n }, 'offer/unknown'],
    ['more than any offer has', { energyWh: wh(9000) }, 'offer/sold-out'],
    [
      'negotiated terms without an Accept',
      { offerId: 0n, amountWei: wei(9n) },
      'offer/not-accepted',
    ],
  ]
  it.each(refusals)('refuses %s', async (_what, terms, code) => {
    await expect(choose(terms)).rejects.toMatchObject({ code })
  })

  it('says what the cheapest offer asks', async () => {
    await expect(choose({ amountWei: wei(1n) })).rejects.toMatchObject({
      meta: { offerId: '3', priceWei: '150' },
    })
  })

  it('refuses a producer without offers', async () => {
    await expect(choose({}, false, [])).rejects.toMatchObject({ code: 'offer/unknown' })
  })

  it('takes negotiated terms as they are, where the producer can accept them', async () => {
    const negotiated = { offerId: 0n, amountWei: 9n }
    expect(await choose({ offerId: 0n, amountWei: wei(9n) }, true)).toEqual(negotiated)
    expect(await choose({ amountWei: wei(9n) }, true)).toEqual(negotiated)
    expect(await choose({}, true)).toEqual({ offerId: 3n, amountWei: 150n })
    await expect(choose({ offerId: 0n }, true)).rejects.toMatchObject({ code: 'input/amount' })
  })
})
