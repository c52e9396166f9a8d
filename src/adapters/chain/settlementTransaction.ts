import { type Client, encodeFunctionData, size, type Transport } from 'viem'
import type { PrivateKeyAccount } from 'viem/accounts'
import { estimateContractGas, getBlock } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import type { MarketFacts, SettleCall } from '../../ports/chain.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { batchItemBytes } from '../../protocol/settlementBatch.ts'
import type { Fees } from './settlementFees.ts'

/** Who pays for settlements of which market. */
export type SettlementPayer = { market: MarketFacts; account: PrivateKeyAccount }

/** What a transaction has besides its content. */
export type TransactionTerms = { nonce: number; gas: bigint; fees: Fees }

/**
 * What an item costs more, at most, if it settles than if it is skipped: one that the latest block
 * would skip may settle in the next one, where time or a balance has moved on.
 */
const itemGas = 40_000n
/** What the beneficiary's first fee costs, likewise. */
const feeGas = 30_000n
function contentOf({ epoch, sequence, beneficiary, databaseRoot, items, votes }: SettleCall) {
  const args = [epoch, sequence, beneficiary, databaseRoot, items, votes] as const
  return { abi: marketAbi, functionName: 'settle', args } as const
}

/**
 * Gas that is enough for a settlement in a block after the latest one.
 *
 * Rejects where the contract refuses the settlement, or the client fails.
 */
export async function estimateSettlementGas(
  client: Client<Transport>,
  { market: { address }, account }: SettlementPayer,
  call: SettleCall,
): Promise<bigint> {
  // Clients estimate on their pending block else, where the replaced settlement is done.
  const terms = { address, account, blockTag: 'latest' } as const
  const [gas, { gasLimit }] = await Promise.all([
    estimateContractGas(client, { ...contentOf(call), ...terms }),
    getBlock(client),
  ])
  const count = Math.ceil(size(call.items) / batchItemBytes)
  const enough = gas + feeGas + itemGas * BigInt(count)
  return enough < gasLimit ? enough : gasLimit
}

/** A signed transaction, ready to be sent. */
export function signSettlement(
  { market, account }: SettlementPayer,
  call: SettleCall,
  { nonce, gas, fees: { kind: type, ...prices } }: TransactionTerms,
): Promise<Hex> {
  const data = encodeFunctionData(contentOf(call))
  const shared = { to: market.address, chainId: market.chainId, data, nonce, gas }
  return account.signTransaction({ type, ...shared, ...prices } as never)
}
