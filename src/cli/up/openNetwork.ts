import type { Log } from '../../ports/log.ts'
import type { Network } from '../../ports/network.ts'
import type { Market } from '../../protocol/digest.ts'
import type { DataFolder } from '../dataFolder.ts'
import { openNodeKey } from '../nodeKeys.ts'
import type { NetworkRecord } from './networkRecord.ts'

/** Under which name a market's nodes meet: those of another market do not hear them. */
export function topicOf({ chainId, address }: Market): string {
  return `spb/1/${chainId}/${address}`
}

/**
 * The network of a folder's node, with its own key, which is not the member's; not started yet.
 * Throws what `openKeyFile` does.
 */
export async function openNetwork(
  folder: DataFolder,
  { listen, announce, peers }: NetworkRecord,
  market: Market,
  log: Log,
): Promise<Network> {
  // Loaded where it is wanted: a node that is alone starts sooner without it.
  const { createLibp2pNetwork } = await import('../../adapters/network/libp2pNetwork.ts')
  const privateKey = openNodeKey(folder, 'network')
  const network = createLibp2pNetwork({
    ...{ privateKey, listen, topic: topicOf(market), log },
    ...(announce.length === 0 ? {} : { announce }),
  })
  for (const address of peers) network.connect(address)
  return network
}
