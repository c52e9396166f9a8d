import { readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import { fetchHeader, isWholeHeader, readHeader } from '../../adapters/chain/blockHeaders.ts'
import { connectRpc, type RpcConnection } from '../../adapters/chain/rpcConnection.ts'
import type { BlockHeader } from '../../ports/chain.ts'
import type { Address } from '../../protocol/bytes.ts'
import { rootExtraOf } from '../../protocol/rootText.ts'
import { verifySparseProof } from '../../protocol/sparseProof.ts'
import { requireMarketOnChain } from '../../sdk/marketReader.ts'
import type { MembershipProof } from './membershipProof.ts'

/** One thing that was looked at, and how it is. */
export type MembershipCheck = {
  check: 'path' | 'header' | 'root' | 'proposer'
  verdict: 'passed' | 'failed' | 'unchecked'
  detail: string
}

const done = (
  check: MembershipCheck['check'],
  isRight: boolean,
  right: string,
  wrong: string,
): MembershipCheck => ({
  check,
  verdict: isRight ? 'passed' : 'failed',
  detail: isRight ? right : wrong,
})

function checkPath({ root, ctpId, digest, proof }: MembershipProof): MembershipCheck {
  const isRight = verifySparseProof({ root, key: ctpId, digest, proof })
  const what = digest === null ? 'does not hold the CTP' : 'holds the CTP'
  return done('path', isRight, `the root ${what}`, 'the path does not lead to the root')
}

/** Whether the block's maker is a member of the market's present committee. */
async function checkProposer(
  { client }: RpcConnection,
  market: Address,
  { proposer }: BlockHeader,
): Promise<MembershipCheck> {
  if (proposer === undefined) {
    const detail = 'the header does not say who made the block'
    return { check: 'proposer', verdict: 'unchecked', detail }
  }
  const contract = { address: market, abi: marketAbi } as const
  const epoch = await readContract(client, { ...contract, functionName: 'currentEpoch' })
  const [members] = await readContract(client, {
    ...{ ...contract, functionName: 'committeeOf', args: [epoch] },
  })
  const isMember = members.some((member) => member.toLowerCase() === proposer)
  const detail = isMember
    ? `member ${proposer} made the block`
    : `${proposer} made the block; no member now`
  return { check: 'proposer', verdict: isMember ? 'passed' : 'unchecked', detail }
}

async function checkBlock(rpc: RpcConnection, proof: MembershipProof): Promise<MembershipCheck[]> {
  const { block, root, market } = proof
  if (block === null) {
    const detail = 'no block is named whose header holds the root'
    return [{ check: 'header', verdict: 'unchecked', detail }]
  }
  const given = await fetchHeader(rpc, block.number)
  const header = readHeader(given)
  const isSame = isWholeHeader(given) && header.hash === block.hash
  const other = 'the chain has another block there: ask for a new proof'
  return [
    done('header', isSame, `block ${block.number} is on the chain, its header whole`, other),
    done(
      'root',
      header.extra === rootExtraOf(root),
      'the header names the root',
      'the header names another root',
    ),
    await checkProposer(rpc, market.address, header),
  ]
}

/**
 * Checks a membership proof: its path, and with a client's URL the header of its block. Throws
 * `chain/unreachable`, `chain/wrong-chain-id`, `chain/no-contract`.
 */
export async function verifyMembership(
  proof: MembershipProof,
  url: string | undefined,
): Promise<MembershipCheck[]> {
  const path = checkPath(proof)
  if (url === undefined) {
    const detail = 'not compared with a chain: add --chain URL'
    return [path, { check: 'header', verdict: 'unchecked', detail }]
  }
  const rpc = connectRpc({ url })
  try {
    const reader = { client: rpc.client, endpoint: url, market: proof.market }
    await requireMarketOnChain(reader)
    return [path, ...(await rpc.call(() => checkBlock(rpc, proof)))]
  } finally {
    rpc.close()
  }
}
