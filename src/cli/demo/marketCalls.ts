import { encodeFunctionData, serializeTransaction } from 'viem/utils'
import { marketAbi } from '../../abi/market.ts'
import { bytesToHex, type Hex, hexToBytes } from '../../protocol/bytes.ts'
import type { Market } from '../../protocol/digest.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { signDigest } from '../../protocol/signature.ts'
import type { Seconds, Wei, Wh } from '../../protocol/units.ts'

/** What a household asks of the market contract, and the ether that goes along. */
export type MarketCall = { data: Hex; valueWei: bigint }

/** Enough for each of the calls below. */
const callGas = 400_000n
const maxFeePerGas = 100_000_000_000n
const leastTipWei = 1_000_000_000n

/** Puts money into the sender's account. */
export function depositCall(amountWei: Wei): MarketCall {
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'deposit' })
  return { data, valueWei: amountWei }
}

/** Opens the sender's energy account by burning ether. */
export function openEnergyAccountCall(burnWei: Wei): MarketCall {
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'openEnergyAccount' })
  return { data, valueWei: burnWei }
}

/** Offers energy at a fixed price until a time. */
export function addEnergyCall(
  energyWh: Wh,
  priceWeiPerKwh: bigint,
  untilSeconds: Seconds,
): MarketCall {
  const args = [energyWh, priceWeiPerKwh, false, untilSeconds, '0x'] as const
  return {
    data: encodeFunctionData({ abi: marketAbi, functionName: 'addEnergy', args }),
    valueWei: 0n,
  }
}

/**
 * Signs a call as a transaction. Of a block's transactions, that of the lowest `rank` comes
 * first: it tips most.
 */
export function signMarketCall(
  market: Market,
  { data, valueWei }: MarketCall,
  sender: { key: Uint8Array; nonce: number; rank: number },
): Hex {
  const transaction = {
    ...({ type: 'eip1559', chainId: market.chainId, to: market.address, data } as const),
    ...{ nonce: sender.nonce, value: valueWei, gas: callGas, maxFeePerGas },
    maxPriorityFeePerGas: leastTipWei + BigInt(10_000 - sender.rank),
  }
  const digest = keccak256(hexToBytes(serializeTransaction(transaction)))
  const compact = hexToBytes(signDigest(digest, sender.key))
  const yParity = compact[32]! >> 7
  compact[32]! &= 0x7f
  const [r, s] = [bytesToHex(compact.subarray(0, 32)), bytesToHex(compact.subarray(32))]
  return serializeTransaction(transaction, { r, s, yParity })
}
