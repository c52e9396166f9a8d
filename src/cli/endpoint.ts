import { rmSync } from 'node:fs'
import type { Address } from '../protocol/bytes.ts'
import { decodeAddress, decodeNumber, decodeObject } from '../protocol/decodeMessage.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type DataFolder, readJsonFile, writeJsonFile } from './dataFolder.ts'

/** Where a folder’s node and its chain answer, and which market they serve. */
export type Endpoint = { url: string; rpcUrl: string; market: Address; chainId: number }

function decodeUrl(value: unknown): string {
  if (typeof value === 'string') return value
  throw new SpbError('input/shape', 'A URL is not text.')
}

function decodeEndpoint(value: unknown): Endpoint {
  const object = decodeObject(value, ['url', 'rpcUrl', 'market', 'chainId'], 'endpoint')
  return {
    url: decodeUrl(object.url),
    rpcUrl: decodeUrl(object.rpcUrl),
    market: decodeAddress(object.market, 'market'),
    chainId: decodeNumber(object.chainId, Number.MAX_SAFE_INTEGER, 'chainId'),
  }
}

/** The endpoint of the node that runs on a folder; undefined where none does. */
export function readEndpoint({ endpoint }: DataFolder): Endpoint | undefined {
  const json = readJsonFile(endpoint)
  return json === undefined ? undefined : decodeEndpoint(json)
}

/** Lets the other commands find a node. Throws `store/failed`. */
export function writeEndpoint({ endpoint }: DataFolder, value: Endpoint): void {
  writeJsonFile(endpoint, value)
}

/** The node has ended. */
export function removeEndpoint({ endpoint }: DataFolder): void {
  rmSync(endpoint, { force: true })
}
