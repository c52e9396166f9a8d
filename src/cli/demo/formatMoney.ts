const weiPerEther = 10n ** 18n
const significantDigits = 6

/**
 * Ether for a person's eyes, without its unit: at most six significant digits, rounded half up,
 * such as `0.000123457` or `12.5`.
 */
export function formatEther(amountWei: bigint): string {
  if (amountWei < 0n) return `-${formatEther(-amountWei)}`
  const digits = amountWei.toString().length
  const unit = 10n ** BigInt(Math.max(0, Math.min(18, digits - significantDigits)))
  return trimZeros(toDecimals(((amountWei + unit / 2n) / unit) * unit, 18))
}

/** Ether with a fixed number of decimals, rounded half up: for columns. */
export function formatEtherColumn(amountWei: bigint, decimals = 8): string {
  const unit = 10n ** BigInt(18 - decimals)
  return toDecimals(((amountWei + unit / 2n) / unit) * unit, decimals)
}

/** Energy in kWh with three decimals, exact: for columns. */
export function formatKwhColumn(energyWh: number): string {
  return (energyWh / 1000).toFixed(3)
}

/** A whole number with thousands set apart: `12,345`. */
export function formatCount(count: number | bigint): string {
  return count.toLocaleString('en')
}

function toDecimals(amountWei: bigint, decimals: number): string {
  const whole = amountWei / weiPerEther
  const fraction = (amountWei % weiPerEther).toString().padStart(18, '0').slice(0, decimals)
  return `${whole}.${fraction}`
}

function trimZeros(text: string): string {
  return text.replace(/\.?0+$/, '')
}
