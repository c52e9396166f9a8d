import { getBlock, getGasPrice } from 'viem/actions'
import { SpbError } from '../../protocol/spbError.ts'
import type { RpcConnection } from './rpcConnection.ts'

/** What a transaction offers for a unit of gas, in wei. */
export type Fees =
  | { kind: 'eip1559'; maxFeePerGas: bigint; maxPriorityFeePerGas: bigint }
  | { kind: 'legacy'; gasPrice: bigint }

/** The most that a unit of gas may cost with these fees, in wei. */
export function gasPriceOf(fees: Fees): bigint {
  return fees.kind === 'legacy' ? fees.gasPrice : fees.maxFeePerGas
}

/** What a node may pay for its transactions. */
export type FeePolicy = {
  /** Highest fee for a unit of gas, in wei; 500 gwei by default. */
  capWei?: bigint
}

const defaultCapWei = 500_000_000_000n
/** Clients take a replacement only for a fee higher by 10 % (geth, Besu) or 12.5 %. */
const bumpNumerator = 1125n
const bumpDenominator = 1000n
/** A base fee can grow by 12.5 % a block: twice it lasts for six full blocks. */
const baseFeeMargin = 2n
const fallbackTipWei = 1_000_000_000n

const highest = (a: bigint, b: bigint) => (a > b ? a : b)
const lowest = (a: bigint, b: bigint) => (a < b ? a : b)

/** The fee that replaces one of `fee`: at least 12.5 % higher, and at least one wei. */
function bump(fee: bigint): bigint {
  return (fee * bumpNumerator) / bumpDenominator + 1n
}

/** What the chain asks for now. Not every client knows `eth_maxPriorityFeePerGas`. */
async function readTip({ client }: RpcConnection, baseFeeWei: bigint): Promise<bigint> {
  try {
    return BigInt(await client.request({ method: 'eth_maxPriorityFeePerGas' }))
  } catch {
    const gasPrice = await getGasPrice(client)
    return gasPrice > baseFeeWei ? gasPrice - baseFeeWei : fallbackTipWei
  }
}

function feeCapError(neededWei: bigint, capWei: bigint): SpbError {
  return new SpbError(
    'chain/fee-cap',
    `A unit of gas would cost ${neededWei} wei; the cap is ${capWei} wei.`,
    { meta: { neededWei: String(neededWei), capWei: String(capWei) } },
  )
}

/** The fees that a transaction sent now needs. Throws `chain/fee-cap`. */
export async function readFees(rpc: RpcConnection, { capWei = defaultCapWei }: FeePolicy) {
  const { baseFeePerGas } = await getBlock(rpc.client)
  if (baseFeePerGas === null) {
    const gasPrice = await getGasPrice(rpc.client)
    if (gasPrice > capWei) throw feeCapError(gasPrice, capWei)
    return { kind: 'legacy', gasPrice } satisfies Fees
  }
  const maxPriorityFeePerGas = await readTip(rpc, baseFeePerGas)
  const needed = baseFeePerGas + maxPriorityFeePerGas
  if (needed > capWei) throw feeCapError(needed, capWei)
  const comfortable = baseFeePerGas * baseFeeMargin + maxPriorityFeePerGas
  const maxFeePerGas = lowest(comfortable, capWei)
  return { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas } satisfies Fees
}

/**
 * The fees of a transaction that replaces one of `last` fees: what the chain asks for, and at
 * least 12.5 % above the last. Throws `chain/fee-cap`.
 */
export function replacementFees(
  now: Fees,
  last: Fees,
  { capWei = defaultCapWei }: FeePolicy,
): Fees {
  const needed = bump(gasPriceOf(last))
  if (needed > capWei) throw feeCapError(needed, capWei)
  if (now.kind === 'legacy') {
    return { kind: 'legacy', gasPrice: highest(now.gasPrice, needed) }
  }
  const lastTip = last.kind === 'legacy' ? last.gasPrice : last.maxPriorityFeePerGas
  const maxFeePerGas = highest(now.maxFeePerGas, needed)
  const tip = highest(now.maxPriorityFeePerGas, bump(lastTip))
  return { kind: 'eip1559', maxFeePerGas, maxPriorityFeePerGas: lowest(tip, maxFeePerGas) }
}
