import { join } from 'node:path'
import type { Address } from '../../protocol/bytes.ts'
import {
  decodeAddress,
  decodeList,
  decodeNumber,
  decodeObject,
} from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type DataFolder, dataFolderAt, readJsonFile, writeJsonFile } from '../dataFolder.ts'
import type { DevnetChainKind } from './devnetOptions.ts'

/** What a devnet's folder remembers, so that it goes on where it was. */
export type DevnetRecord = {
  chain: DevnetChainKind
  chainId: number
  blockTimeSeconds: number
  /** One entry a member. */
  nodes: DevnetPorts[]
  /** Absent until the market is deployed. */
  market?: Address
}

/** On 127.0.0.1: of a member's API, of its connections to others, and of its client's two. */
export type DevnetPorts = { api: number; network: number; rpc: number; peer: number }

const mostPort = 65_535
const mostNodes = 100

/** The data folder of one member: the same as that of `spb up`. */
export function memberFolder(path: string, at: number): DataFolder {
  return dataFolderAt(join(path, `node${at}`))
}

/** Where the clients keep their blocks. */
export function clientsFolder(path: string): string {
  return join(path, 'chain')
}

const recordPath = (path: string) => join(path, 'devnet.json')

function decodePorts(value: unknown): DevnetPorts {
  const ports = decodeObject(value, ['api', 'network', 'rpc', 'peer'], 'ports')
  const port = (name: keyof DevnetPorts) => decodeNumber(ports[name], mostPort, name)
  return { api: port('api'), network: port('network'), rpc: port('rpc'), peer: port('peer') }
}

/** The record of a devnet's folder; undefined where there is none yet. Throws `input/*`. */
export function readDevnetRecord(path: string): DevnetRecord | undefined {
  const json = readJsonFile(recordPath(path))
  if (json === undefined) return undefined
  const names = ['chain', 'chainId', 'blockTimeSeconds', 'nodes']
  const object = decodeObject(json, names, 'devnet record', ['market'])
  const { chain, market } = object
  if (chain !== 'geth' && chain !== 'anvil') throw new SpbError('input/shape')
  return {
    chain,
    chainId: decodeNumber(object.chainId, Number.MAX_SAFE_INTEGER, 'chainId'),
    blockTimeSeconds: decodeNumber(object.blockTimeSeconds, mostPort, 'blockTimeSeconds'),
    nodes: decodeList(object.nodes, mostNodes, 'nodes', decodePorts),
    ...(market === undefined ? {} : { market: decodeAddress(market, 'market') }),
  }
}

/** Remembers what a devnet's folder holds. Throws `store/failed`. */
export function writeDevnetRecord(path: string, record: DevnetRecord): void {
  writeJsonFile(recordPath(path), record)
}
