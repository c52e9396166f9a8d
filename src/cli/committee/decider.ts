import { readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import type { Committee } from '../../protocol/committee.ts'
import type { Market } from '../../protocol/digest.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Call } from '../commandAction.ts'
import { chainUrlOf, openNode, requireMarket } from '../nodeAccess.ts'

/** Who decides, and the sequence that the contract expects next. */
export type Decider = { market: Market; committee: Committee; sequence: bigint; chainUrl: string }

/** The committee as the node knows it. Throws `node/unreachable`, `chain/unreachable`. */
export async function readDecider(call: Call<object>): Promise<Decider> {
  const access = openNode(call)
  const market = await requireMarket(access)
  const { committee: members, epoch } = await access.node.status()
  const chainUrl = chainUrlOf(call, access.folder)
  const rpc = connectRpc({ url: chainUrl })
  try {
    const { address } = market
    const contract = { address, abi: marketAbi, functionName: 'governanceSequence' } as const
    const sequence = await rpc.call(() => readContract(rpc.client, contract))
    return { market, committee: { epoch, members }, sequence, chainUrl }
  } finally {
    rpc.close()
  }
}

/** Throws `ctp/wrong-market`, `certificate/wrong-epoch` for what another committee decides. */
export function requireCurrent(
  market: Market,
  epoch: number,
  now: Pick<Decider, 'market' | 'committee'>,
): void {
  if (market.address !== now.market.address || market.chainId !== now.market.chainId) {
    throw new SpbError('ctp/wrong-market', 'The proposal is for another market.')
  }
  if (epoch !== now.committee.epoch) throw new SpbError('certificate/wrong-epoch')
}
