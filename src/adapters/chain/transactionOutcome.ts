import { getTransaction, getTransactionReceipt } from 'viem/actions'
import type { TransactionOutcome } from '../../ports/chain.ts'
import type { Bytes32 } from '../../protocol/bytes.ts'
import type { RpcConnection } from './rpcConnection.ts'

/** Turns viem's "not found" into undefined; other failures pass. */
async function ifFound<Result>(found: Promise<Result>): Promise<Result | undefined> {
  try {
    return await found
  } catch (error) {
    const isMissing = error instanceof Error && /^Transaction.*NotFoundError$/.test(error.name)
    if (isMissing) return undefined
    throw error
  }
}

/** What became of a transaction, as the client knows it now. */
export async function readOutcome(rpc: RpcConnection, hash: Bytes32): Promise<TransactionOutcome> {
  const [receipt, transaction] = await Promise.all([
    ifFound(getTransactionReceipt(rpc.client, { hash })),
    ifFound(getTransaction(rpc.client, { hash })),
  ])
  if (receipt !== undefined) {
    const { blockNumber, status, gasUsed } = receipt
    const isSuccess = status === 'success'
    return { status: 'included', blockNumber: Number(blockNumber), isSuccess, gasUsed }
  }
  return { status: transaction === undefined ? 'dropped' : 'pending' }
}
