import { getBlock, readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import type { Address } from '../../protocol/bytes.ts'
import { connectRpc, type RpcOptions } from './rpcConnection.ts'

/**
 * Which of these manufacturers a market does not trust at its chain's latest block.
 *
 * Throws `chain/unreachable`, `chain/reverted` where the contract is no market.
 */
export async function findUntrusted(
  options: RpcOptions & { address: Address },
  manufacturers: readonly Address[],
): Promise<Address[]> {
  if (manufacturers.length === 0) return []
  const rpc = connectRpc(options)
  const contract = { address: options.address, abi: marketAbi } as const
  const functionName = 'manufacturerEnds'
  try {
    const [{ timestamp }, ends] = await rpc.call(() =>
      Promise.all([
        getBlock(rpc.client),
        Promise.all(
          manufacturers.map((manufacturer) =>
            readContract(rpc.client, { ...contract, functionName, args: [manufacturer] }),
          ),
        ),
      ]),
    )
    return manufacturers.filter((_, at) => ends[at]! <= timestamp)
  } finally {
    rpc.close()
  }
}
