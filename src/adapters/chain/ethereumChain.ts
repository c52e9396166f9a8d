import { toEventSelector } from 'viem'
import { getBlock, readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import type { AccountState, BlockRef, Chain, MarketFacts } from '../../ports/chain.ts'
import type { Address, Hex } from '../../protocol/bytes.ts'
import { assert } from '../../protocol/spbError.ts'
import { seconds, wei } from '../../protocol/units.ts'
import { readHeaders } from './blockHeaders.ts'
import { decodeMarketLog, lowerCase } from './marketEvents.ts'
import { createMarketLogs } from './marketLogs.ts'
import { createRootAnnouncer } from './rootAnnouncer.ts'
import {
  connectRpc,
  type RpcConnection,
  type RpcOptions,
  readBlock,
  requireChainId,
} from './rpcConnection.ts'
import { readSettlementContexts } from './settlementContexts.ts'
import type { FeePolicy } from './settlementFees.ts'
import { SettlementSender } from './settlementSender.ts'
import { readOutcome } from './transactionOutcome.ts'

/** Most accounts of one `accountStates` call: their storage reads fit any client's gas limit. */
export const accountsPerRequest = 500

/** Which market a node works for, and which account pays for its settlements. */
export type EthereumChainOptions = RpcOptions & {
  market: MarketFacts
  /** Private key, 32 bytes, of the node's own Ethereum account: it pays for settlements. */
  senderKey: Hex
  fees?: FeePolicy
}

/** The chain port over JSON-RPC; `close` ends its sockets. */
export type EthereumChain = Chain & { close(): void }

const topicOf = (name: string): Hex =>
  toEventSelector(marketAbi.find((entry) => entry.type === 'event' && entry.name === name) as never)

/** Events of which only the transaction tells all. */
const settlementTopics = new Set<Hex | undefined>([topicOf('Settled'), topicOf('SettledWithProof')])

type Block = { number: bigint | null; hash: Hex | null; timestamp: bigint }

function blockRef({ number, hash, timestamp }: Block): BlockRef {
  assert(number !== null && hash !== null, 'a block that was asked for by number is not pending')
  return { number: Number(number), hash, timeSeconds: seconds(Number(timestamp)) }
}

async function readAccounts(
  rpc: RpcConnection,
  market: Address,
  accounts: readonly Address[],
  blockNumber: number,
): Promise<AccountState[]> {
  const states = await readContract(rpc.client, {
    address: market,
    abi: marketAbi,
    functionName: 'accountStates',
    args: [accounts],
    blockNumber: BigInt(blockNumber),
  })
  return states.map((state, at) => ({
    account: accounts[at]!,
    balanceWei: wei(state.balanceWei),
    nonceBase: state.nonceBase,
    nonceBitmap: state.nonceBitmap,
    energyWh: state.energyWh,
    requestedWei: wei(state.requestedWei),
    readyAtSeconds: seconds(state.readyAtSeconds),
    payout: lowerCase(state.payout),
  }))
}

/** Runs `check` once before the first call, and again before the next one where it failed. */
function checkFirst(check: () => Promise<unknown>): () => Promise<unknown> {
  let checked: Promise<unknown> | undefined
  return () => {
    checked ??= check().catch((error) => {
      checked = undefined
      throw error
    })
    return checked
  }
}

function chunksOf<Item>(items: readonly Item[], size: number): Item[][] {
  const count = Math.ceil(items.length / size)
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size))
}

/**
 * The chain port over JSON-RPC (HTTP, WebSocket or IPC).
 *
 * Throws, besides what the port says, `chain/wrong-chain-id` and `chain/no-contract`. Nothing is
 * retried here: `chain/unreachable` says that it may be. Every request has a time limit.
 */
export function createEthereumChain(options: EthereumChainOptions): EthereumChain {
  const { address, chainId } = options.market
  const rpc = connectRpc(options)
  const ready = checkFirst(() => requireChainId(rpc, chainId))
  const readLogs = createMarketLogs(rpc, address)
  const announce = createRootAnnouncer(rpc)
  const sender = new SettlementSender(rpc, options)

  /** Checks the chain, then works; failures come out as `SpbError`s. */
  async function call<Result>(work: () => Promise<Result>): Promise<Result> {
    await ready()
    return rpc.call(work)
  }
  const contract = { address, abi: marketAbi } as const

  return {
    head: () => call(async () => blockRef(await getBlock(rpc.client))),
    blockAt: (number) =>
      call(async () => {
        const block = await readBlock(rpc, number)
        return block && blockRef(block)
      }),
    events: (from, to) =>
      call(async () => {
        const logs = await readLogs(from, to)
        const settlements = logs.filter(({ topics }) => settlementTopics.has(topics[0]))
        const hashes = settlements.map(({ transactionHash }) => transactionHash!)
        const contexts = await readSettlementContexts(rpc, address, hashes)
        return logs.map((log) => decodeMarketLog(log, contexts))
      }),
    accounts: (addresses, blockNumber) =>
      call(async () => {
        const chunks = chunksOf(addresses.map(lowerCase), accountsPerRequest)
        const read = (chunk: Address[]) => readAccounts(rpc, address, chunk, blockNumber)
        return (await Promise.all(chunks.map(read))).flat()
      }),
    committee: (epoch) =>
      call(async () => {
        const [members, endedAtSeconds] = await readContract(rpc.client, {
          ...contract,
          functionName: 'committeeOf',
          args: [epoch],
        })
        return { members: members.map(lowerCase), endedAtSeconds: seconds(endedAtSeconds) }
      }),
    currentEpoch: () =>
      call(() => readContract(rpc.client, { ...contract, functionName: 'currentEpoch' })),
    headers: (from, to) => call(() => readHeaders(rpc, from, to)),
    announceRoot: (root) => call(() => announce(root)),
    sendSettlement: (settleCall) => call(() => sender.send(settleCall)),
    outcomeOf: (hash) => call(() => readOutcome(rpc, hash)),
    close: rpc.close,
  }
}
