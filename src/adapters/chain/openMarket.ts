import { getBlockNumber, getCode, getLogs, readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import type { MarketFacts, MarketOptions } from '../../ports/chain.ts'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds, wei } from '../../protocol/units.ts'
import { lowerCase } from './marketEvents.ts'
import { connectRpc, type RpcConnection, type RpcOptions, requireChainId } from './rpcConnection.ts'

/** Where a market is, and what is known of it. */
export type OpenMarketOptions = RpcOptions & {
  address: Address
  /** Where known, the chain that the client must be on. */
  chainId?: number
  /** Where known: finding it may take long on a client of a long chain. */
  deploymentBlock?: number
}

const epochOpened = marketAbi.find((entry) => 'name' in entry && entry.name === 'EpochOpened')!

/** The market's options. Throws `chain/no-contract` where the contract is no market. */
export async function readMarketOptions(
  rpc: RpcConnection,
  address: Address,
): Promise<MarketOptions> {
  const options = await rpc.call(async () => {
    try {
      return await readContract(rpc.client, { address, abi: marketAbi, functionName: 'options' })
    } catch (error) {
      const explained = rpc.explain(error)
      // A contract without such a function refuses to answer.
      const isRefusal = explained instanceof SpbError && explained.code === 'chain/reverted'
      throw isRefusal ? new SpbError('chain/no-contract') : explained
    }
  })
  return {
    longestLifeSeconds: seconds(options.longestLifeSeconds),
    graceSeconds: seconds(options.graceSeconds),
    withdrawalDelaySeconds: seconds(options.withdrawalDelaySeconds),
    minimumAmountWei: wei(options.minimumAmountWei),
    feeWei: wei(options.feeWei),
    burnWei: wei(options.burnWei),
  }
}

/** The first block in which the contract has code, by bisection; needs old states. */
async function bisectCode(rpc: RpcConnection, address: Address, head: number): Promise<number> {
  let [without, having] = [-1, head]
  while (having - without > 1) {
    const middle = Math.floor((without + having) / 2)
    const code = await getCode(rpc.client, { address, blockNumber: BigInt(middle) })
    if (code === undefined) without = middle
    else having = middle
  }
  return having
}

/** The constructor's one event tells the block, where the client searches its whole chain. */
async function findFirstEvent(rpc: RpcConnection, address: Address): Promise<number | undefined> {
  const logs = await getLogs(rpc.client, {
    address,
    event: epochOpened,
    args: { epoch: 1 },
    fromBlock: 0n,
    toBlock: 'latest',
  })
  const number = logs[0]?.blockNumber
  return number === null || number === undefined ? undefined : Number(number)
}

/** Where the market's events begin; 0 where the client cannot tell, which is slow but right. */
async function findDeploymentBlock(rpc: RpcConnection, address: Address): Promise<number> {
  const byEvent = await findFirstEvent(rpc, address).catch(() => undefined)
  if (byEvent !== undefined) return byEvent
  const head = Number(await rpc.call(() => getBlockNumber(rpc.client)))
  return await bisectCode(rpc, address, head).catch(() => 0)
}

/**
 * Reads what a market fixed when it was deployed, and where its events begin.
 *
 * Throws `chain/wrong-chain-id`, `chain/no-contract`, `chain/unreachable`.
 */
export async function openMarket(options: OpenMarketOptions): Promise<MarketFacts> {
  const rpc = connectRpc(options)
  try {
    const address = lowerCase(options.address)
    const chainId = await requireChainId(rpc, options.chainId)
    const code = await rpc.call(() => getCode(rpc.client, { address }))
    if (code === undefined) {
      throw new SpbError('chain/no-contract', `There is no contract at ${address}.`, {
        meta: { address, chainId },
      })
    }
    const marketOptions = await readMarketOptions(rpc, address)
    const deploymentBlock = options.deploymentBlock ?? (await findDeploymentBlock(rpc, address))
    return { chainId, address, options: marketOptions, deploymentBlock }
  } finally {
    rpc.close()
  }
}
