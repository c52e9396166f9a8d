import { setTimeout as delay } from 'node:timers/promises'
import type { Market } from '../protocol/digest.ts'
import { SpbError } from '../protocol/spbError.ts'
import { createFailoverClient } from '../sdk/failoverClient.ts'
import { createNodeClient, type NodeClient } from '../sdk/nodeClient.ts'
import type { Call } from './commandAction.ts'
import { type DataFolder, dataFolderOf } from './dataFolder.ts'
import { readEndpoint } from './endpoint.ts'
import { readMarketRecord } from './marketRecord.ts'

/** A call's data folder and the node that it is about. */
export type NodeAccess = {
  folder: DataFolder
  node: NodeClient
  /** Each of the nodes that were named, for what several have to keep. */
  nodes: NodeClient[]
  /** The market that the folder belongs to; undefined where it belongs to none. */
  market: Market | undefined
}

const pollMs = 200
/** How long a command waits for the node to count what it did on chain. */
const longestCountMs = 5_000

/** The market that a folder belongs to; undefined where it belongs to none yet. */
export function marketOfFolder(folder: DataFolder): Market | undefined {
  const record = readMarketRecord(folder)
  return record && { chainId: record.chainId, address: record.address }
}

/**
 * Where the nodes of a call answer, one or more: those of --node, else the one that runs on the
 * data folder. Throws `node/unreachable` where there is none.
 */
export function listNodeUrls(
  folder: DataFolder,
  given: readonly string[] | undefined,
): readonly string[] {
  const urls = given ?? [readEndpoint(folder)?.url].filter((url) => url !== undefined)
  if (urls.length > 0) return urls
  throw new SpbError('node/unreachable', 'No node runs on this data folder.', {
    hint: 'Start one with spb up, or name one with --node URL.',
    meta: { folder: folder.path },
  })
}

/**
 * The node that a call is about: of several that were named the first, and where it fails the
 * next one, which is said on standard error.
 */
export function openNode({ cli, options }: Call<object>): NodeAccess {
  const folder = dataFolderOf(cli, options)
  const clients = listNodeUrls(folder, options.node).map((url) =>
    createNodeClient({ url, retryDelaysMs: [100, 300] }),
  )
  const onChange = (url: string) => {
    cli.stderr.write(`${url} answers instead; its numbers of CTPs are its own: name them by id.\n`)
  }
  const node = createFailoverClient(clients, { onChange })
  return { folder, node, nodes: clients, market: marketOfFolder(folder) }
}

/** The market to act in. A node of another market than the folder’s is refused. */
export async function requireMarket({ node, market }: NodeAccess): Promise<Market> {
  const { chainId, address } = await node.market()
  if (market !== undefined && (market.chainId !== chainId || market.address !== address)) {
    throw new SpbError('ctp/wrong-market', 'The node serves another market than this data folder.')
  }
  return market ?? { chainId, address }
}

/** The Ethereum client that a call is about: --chain, else the node’s. */
export function chainUrlOf({ options }: Call<object>, folder: DataFolder): string {
  const url = options.chain ?? readEndpoint(folder)?.rpcUrl ?? readMarketRecord(folder)?.chainUrl
  if (url !== undefined) return url
  throw new SpbError('chain/unreachable', 'No Ethereum client is known.', {
    hint: 'Start the embedded one with spb up, or name one with --chain URL.',
  })
}

/**
 * Waits a little until the node has confirmed a block, so that the next command sees what this
 * one did; false where that takes longer, as on a chain with confirmations.
 */
export async function waitUntilCounted(
  { cli }: Call<object>,
  { node }: NodeAccess,
  blockNumber: number,
): Promise<boolean> {
  const endMs = cli.nowMs() + longestCountMs
  while (cli.nowMs() < endMs) {
    const { confirmed } = await node.status()
    if (confirmed !== undefined && confirmed.number >= blockNumber) return true
    await delay(pollMs)
  }
  return false
}

/**
 * What spans count from, in unix seconds: block time as the node knows it, but not before the time
 * of day, since a chain that was just started again has its last block from before.
 */
export async function readChainTime({ cli }: Call<object>, { node }: NodeAccess): Promise<number> {
  const { head } = await node.status()
  return Math.max(head?.timeSeconds ?? 0, Math.floor(cli.nowMs() / 1000))
}
