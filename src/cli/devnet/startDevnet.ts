import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findGethBinary } from '../../adapters/chain/gethBinary.ts'
import type { Address } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'
import { openNodeKey } from '../nodeKeys.ts'
import { lockPath } from '../processLock.ts'
import { type DevnetContext, type DevnetFunds, startClients } from './devnetClients.ts'
import {
  type DevnetRecord,
  memberFolder,
  readDevnetRecord,
  writeDevnetRecord,
} from './devnetFolder.ts'
import { findDevnetMarket, makeDevnetMarket } from './devnetMarket.ts'
import { type DevnetNode, listenAddress, startDevnetNode, waitForNode } from './devnetNode.ts'
import type { DevnetChainKind, DevnetOptions } from './devnetOptions.ts'
import { choosePorts, defaultBasePort, requireFreePorts } from './devnetPorts.ts'
import { shareFaucetKey } from './faucet.ts'

/** A running devnet. */
export type StartedDevnet = {
  path: string
  isKept: boolean
  chain: DevnetChainKind
  chainId: number
  market: Address
  members: DevnetMember[]
}

/** One member: its node, its folder and its Ethereum client. */
export type DevnetMember = {
  url: string
  pid: number
  address: Address
  /** Whether it voted when the start was over. */
  isVoting: boolean
  dataFolder: string
  rpcUrl: string
  log: string
  /** Where other members reach it. */
  network: string | null
}

const chainIds = { geth: 31_338, anvil: 31_337 } as const
/** Play money: for settlements' gas, and for everyone. */
const memberFundsWei = 10n ** 21n
const faucetFundsWei = 10n ** 27n
const longestVotingMs = 60_000

/** geth where one can be had, unless told otherwise. */
function chooseChain(wanted: DevnetChainKind | undefined, say: (line: string) => void) {
  if (wanted === 'anvil') return wanted
  try {
    findGethBinary()
    return 'geth'
  } catch (error) {
    if (wanted === 'geth') throw error
    say('There is no geth, so all members share one anvil: node tools/installGeth.mjs')
    return 'anvil'
  }
}

/** Refuses what a folder that is there already does not have. Throws `input/option`. */
function requireSameDevnet({ nodes, chain }: DevnetOptions, found: DevnetRecord): void {
  if (nodes === found.nodes.length && (chain ?? found.chain) === found.chain) return
  const { length } = found.nodes
  throw new SpbError('input/option', 'The folder holds another devnet.', {
    hint: `Go on with --nodes ${length} --chain ${found.chain}, or choose another --data folder.`,
    meta: { nodes: length, chain: found.chain },
  })
}

async function openRecord(
  { path, say }: DevnetContext,
  options: DevnetOptions,
): Promise<DevnetRecord> {
  const { nodes, basePort, blockTimeSeconds } = options
  const found = readDevnetRecord(path)
  if (found !== undefined) requireSameDevnet(options, found)
  const chain = found?.chain ?? chooseChain(options.chain, say)
  const isNewPorts = found === undefined || basePort !== undefined
  const ports = isNewPorts ? await choosePorts(nodes, basePort ?? defaultBasePort) : found.nodes
  const record = { blockTimeSeconds, chainId: chainIds[chain], ...found, chain, nodes: ports }
  writeDevnetRecord(path, record)
  return record
}

/** The keys of all members, and the ether that they and the faucet begin with. */
function makeFunds(folders: readonly DataFolder[]): DevnetFunds & { faucetKey: Uint8Array } {
  const faucetKey = shareFaucetKey(folders)
  // A member makes its client's blocks in its own name: so its roots in them are told apart.
  const signerKeys = folders.map((folder) => openNodeKey(folder, 'member'))
  const funds: Record<Address, bigint> = { [addressOf(faucetKey)]: faucetFundsWei }
  for (const key of signerKeys) funds[addressOf(key)] = memberFundsWei
  return { faucetKey, signerKeys, funds }
}

function watch({ say }: DevnetContext, node: DevnetNode, at: number): void {
  node.ended.then(({ isExpected, exitCode, signal }) => {
    if (isExpected) return
    const how = signal ?? `exit code ${exitCode}`
    say(`Node ${at} at ${node.url} has ended (${how}); what it said: ${node.logPath}`)
  })
}

type NodesOptions = { record: DevnetRecord; market: Address; urls: string[]; folders: DataFolder[] }

async function startNodes(
  context: DevnetContext,
  { record, market, urls, folders }: NodesOptions,
): Promise<DevnetMember[]> {
  const { stack, signal } = context
  const addresses = record.nodes.map(({ network }) => listenAddress(network))
  const isAlone = addresses.length === 1
  const start = async ({ api, network }: DevnetRecord['nodes'][number], at: number) => {
    const [folder, rpcUrl] = [folders[at]!, urls[at]!]
    const peers = addresses.filter((_, other) => other !== at)
    const node = await startDevnetNode(
      {
        ...{ folder, chainUrl: rpcUrl, market, apiPort: api, peers },
        isNew: record.market === undefined,
        ...(isAlone ? {} : { networkPort: network }),
        // Nothing ever replaces the blocks of the only client.
        ...(record.chain === 'anvil' ? { confirmations: 0 } : {}),
      },
      (started) => {
        stack.push(() => started.stop())
        watch(context, started, at)
      },
      signal,
    )
    const wait = { signal, longestMs: longestVotingMs }
    const isVoting = await waitForNode(node, { ...wait, isSo: (status) => status.isVoting })
    const { url, pid, logPath: log } = node
    const address = addressOf(openNodeKey(folder, 'member'))
    const place = isAlone ? null : addresses[at]!
    return {
      ...{ url, pid, log, address, isVoting, rpcUrl },
      network: place,
      dataFolder: folder.path,
    }
  }
  return await Promise.all(record.nodes.map(start))
}

/** Makes the folder, or takes the given one; a made one is removed in the end. */
export function openDevnetFolder(data: string | undefined): { path: string; remove(): void } {
  if (data !== undefined) {
    makeFolder(data)
    return { path: data, remove: () => undefined }
  }
  const path = mkdtempSync(join(tmpdir(), 'spb-devnet-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) }
}

/**
 * Starts a devnet's Ethereum clients, deploys its market where there is none yet, and starts its
 * members; each part is pushed onto the stack as soon as it runs.
 *
 * Throws `store/locked`, `input/option`, `node/port-in-use`, `node/died`, `chain/*`.
 */
export async function startDevnet(
  context: DevnetContext,
  options: DevnetOptions,
): Promise<StartedDevnet> {
  const { path, stack, say, signal } = context
  const refusal = new SpbError('store/locked', 'Another “spb devnet” runs on this data folder.')
  const lock = lockPath(join(path, 'devnet.lock'), 0, refusal)
  stack.push(() => lock.release())
  const record = await openRecord(context, options)
  const folders = record.nodes.map((_, at) => memberFolder(path, at))
  const { faucetKey, ...funds } = makeFunds(folders)
  if (record.market === undefined) await requireFreePorts(record.nodes)
  const count = record.nodes.length
  const what = record.chain === 'geth' ? `${count} geth` : 'anvil'
  say(`Starting ${what} and ${count === 1 ? 'a node' : `${count} nodes`}.`)
  const { urls } = await startClients(context, record, funds)
  signal.throwIfAborted()
  const deployment = { folders, urls, deployerKey: faucetKey, terms: options.terms }
  const { address: market, chainId } = await (record.market === undefined
    ? makeDevnetMarket(deployment)
    : findDevnetMarket(deployment, record.market))
  writeDevnetRecord(path, { ...record, market })
  signal.throwIfAborted()
  const members = await startNodes(context, { record, market, urls, folders })
  const isKept = options.data !== undefined
  return { path, isKept, chain: record.chain, chainId, market, members }
}
