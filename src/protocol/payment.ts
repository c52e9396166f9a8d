import { type Wei, type Wh, wei } from './units.ts'

/** The exact price of energy: `floor(priceWeiPerKwh × energyWh / 1000)`. */
export function priceOf(priceWeiPerKwh: bigint, energyWh: Wh): Wei {
  return wei((priceWeiPerKwh * BigInt(energyWh)) / 1000n)
}

/** What a delivery earns: `floor(amountWei × min(deliveredWh, energyWh) / energyWh)`. */
export function paymentOf(amountWei: Wei, energyWh: Wh, deliveredWh: Wh): Wei {
  const paidWh = Math.min(deliveredWh, energyWh)
  return wei((amountWei * BigInt(paidWh)) / BigInt(energyWh))
}
