import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ClientEnd, spawnClient } from '../../adapters/chain/clientProcess.ts'
import { endOwnProcess } from '../../adapters/chain/ownProcess.ts'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { NodeStatus } from '../../protocol/views.ts'
import { createNodeClient } from '../../sdk/nodeClient.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'
import { readEndpoint, removeEndpoint } from '../endpoint.ts'

/** One member as a process of its own: `spb up` with these options. */
export type DevnetNodeOptions = {
  folder: DataFolder
  chainUrl: string
  market: Address
  apiPort: number
  /** Where other members reach it; absent for one that is alone. */
  networkPort?: number
  /** Multiaddresses of the other members. */
  peers: readonly string[]
  /** It never ran: there is nothing that it may have voted for. */
  isNew: boolean
  /** Blocks until a block counts; that of `spb up` where left out. */
  confirmations?: number
}

/** A running member. */
export type DevnetNode = {
  folder: DataFolder
  url: string
  pid: number
  logPath: string
  ended: Promise<ClientEnd>
  stop(): Promise<void>
}

/** What to wait for at a node, and for how long. */
export type NodeWait = {
  signal: AbortSignal
  longestMs: number
  isSo(status: NodeStatus): boolean
}

const main = fileURLToPath(new URL('../main.ts', import.meta.url))
const pollMs = 100
const longestStartMs = 120_000

const pidPath = ({ node }: DataFolder) => join(node, 'up.pid')
const logPathOf = ({ node }: DataFolder) => join(node, 'up.log')

/** The multiaddress at which a member listens for others. */
export function listenAddress(networkPort: number): string {
  return `/ip4/127.0.0.1/tcp/${networkPort}`
}

/** The words of `spb up` that make a member. */
export function wordsOfNode(options: DevnetNodeOptions): string[] {
  const { folder, chainUrl, market, apiPort, networkPort, peers, confirmations, isNew } = options
  const words = ['up', '--data', folder.path, '--chain', chainUrl, '--market', market]
  words.push('--port', String(apiPort))
  if (networkPort !== undefined) words.push('--listen', listenAddress(networkPort))
  for (const peer of peers) words.push('--peer', peer)
  if (isNew) words.push('--first-start')
  if (confirmations !== undefined) words.push('--confirmations', String(confirmations))
  return words
}

/** One that an earlier program left behind would hold ports and database. */
async function endLeftOver(folder: DataFolder): Promise<void> {
  const path = pidPath(folder)
  if (!existsSync(path)) return
  const pid = Number(readFileSync(path, 'utf8'))
  if (Number.isSafeInteger(pid) && pid > 0) await endOwnProcess(pid, /\bup\b/, folder.path)
  rmSync(path, { force: true })
}

async function statusOf(folder: DataFolder): Promise<NodeStatus | undefined> {
  const endpoint = readEndpoint(folder)
  if (endpoint === undefined) return undefined
  const client = createNodeClient({ url: endpoint.url, retryDelaysMs: [] })
  return await client.status().catch(() => undefined)
}

/** A failure to start, with the last that the node said. */
function explainDeath({ path }: DataFolder, { output }: ClientEnd): SpbError {
  const said = output.trim().split('\n').slice(-3).join('\n')
  return new SpbError('node/died', `The node of ${path} has ended: ${said}`, { meta: { path } })
}

/**
 * Waits until a member's API answers and says what is wanted; false where that takes too long.
 * Throws `node/died`.
 */
export async function waitForNode(
  { folder, ended }: DevnetNode,
  { signal, longestMs, isSo }: NodeWait,
): Promise<boolean> {
  let end: ClientEnd | undefined
  ended.then((found) => {
    end = found
  })
  const endMs = Date.now() + longestMs
  while (Date.now() < endMs) {
    signal.throwIfAborted()
    if (end !== undefined) throw explainDeath(folder, end)
    const status = await statusOf(folder)
    if (status !== undefined && isSo(status)) return true
    await delay(pollMs)
  }
  return false
}

/**
 * Starts a member as a process of its own; resolves when its API answers. Throws `node/died`.
 */
export async function startDevnetNode(
  options: DevnetNodeOptions,
  onStarted: (node: DevnetNode) => void,
  signal: AbortSignal,
): Promise<DevnetNode> {
  const { folder, apiPort } = options
  makeFolder(folder.node)
  await endLeftOver(folder)
  // A node that was killed still says where it was.
  removeEndpoint(folder)
  const logPath = logPathOf(folder)
  const words = [...process.execArgv, main, ...wordsOfNode(options)]
  const { pid, ended, stop } = spawnClient(process.execPath, words, logPath)
  if (pid !== 0) writeFileSync(pidPath(folder), String(pid))
  ended.then(() => rmSync(pidPath(folder), { force: true }))
  const node = { folder, url: `http://127.0.0.1:${apiPort}`, pid, logPath, ended, stop }
  onStarted(node)
  if (await waitForNode(node, { signal, longestMs: longestStartMs, isSo: () => true })) return node
  throw new SpbError('node/died', `The node of ${folder.path} did not answer in time.`)
}
