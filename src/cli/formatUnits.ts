import type { Address, Hex } from '../protocol/bytes.ts'

const weiPerEther = 10n ** 18n
const weiPerGwei = 10n ** 9n
const decimals = 9

/**
 * A sum for a person's eyes: ether with at most nine decimals (“~” where that is not all of it),
 * and wei below one gwei.
 */
export function formatAmount(amountWei: bigint): string {
  if (amountWei < 0n) return `-${formatAmount(-amountWei)}`
  if (amountWei > 0n && amountWei < weiPerGwei) return `${amountWei} wei`
  const whole = amountWei / weiPerEther
  const gwei = (amountWei % weiPerEther) / weiPerGwei
  const isExact = amountWei % weiPerGwei === 0n
  const fraction = gwei.toString().padStart(decimals, '0').replace(/0+$/, '')
  return `${isExact ? '' : '~'}${whole}${fraction === '' ? '' : `.${fraction}`} ether`
}

/** A sum to the last wei, as a person can type it: `0.0003 ether`, else `7wei`. */
export function formatExactAmount(amountWei: bigint): string {
  return amountWei % weiPerGwei === 0n ? formatAmount(amountWei) : `${amountWei}wei`
}

/** Energy for a person's eyes: Wh below 1 kWh, else kWh, exact. */
export function formatEnergy(energyWh: number | bigint): string {
  const energy = BigInt(energyWh)
  if (energy < 1000n) return `${energy} Wh`
  const fraction = (energy % 1000n).toString().padStart(3, '0').replace(/0+$/, '')
  return `${energy / 1000n}${fraction === '' ? '' : `.${fraction}`} kWh`
}

/** The two ends of an address or id, enough to tell it from others in a table. */
export function shortenHex(hex: Hex | Address): string {
  return hex.length <= 14 ? hex : `${hex.slice(0, 8)}…${hex.slice(-4)}`
}
