import type { MarketFacts } from '../ports/chain.ts'
import { decodeAddress, decodeNumber, decodeObject } from '../protocol/decodeMessage.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type DataFolder, readJsonFile, writeJsonFile } from './dataFolder.ts'

/** Which market a data folder belongs to, and on which chain it is. */
export type MarketRecord = Pick<MarketFacts, 'chainId' | 'address' | 'deploymentBlock'> & {
  /** The Ethereum client it was found at; absent for the embedded chain. */
  chainUrl?: string
}

const fields = ['chainId', 'address', 'deploymentBlock']
const mostNumber = Number.MAX_SAFE_INTEGER

function decodeRecord(value: unknown): MarketRecord {
  const object = decodeObject(value, fields, 'market record', ['chainUrl'])
  const { chainUrl } = object
  if (chainUrl !== undefined && typeof chainUrl !== 'string') throw new SpbError('input/shape')
  return {
    chainId: decodeNumber(object.chainId, mostNumber, 'chainId'),
    address: decodeAddress(object.address, 'market'),
    deploymentBlock: decodeNumber(object.deploymentBlock, mostNumber, 'deploymentBlock'),
    ...(chainUrl === undefined ? {} : { chainUrl }),
  }
}

/** The market of a folder; undefined before its first `spb up`. */
export function readMarketRecord({ market }: DataFolder): MarketRecord | undefined {
  const json = readJsonFile(market)
  return json === undefined ? undefined : decodeRecord(json)
}

/** Binds a folder to a market. Throws `store/failed`. */
export function writeMarketRecord({ market }: DataFolder, record: MarketRecord): void {
  writeJsonFile(market, record)
}
