import type { Address } from '../protocol/bytes.ts'
import { priceOf } from '../protocol/payment.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import type { Wei, Wh } from '../protocol/units.ts'
import { viewLimits } from '../protocol/viewCodecs.ts'
import type { OfferView } from '../protocol/views.ts'
import type { NodeClient } from './nodeClient.ts'

/** What a consumer wants to buy. */
export type CtpTerms = {
  producer: Address
  energyWh: Wh
  /** The offer to buy from, 0 for negotiated terms; without it the cheapest that fits. */
  offerId?: bigint
  /** What to pay; without it, the offer's price. */
  amountWei?: Wei
}

/** Where and for how much to buy. */
export type ChosenOffer = { offerId: bigint; amountWei: Wei }

/** What an offer asks for this energy and amount; undefined if that is not what was named. */
function matchPrice(offer: OfferView, { energyWh, amountWei }: CtpTerms): Wei | undefined {
  const price = priceOf(offer.priceWeiPerKwh, energyWh)
  if (amountWei === undefined || amountWei === price) return price
  return offer.isNegotiable && amountWei > price ? amountWei : undefined
}

function refusePrice(offer: OfferView, { energyWh }: CtpTerms): SpbError {
  const price = priceOf(offer.priceWeiPerKwh, energyWh)
  const { offerId } = offer
  return new SpbError(
    'offer/wrong-price',
    `Offer ${offerId} asks ${price} wei for ${energyWh} Wh.`,
    {
      meta: { offerId: offerId.toString(), priceWei: price.toString() },
    },
  )
}

function checkNamed(offer: OfferView, terms: CtpTerms): ChosenOffer {
  const { offerId, leftWh } = offer
  if (!offer.isOpen) throw new SpbError('offer/closed')
  if (leftWh < terms.energyWh) {
    throw new SpbError('offer/sold-out', `Offer ${offerId} has ${leftWh} Wh left.`, {
      meta: { offerId: offerId.toString(), leftWh },
    })
  }
  const amountWei = matchPrice(offer, terms)
  if (amountWei === undefined) throw refusePrice(offer, terms)
  return { offerId, amountWei }
}

/**
 * Finds the offer that a consumer's terms mean, and checks it before he signs anything.
 *
 * `isNegotiated` says that the producer's Accept can be had: then terms that no offer states, with
 * an amount, stand for themselves. Throws `offer/unknown`, `offer/closed`, `offer/sold-out`,
 * `offer/wrong-price`, `offer/not-accepted`.
 */
export async function chooseOffer(
  client: Pick<NodeClient, 'offers'>,
  terms: CtpTerms,
  isNegotiated: boolean,
): Promise<ChosenOffer> {
  const { producer, offerId, amountWei, energyWh } = terms
  if (offerId === 0n || (offerId === undefined && isNegotiated && amountWei !== undefined)) {
    if (!isNegotiated) throw new SpbError('offer/not-accepted')
    if (amountWei === undefined) throw new SpbError('input/amount', 'Name the agreed amount.')
    return { offerId: 0n, amountWei }
  }
  const limit = viewLimits.pageItems
  if (offerId !== undefined) {
    const all = await client.offers({ producer, isClosedIncluded: true, limit })
    const named = all.find((offer) => offer.offerId === offerId)
    if (named === undefined) {
      throw new SpbError('offer/unknown', `This producer has no offer ${offerId}.`)
    }
    return checkNamed(named, terms)
  }
  const offers = await client.offers({ producer, limit })
  const large = offers.filter((offer) => offer.leftWh >= energyWh)
  const exact = large.find((offer) => priceOf(offer.priceWeiPerKwh, energyWh) === amountWei)
  const fitting = exact ?? large.find((offer) => matchPrice(offer, terms) !== undefined)
  if (fitting !== undefined) return checkNamed(fitting, terms)
  const [cheapest] = large
  if (cheapest !== undefined) throw refusePrice(cheapest, terms)
  if (offers.length === 0) throw new SpbError('offer/unknown', 'This producer offers nothing now.')
  const mostWh = Math.max(...offers.map((offer) => offer.leftWh))
  assert(mostWh < energyWh, 'offers with enough energy were tried')
  throw new SpbError('offer/sold-out', `The producer’s offers have at most ${mostWh} Wh left.`, {
    meta: { leftWh: mostWh },
  })
}
