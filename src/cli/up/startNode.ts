import { join } from 'node:path'
import type { AnvilHandle } from '../../adapters/chain/anvil.ts'
import { createEthereumChain } from '../../adapters/chain/ethereumChain.ts'
import { requireFreePort } from '../../adapters/chain/freePort.ts'
import { openSqliteStore } from '../../adapters/storage/sqliteStore.ts'
import { createApiServer } from '../../api/apiServer.ts'
import { composeNode } from '../../node/compose.ts'
import type { NodeService } from '../../node/nodeService.ts'
import type { MarketFacts } from '../../ports/chain.ts'
import type { Log } from '../../ports/log.ts'
import type { Network } from '../../ports/network.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { type ErrorCode, isErrorCode } from '../../protocol/errorTable.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { NodeStatus } from '../../protocol/views.ts'
import { openOperatorToken } from '../committee/operatorToken.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'
import { type Endpoint, removeEndpoint, writeEndpoint } from '../endpoint.ts'
import { openNodeKey } from '../nodeKeys.ts'
import { lockPath } from '../processLock.ts'
import type { ClosingStack } from './closingStack.ts'
import { settleNetwork } from './networkRecord.ts'
import { openNodeLog } from './nodeLog.ts'
import { openNetwork } from './openNetwork.ts'
import { chainUrlFor, joinChain, type StartedChain, startEmbeddedChain } from './startChain.ts'
import { startStreetWitnesses } from './streetWitnesses.ts'
import type { UpOptions } from './upOptions.ts'

/** What a start needs besides its options. */
export type StartContext = {
  folder: DataFolder
  nowMs(): number
  /** For a person: what goes on. */
  say(line: string): void
  /** The person wants to end already. */
  signal: AbortSignal
  /** Everything that was started. */
  stack: ClosingStack
}

/** A running node, its chain and its API. */
export type StartedNode = {
  endpoint: Endpoint
  facts: MarketFacts
  isNewMarket: boolean
  isEmbedded: boolean
  isAdopted: boolean
  status: NodeStatus
  /** Rejects when the embedded chain ends by itself, or the node cannot go on. */
  failed: Promise<never>
}

const givenChainConfirmations = 3
/** Of a node among others, unless told otherwise: the embedded chain of one may be far behind. */
const usualClockToleranceMs = 600_000
const watchMs = 1_000

/** Failures after which a node says no more until it is started anew from its disk. */
const isFinal = (reason: string | undefined): reason is ErrorCode =>
  isErrorCode(reason) && (reason.startsWith('store/') || reason === 'node/internal')

/** Rejects when something that runs has failed for good. */
function watch({ stack }: StartContext, service: NodeService, anvil?: AnvilHandle): Promise<never> {
  const failed = new Promise<never>((_, reject) => {
    anvil?.ended.then(({ isExpected }) => {
      if (!isExpected) reject(new SpbError('chain/died'))
    })
    const timer = setInterval(() => {
      const { reason } = service.status()
      if (isFinal(reason)) reject(new SpbError(reason))
    }, watchMs)
    stack.push(() => clearInterval(timer))
  })
  // Nobody may be listening yet.
  failed.catch(() => undefined)
  return failed
}

async function startChain(
  context: StartContext,
  options: UpOptions,
  url: string | undefined,
): Promise<StartedChain> {
  const { folder, stack, signal, nowMs, say } = context
  if (url === undefined) {
    return await startEmbeddedChain(folder, options, (anvil) => stack.push(() => anvil.stop()))
  }
  const wait = { longestMs: options.chainWaitMs, nowMs, say, signal }
  return await joinChain(folder, options, url, wait)
}

/** How the node meets others; undefined where it is alone. */
async function joinNetwork(
  { folder }: StartContext,
  options: UpOptions,
  { facts }: StartedChain,
  log: Log,
): Promise<Network | undefined> {
  const record = settleNetwork(folder, options)
  if (record !== undefined) return await openNetwork(folder, record, facts, log)
  return undefined
}

/** Starts the node proper over a chain that was started. */
async function startOnChain(context: StartContext, options: UpOptions, chain: StartedChain) {
  const { folder, stack, nowMs, say } = context
  const memberKey = openNodeKey(folder, 'member')
  const { facts, url, anvil } = chain
  const log = openNodeLog(folder, nowMs, say)
  stack.push(log.close)
  const ethereum = createEthereumChain({ url, market: facts, senderKey: bytesToHex(memberKey) })
  stack.push(ethereum.close)
  const store = openSqliteStore({
    path: join(folder.node, 'ledger.db'),
    marketId: `${facts.chainId}:${facts.address}`,
  })
  const isEmbedded = anvil !== undefined
  const network = await joinNetwork(context, options, chain, log.log)
  const clockToleranceMs = options.clockToleranceMs ?? (network && usualClockToleranceMs)
  const node = await composeNode(
    {
      ...{ facts, memberKey, isFirstStart: options.isFirstStart === true },
      ...(clockToleranceMs === undefined ? {} : { clockToleranceMs }),
      confirmations: options.confirmations ?? (isEmbedded ? 0 : givenChainConfirmations),
      ...(isEmbedded ? { pollMs: 200, batchAgeMs: 1_000 } : { pollMs: 1_000 }),
    },
    { store, chain: ethereum, log: log.log, ...(network === undefined ? {} : { network }) },
  ).catch(async (error) => {
    await network?.close()
    store.close()
    throw error
  })
  stack.push(() => node.close())
  const { host, port } = options
  const epochs = { service: node.service, operatorToken: openOperatorToken(folder) }
  const api = createApiServer({ node: node.service, epochs, host, port, log: log.logger })
  await api.listen()
  stack.push(() => api.close())
  return { node, api }
}

/**
 * Starts all that `spb up` runs, each part pushed onto the stack as soon as it runs.
 *
 * Throws `store/locked` where another one runs on the folder, `node/port-in-use`, and what chain,
 * store, keys and API throw.
 */
export async function startNode(context: StartContext, options: UpOptions): Promise<StartedNode> {
  const { folder, stack, signal } = context
  makeFolder(folder.path)
  const refusal = new SpbError('store/locked', 'Another “spb up” runs on this data folder.', {
    hint: 'Use that one, end it, or choose another --data folder.',
    meta: { folder: folder.path },
  })
  const lock = lockPath(join(folder.node, 'up.lock'), 0, refusal)
  stack.push(() => lock.release())
  // What needs no work is refused first.
  const chainUrl = chainUrlFor(folder, options)
  if (options.port !== 0) await requireFreePort(options.port)
  for (const name of ['member', 'manufacturer', 'authority'] as const) openNodeKey(folder, name)

  const chain = await startChain(context, options, chainUrl)
  signal.throwIfAborted()
  const { node, api } = await startOnChain(context, options, chain)
  signal.throwIfAborted()
  startStreetWitnesses(folder, { market: chain.facts, url: api.url, stack, nowMs: context.nowMs })
  const { address, chainId } = chain.facts
  const endpoint = { url: api.url, rpcUrl: chain.url, market: address, chainId }
  writeEndpoint(folder, endpoint)
  stack.push(() => removeEndpoint(folder))
  return {
    ...{ endpoint, facts: chain.facts, isNewMarket: chain.isNewMarket },
    isEmbedded: chain.anvil !== undefined,
    isAdopted: chain.anvil?.isAdopted === true,
    status: node.service.status(),
    failed: watch(context, node.service, chain.anvil),
  }
}
