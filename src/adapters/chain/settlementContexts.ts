import { decodeFunctionData, size } from 'viem'
import { getTransaction, getTransactionReceipt } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { lowerCase, type SettlementContext } from './marketEvents.ts'
import type { RpcConnection } from './rpcConnection.ts'

/** The items of a call of the market's `settle`; undefined for any other call. */
function itemsOf(input: Hex): Hex | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: marketAbi, data: input })
    return functionName === 'settle' ? args[4] : undefined
  } catch {
    return undefined
  }
}

async function readContext(
  rpc: RpcConnection,
  market: Address,
  hash: Bytes32,
): Promise<SettlementContext> {
  const [transaction, receipt] = await Promise.all([
    getTransaction(rpc.client, { hash }),
    getTransactionReceipt(rpc.client, { hash }),
  ])
  const { input, to } = transaction
  const isDirect = to !== null && lowerCase(to) === market
  const items = isDirect ? itemsOf(input) : undefined
  return { gasUsed: receipt.gasUsed, calldataBytes: size(input), ...(items ? { items } : {}) }
}

/**
 * What the transactions of settlements tell: packed items, gas, size.
 *
 * Items are there only where the transaction calls `settle` of the market directly. All requests
 * go out together. Throws `chain/unreachable`.
 */
export async function readSettlementContexts(
  rpc: RpcConnection,
  market: Address,
  hashes: readonly Bytes32[],
): Promise<Map<Bytes32, SettlementContext>> {
  const distinct = [...new Set(hashes)]
  const contexts = await rpc.call(() =>
    Promise.all(distinct.map((hash) => readContext(rpc, market, hash))),
  )
  return new Map(distinct.map((hash, at) => [hash, contexts[at]!]))
}
