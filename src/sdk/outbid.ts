import { estimateFeesPerGas, getTransaction, sendTransaction } from 'viem/actions'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { MarketClient } from './marketClient.ts'

/** Clients take a replacement only for a fee higher by 10 % (geth, Besu) or 12.5 %. */
const raise = (fee: bigint): bigint => (fee * 1125n) / 1000n + 1n

const highest = (a: bigint, b: bigint): bigint => (a > b ? a : b)

/** Fees that the next blocks ask for, and that replace a transaction of `last` fees. */
async function readFees(
  { client }: MarketClient,
  last: Partial<Record<'gasPrice' | 'maxFeePerGas' | 'maxPriorityFeePerGas', bigint | undefined>>,
) {
  const { maxFeePerGas, maxPriorityFeePerGas = 0n, gasPrice = 0n } = last
  if (maxFeePerGas === undefined) {
    const now = await estimateFeesPerGas(client, { chain: null, type: 'legacy' })
    return { gasPrice: highest(now.gasPrice, raise(gasPrice)) }
  }
  const now = await estimateFeesPerGas(client, { chain: null })
  return {
    maxFeePerGas: highest(now.maxFeePerGas, raise(maxFeePerGas)),
    maxPriorityFeePerGas: highest(now.maxPriorityFeePerGas, raise(maxPriorityFeePerGas)),
  }
}

/**
 * Sends a transaction that waits once more with higher fees, in its own place: the base fee may
 * have grown above what it offers, and what is sent after it would wait behind it. Throws what the
 * client says.
 */
export async function outbid(market: MarketClient, hash: Bytes32): Promise<Bytes32> {
  const { client } = market
  const waiting = await getTransaction(client, { hash })
  const { nonce, to, input: data, value, gas } = waiting
  const fees = await readFees(market, waiting)
  const content = { account: client.account, chain: null, to, data, value, gas, nonce }
  return await sendTransaction(client, { ...content, ...fees } as never)
}
