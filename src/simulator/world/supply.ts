import type { WorldParty } from './worldMarket.ts'

/** Who sells, under which offer. */
export type Supply = { producer: WorldParty; offerId: bigint; priceWeiPerKwh: bigint }
