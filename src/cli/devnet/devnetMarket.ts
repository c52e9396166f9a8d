import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { deployMarket } from '../../adapters/chain/deployMarket.ts'
import { openMarket } from '../../adapters/chain/openMarket.ts'
import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { MarketFacts, MarketOptions } from '../../protocol/views.ts'
import type { DataFolder } from '../dataFolder.ts'
import { requireSameTerms } from '../marketTerms.ts'
import { openNodeKey } from '../nodeKeys.ts'

/** A market of a devnet to make or to find: its members' folders and clients. */
export type DevnetMarketOptions = {
  folders: readonly DataFolder[]
  urls: readonly string[]
  /** Pays for the deployment. */
  deployerKey: Uint8Array
  terms: Partial<MarketOptions>
}

const pollMs = 300
/** A client may have to come after the others first. */
const longestWaitMs = 90_000

/** Tries again while a client does not have the market yet. */
async function openWhenThere(url: string, address: Address): Promise<MarketFacts> {
  const endMs = Date.now() + longestWaitMs
  for (;;) {
    try {
      return await openMarket({ url, address })
    } catch (error) {
      const mayCome = error instanceof SpbError && error.code === 'chain/no-contract'
      if (!mayCome || Date.now() > endMs) throw error
    }
    await delay(pollMs)
  }
}

/** Deploys the market of a devnet's members; every client has it when this resolves. */
export async function makeDevnetMarket(options: DevnetMarketOptions): Promise<MarketFacts> {
  const { folders, urls, deployerKey, terms } = options
  const addressesOf = (name: 'member' | 'authority' | 'manufacturer') =>
    folders.map((folder) => addressOf(openNodeKey(folder, name)))
  const { address } = await deployMarket({
    ...{ url: urls[0]!, options: terms, deployerKey: bytesToHex(deployerKey) },
    members: addressesOf('member'),
    authorities: addressesOf('authority'),
    manufacturers: addressesOf('manufacturer'),
    salt: bytesToHex(randomBytes(32)),
  })
  const found = await Promise.all(urls.map((url) => openWhenThere(url, address)))
  return found[0]!
}

/** Finds a devnet's market again at every client. Throws `input/option` for other terms. */
export async function findDevnetMarket(
  { urls, terms }: DevnetMarketOptions,
  address: Address,
): Promise<MarketFacts> {
  const found = await Promise.all(urls.map((url) => openWhenThere(url, address)))
  requireSameTerms(terms, found[0]!.options)
  return found[0]!
}
