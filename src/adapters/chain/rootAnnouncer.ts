import type { Bytes32 } from '../../protocol/bytes.ts'
import { rootExtraOf, rootTextOf } from '../../protocol/rootText.ts'
import type { RpcConnection } from './rpcConnection.ts'

/** Announcements after which a client that could not take them is asked again: it may be new. */
const recheckAfter = 64
const mostCauses = 8

/** True where the client answered, and its answer was no. */
function isRefusal(error: unknown): boolean {
  let at = error
  for (let depth = 0; depth < mostCauses; depth++) {
    if (typeof at !== 'object' || at === null) return false
    if ((at as Error).name === 'RpcRequestError') return true
    at = (at as Error).cause
  }
  return false
}

/** Hands a root to the client; false where the client cannot take it. */
export type RootAnnouncer = (root: Bytes32) => Promise<boolean>

/**
 * Puts roots into the headers of the blocks that a client makes: `miner_setExtra` (geth: text)
 * or `miner_setExtraData` (Besu: bytes, 32 of them). Both need the client's `miner` API.
 */
export function createRootAnnouncer(rpc: RpcConnection): RootAnnouncer {
  let skipped = recheckAfter
  const request = async (method: string, ...params: unknown[]) =>
    (await rpc.client.request({ method, params } as never)) as unknown

  /** What the client answers; undefined where it refuses to. */
  async function ask(method: string, ...params: unknown[]): Promise<unknown> {
    try {
      return await request(method, ...params)
    } catch (error) {
      if (isRefusal(error)) return undefined
      throw error
    }
  }

  return async (root) => {
    if (skipped < recheckAfter) {
      skipped++
      return false
    }
    const isTaken =
      (await ask('miner_setExtra', rootTextOf(root))) === true ||
      (await ask('miner_setExtraData', rootExtraOf(root))) === true
    if (!isTaken) skipped = 0
    // Newer clients do not answer this.
    return isTaken && (await ask('eth_mining')) !== false
  }
}
