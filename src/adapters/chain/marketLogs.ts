import type { Log } from 'viem'
import { getLogs } from 'viem/actions'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type RpcConnection, readBlock } from './rpcConnection.ts'

/** Most blocks of one `eth_getLogs`, to begin with. */
export const blocksPerRequest = 1_000

const tooLargePattern = /range|too (many|large|big)|limit|more than|exceed|response size|10,?000/i
const limitExceededCode = -32_005
const mostCauses = 8

/** True where a server says that it would answer a smaller request. */
function isTooLarge(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < mostCauses; depth++) {
    if (typeof at !== 'object' || at === null) return false
    const { name, code, details, cause } = at as Record<string, unknown>
    if (code === limitExceededCode || name === 'ResponseBodyTooLargeError') return true
    if (name === 'RpcRequestError' && tooLargePattern.test(String(details))) return true
    at = cause
  }
  return false
}

/** Reads the market's logs of blocks `from` to `to`, both included. */
export type MarketLogs = (from: number, to: number) => Promise<Log[]>

/**
 * A reader of logs that asks for as many blocks at once as the server gives.
 *
 * The range is halved on a refusal for its size, and doubled on success. Throws
 * `chain/unreachable`, also where the client does not have block `to`.
 */
export function createMarketLogs(rpc: RpcConnection, address: Address): MarketLogs {
  let span = blocksPerRequest

  async function readChunk(from: number, to: number): Promise<Log[] | undefined> {
    const [fromBlock, toBlock] = [BigInt(from), BigInt(to)]
    try {
      return await getLogs(rpc.client, { address, fromBlock, toBlock })
    } catch (error) {
      if (from < to && isTooLarge(error)) return undefined
      throw rpc.explain(error)
    }
  }

  return async (from, to) => {
    if (from > to) return []
    // A client that is behind would answer with fewer logs instead of an error.
    if ((await rpc.call(() => readBlock(rpc, to))) === undefined) {
      throw new SpbError('chain/unreachable', `The Ethereum client does not have block ${to}.`)
    }
    const logs: Log[] = []
    let next = from
    while (next <= to) {
      const end = Math.min(to, next + span - 1)
      const chunk = await readChunk(next, end)
      if (chunk === undefined) {
        span = Math.ceil((end - next + 1) / 2)
        continue
      }
      logs.push(...chunk.filter(({ removed }) => !removed))
      next = end + 1
      span = Math.min(blocksPerRequest, span * 2)
    }
    return logs
  }
}
