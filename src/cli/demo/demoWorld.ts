import { getBalance, getTransactionReceipt, sendRawTransaction } from 'viem/actions'
import { startAnvil } from '../../adapters/chain/anvil.ts'
import { mineAt, setAutomine, setBalance } from '../../adapters/chain/anvilControl.ts'
import { deployMarket } from '../../adapters/chain/deployMarket.ts'
import { createEthereumChain } from '../../adapters/chain/ethereumChain.ts'
import { connectRpc, type RpcConnection } from '../../adapters/chain/rpcConnection.ts'
import { createMemoryStore } from '../../adapters/storage/memoryStore.ts'
import { createManufacturer, type Manufacturer } from '../../meter/manufacturer.ts'
import { composeNode, type RunningNode } from '../../node/compose.ts'
import type { NodeService } from '../../node/nodeService.ts'
import type { Chain, MarketFacts } from '../../ports/chain.ts'
import { type Address, bytesToHex, type Hex } from '../../protocol/bytes.ts'
import type { Market } from '../../protocol/digest.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { deriveDemoKey } from './demoKeys.ts'
import { type WatchedChain, watchChain } from './watchedChain.ts'

/** What a world depends on: the same options make the same world. */
export type DemoWorldOptions = {
  seed: number
  /** Time of the first block; 300 s later the world is ready, and its time goes block by block. */
  startSeconds: Seconds
  /** How long the node waits for more trades to settle with one that could be settled. */
  batchAgeMs: number
  /** Ends the world at the next block. */
  signal?: AbortSignal | undefined
}

/** What a block did besides the node's own settlement. */
export type BlockOutcome = { gasUsed: bigint; transactions: number }

/** A market on an embedded chain, with a committee of one, in a time of its own. */
export type DemoWorld = {
  facts: MarketFacts
  market: Market
  manufacturer: Manufacturer
  service: NodeService
  chain: Chain
  nowSeconds(): Seconds
  /** The time so many seconds from now. */
  laterSeconds(spanSeconds: number): Seconds
  /** Gives an address ether to deposit and to pay gas with. */
  fund(address: Address, amountWei: bigint): Promise<void>
  /** Makes a block at a time, with these signed transactions, and has the node read it. */
  makeBlock(timeSeconds: Seconds, transactions?: readonly Hex[]): Promise<BlockOutcome>
  /** Ether that the market contract holds. */
  readContractWei(): Promise<bigint>
  /** Makes blocks, a second apart, as long as the node has a settlement on its way. */
  finishSettlements(): Promise<void>
  /** Ends the node, then the chain. */
  close(): Promise<void>
}

const chainId = 31_337
const oneEther = 10n ** 18n
/** Room for the offers of a thousand homes. */
const blockGas = 1_000_000_000
/** Room for the deployment, while the chain's time still runs by itself. */
const setupSeconds = 300

const silentLog = { info: () => {}, warn: () => {}, error: () => {} }

type Setting = Pick<DemoWorldOptions, 'seed' | 'batchAgeMs'> & { url: string; port: number }

async function deploy({ url, port, seed }: Setting): Promise<MarketFacts> {
  const deployer = deriveDemoKey(seed, 'deployer')
  const member = addressOf(deriveDemoKey(seed, 'member'))
  await Promise.all([
    setBalance({ port }, addressOf(deployer), 10n * oneEther),
    setBalance({ port }, member, 100n * oneEther),
  ])
  const salt = bytesToHex(deriveDemoKey(seed, 'salt'))
  const { address } = manufacturerOf(seed)
  const parties = { members: [member], manufacturers: [address] }
  return deployMarket({ url, deployerKey: bytesToHex(deployer), ...parties, salt })
}

const manufacturerOf = (seed: number): Manufacturer =>
  createManufacturer(deriveDemoKey(seed, 'manufacturer'))

async function startNode(setting: Setting, facts: MarketFacts, chain: Chain, nowMs: () => number) {
  const { seed, batchAgeMs } = setting
  const memberKey = deriveDemoKey(seed, 'member')
  const adapters = { store: createMemoryStore(), chain, log: silentLog, clock: { nowMs } }
  return composeNode({ facts, memberKey, pollMs: 0, batchAgeMs }, adapters)
}

/** Sends a block's transactions and returns how to learn what became of them. */
async function sendAll(rpc: RpcConnection, transactions: readonly Hex[]) {
  const hashes = await rpc.call(() =>
    Promise.all(
      transactions.map((serializedTransaction) =>
        sendRawTransaction(rpc.client, { serializedTransaction }),
      ),
    ),
  )
  return async (): Promise<BlockOutcome> => {
    const receipts = await rpc.call(() =>
      Promise.all(hashes.map((hash) => getTransactionReceipt(rpc.client, { hash }))),
    )
    const failed = receipts.find(({ status }) => status !== 'success')
    if (failed !== undefined) {
      throw new SpbError('chain/reverted', `Transaction ${failed.transactionHash} failed.`)
    }
    const gasUsed = receipts.reduce((sum, receipt) => sum + receipt.gasUsed, 0n)
    return { gasUsed, transactions: receipts.length }
  }
}

/** The node notes a failed look at the chain and would look again: here it is the end. */
function requireReading({ service }: RunningNode): void {
  const { reason } = service.status()
  if (reason === undefined) return
  const code = reason === 'chain/stalled' ? 'chain/stalled' : 'chain/unreachable'
  throw new SpbError(code, `The node cannot go on: ${reason}.`)
}

/**
 * Starts an embedded chain with blocks made by hand, deploys a market and starts its node.
 *
 * Keys, addresses and times depend on the options alone. Throws what `startAnvil`, `deployMarket`
 * and `composeNode` throw; nothing is left running then.
 */
export async function openDemoWorld(options: DemoWorldOptions): Promise<DemoWorld> {
  const { seed, startSeconds, batchAgeMs, signal } = options
  const anvil = await startAnvil({ chainId, timestampSeconds: startSeconds, blockGas })
  const setting = { url: anvil.url, port: anvil.port, seed, batchAgeMs }
  try {
    const facts = await deploy(setting)
    await setAutomine(anvil, false)
    const senderKey = bytesToHex(deriveDemoKey(seed, 'member'))
    const ethereum = createEthereumChain({ url: anvil.url, market: facts, senderKey })
    const chain = watchChain(ethereum)
    // Deployment took as long as it took; from here on each block has a time of its own.
    const time = { nowSeconds: seconds(startSeconds + setupSeconds) }
    await mineAt(anvil, time.nowSeconds)
    const node = await startNode(setting, facts, chain, () => time.nowSeconds * 1000)
    const rpc = connectRpc({ url: anvil.url })
    const blocks = createBlocks({ node, chain, rpc, port: anvil.port, time, signal })
    return {
      ...{ facts, chain, ...blocks, manufacturer: manufacturerOf(seed) },
      market: { chainId, address: facts.address },
      service: node.service,
      nowSeconds: () => time.nowSeconds,
      laterSeconds: (spanSeconds) => seconds(time.nowSeconds + spanSeconds),
      readContractWei: () => rpc.call(() => getBalance(rpc.client, { address: facts.address })),
      fund: (address, amountWei) => setBalance(anvil, address, amountWei),
      async close() {
        await node.close()
        ethereum.close()
        rpc.close()
        await anvil.stop()
      },
    }
  } catch (error) {
    await anvil.stop()
    throw error
  }
}

type BlockParts = {
  node: RunningNode
  chain: WatchedChain
  rpc: RpcConnection
  port: number
  time: { nowSeconds: Seconds }
  signal: AbortSignal | undefined
}

function createBlocks(parts: BlockParts): Pick<DemoWorld, 'makeBlock' | 'finishSettlements'> {
  const { node, chain, rpc, port, time, signal } = parts
  async function makeBlock(timeSeconds: Seconds, transactions: readonly Hex[] = []) {
    signal?.throwIfAborted()
    // What the node just sent belongs into this block, however long its sending takes.
    await chain.sendingDone()
    const readOutcome = await sendAll(rpc, transactions)
    await mineAt({ port }, timeSeconds)
    chain.noteBlock()
    time.nowSeconds = timeSeconds
    const [outcome] = await Promise.all([readOutcome(), node.poll()])
    requireReading(node)
    await chain.sendingDone()
    return outcome
  }
  async function finishSettlements() {
    while (chain.waitingCount() > 0) await makeBlock(seconds(time.nowSeconds + 1))
  }
  return { makeBlock, finishSettlements }
}
