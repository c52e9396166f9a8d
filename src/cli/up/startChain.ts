import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { type AnvilHandle, startAnvil } from '../../adapters/chain/anvil.ts'
import { setBalance } from '../../adapters/chain/anvilControl.ts'
import { deployMarket } from '../../adapters/chain/deployMarket.ts'
import { findUntrusted } from '../../adapters/chain/findUntrusted.ts'
import { openMarket } from '../../adapters/chain/openMarket.ts'
import type { MarketFacts } from '../../ports/chain.ts'
import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { DataFolder } from '../dataFolder.ts'
import { type MarketRecord, readMarketRecord, writeMarketRecord } from '../marketRecord.ts'
import { requireSameTerms } from '../marketTerms.ts'
import { openNodeKey } from '../nodeKeys.ts'
import { type ChainWait, waitForChain } from './chainWait.ts'
import type { UpOptions } from './upOptions.ts'

/** A chain with the folder's market on it; `anvil` where it is the embedded one. */
export type StartedChain = {
  url: string
  facts: MarketFacts
  isNewMarket: boolean
  anvil?: AnvilHandle
}

const embeddedChainId = 31_337
/** What is lost of the embedded chain at most, if the machine goes down. */
const stateIntervalSeconds = 5
/** Play money for the node's own transactions: a million ether. */
const embeddedBalanceWei = 10n ** 24n

/** Which client the folder's node is to use; undefined for the embedded chain. */
export function chainUrlFor(folder: DataFolder, options: UpOptions): string | undefined {
  const record = readMarketRecord(folder)
  const { chainUrl, market } = options
  if (record === undefined) {
    if (chainUrl !== undefined && market === undefined) {
      throw new SpbError('input/option', 'Which market of that chain is meant?', {
        hint: 'Add --market ADDRESS; make one with: spb market create --chain URL.',
      })
    }
    if (chainUrl === undefined && market !== undefined) {
      throw new SpbError('input/option', '--market needs --chain URL.')
    }
    return chainUrl
  }
  requireSameMarket(record, options)
  return chainUrl ?? record.chainUrl
}

function requireSameMarket(record: MarketRecord, { chainUrl, market }: UpOptions): void {
  const isOther = market !== undefined && market !== record.address
  const isOtherKind = chainUrl !== undefined && record.chainUrl === undefined
  if (!isOther && !isOtherKind) return
  throw new SpbError(
    'store/wrong-market',
    `This data folder belongs to market ${record.address}.`,
    {
      meta: { market: record.address },
    },
  )
}

async function deployFirst(
  folder: DataFolder,
  { terms, manufacturers }: UpOptions,
  url: string,
): Promise<MarketFacts> {
  const memberKey = openNodeKey(folder, 'member')
  const facts = await deployMarket({
    url,
    deployerKey: bytesToHex(memberKey),
    members: [addressOf(memberKey)],
    authorities: [addressOf(openNodeKey(folder, 'authority'))],
    manufacturers:
      manufacturers.length > 0 ? manufacturers : [addressOf(openNodeKey(folder, 'manufacturer'))],
    options: terms,
    salt: bytesToHex(randomBytes(32)),
  })
  const { chainId, address, deploymentBlock } = facts
  writeMarketRecord(folder, { chainId, address, deploymentBlock })
  return facts
}

async function reopen(record: MarketRecord, options: UpOptions, url: string): Promise<MarketFacts> {
  const { address, chainId, deploymentBlock } = record
  const facts = await openMarket({ url, address, chainId, deploymentBlock })
  await requireAsGiven(options, facts, url)
  return facts
}

/** Refuses terms and manufacturers that a market which is there already does not have. */
async function requireAsGiven(
  { terms, manufacturers }: UpOptions,
  { address, options }: MarketFacts,
  url: string,
): Promise<void> {
  requireSameTerms(terms, options)
  const [untrusted] = await findUntrusted({ url, address }, manufacturers)
  if (untrusted === undefined) return
  const message = `The market is there already, and does not trust manufacturer ${untrusted}.`
  throw new SpbError('input/option', message, {
    hint: 'Its committee decides whom it trusts: spb committee propose manufacturer.',
    meta: { manufacturer: untrusted },
  })
}

function explainLostChain(error: unknown): unknown {
  if (!(error instanceof SpbError) || error.code !== 'chain/no-contract') return error
  return new SpbError(
    'chain/no-contract',
    'The embedded chain does not hold its market any more.',
    {
      hint: 'Restore a backup of the data folder, or begin anew with another --data folder.',
    },
  )
}

/** Starts the embedded chain, or takes over one that was left, and opens or makes its market. */
export async function startEmbeddedChain(
  folder: DataFolder,
  options: UpOptions,
  onStarted: (anvil: AnvilHandle) => void,
): Promise<StartedChain> {
  const anvil = await startAnvil({
    chainId: embeddedChainId,
    blockTimeSeconds: options.blockTimeSeconds,
    statePath: join(folder.chain, 'state.json'),
    stateIntervalSeconds,
    ...(options.chainPort === undefined ? {} : { port: options.chainPort }),
  })
  onStarted(anvil)
  const member: Address = addressOf(openNodeKey(folder, 'member'))
  await setBalance(anvil, member, embeddedBalanceWei)
  const record = readMarketRecord(folder)
  const { url } = anvil
  if (record === undefined) {
    return { url, anvil, facts: await deployFirst(folder, options, url), isNewMarket: true }
  }
  try {
    return { url, anvil, facts: await reopen(record, options, url), isNewMarket: false }
  } catch (error) {
    throw explainLostChain(error)
  }
}

/** Finds the folder's market at a given Ethereum client, waiting for it to answer. */
export async function joinChain(
  folder: DataFolder,
  options: UpOptions,
  url: string,
  wait: ChainWait,
): Promise<StartedChain> {
  const record = readMarketRecord(folder)
  const address = record?.address ?? options.market!
  const facts = await waitForChain(
    () => (record === undefined ? openMarket({ url, address }) : reopen(record, options, url)),
    wait,
  )
  await requireAsGiven(options, facts, url)
  const { chainId, deploymentBlock } = facts
  writeMarketRecord(folder, { chainId, address, deploymentBlock, chainUrl: url })
  return { url, facts, isNewMarket: false }
}
