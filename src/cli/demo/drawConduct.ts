import { type Wh, wh } from '../../protocol/units.ts'
import { createRandom, hashToUnit } from '../../simulator/random.ts'

/** Keeps the streams of random numbers of one seed apart. */
const streams = { price: 101, order: 102, unreliable: 103, delivery: 104 } as const

/** Lowest and highest price: 0.00008 to 0.00014 ether a kWh, in steps of 10^-7 ether. */
const priceStepWei = 10n ** 11n
const lowestPriceSteps = 800
const highestPriceSteps = 1_400

/** The highest price that `drawPrice` gives. */
export const highestPriceWeiPerKwh = BigInt(highestPriceSteps) * priceStepWei

/** What a home asks for a kWh, all day long. */
export function drawPrice(seed: number, home: number): bigint {
  const range = highestPriceSteps - lowestPriceSteps + 1
  const steps = lowestPriceSteps + Math.floor(range * hashToUnit(seed, streams.price, home))
  return BigInt(steps) * priceStepWei
}

/** The order in which homes buy in a step: another one each time, so that nobody is always last. */
export function drawOrder(seed: number, step: number, homes: readonly number[]): number[] {
  const place = (home: number) => hashToUnit(seed, streams.order, step, home)
  return homes.toSorted((a, b) => place(a) - place(b) || a - b)
}

/**
 * Which producers do not keep what they promise: this share of them, one at least where it is
 * not 0.
 */
export function drawUnreliable(seed: number, producers: readonly number[], share: number) {
  const count = share === 0 ? 0 : Math.max(1, Math.round(share * producers.length))
  const place = (home: number) => hashToUnit(seed, streams.unreliable, home)
  return new Set(producers.toSorted((a, b) => place(a) - place(b) || a - b).slice(0, count))
}

/** What an unreliable producer delivers of a trade: nothing, or a part; each as often. */
export function drawDelivery(seed: number, step: number, trade: number, energyWh: Wh): Wh {
  const random = createRandom(seed, streams.delivery, step, trade)
  if (random.chance(0.5)) return wh(0)
  return wh(Math.floor(energyWh * random.between(0.1, 0.9)))
}
