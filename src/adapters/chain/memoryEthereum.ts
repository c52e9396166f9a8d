import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type {
  BlockRef,
  ChainEvent,
  MarketFacts,
  MarketOptions,
  SettleCall,
} from '../../ports/chain.ts'
import type { MarketAction } from '../../ports/marketAction.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { batchItemBytes } from '../../protocol/settlementBatch.ts'
import { assert, SpbError } from '../../protocol/spbError.ts'
import type { Seconds } from '../../protocol/units.ts'
import { applyAction } from './memoryActions.ts'
import { requireCommittee, requireManufacturer } from './memoryGovernance.ts'
import {
  copyState,
  createState,
  type MarketEvent,
  type MemoryMarketState,
  noEndSeconds,
} from './memoryMarket.ts'
import { applySettlement } from './memorySettlement.ts'

/** A transaction: a settlement, or anything else that a market takes. */
type Work = { kind: 'settle'; call: SettleCall } | MarketAction
type Transaction = { hash: Bytes32; from: Address; work: Work }
type Inclusion = { isSuccess: boolean; gasUsed: bigint; calldataBytes: number }

/** A block with the state that it left; blocks without transactions share their parent's. */
export type MemoryBlock = BlockRef & {
  proposer: Address | undefined
  /** What the proposer had announced when it made the block. */
  extra: Hex
  state: MemoryMarketState
  events: ChainEvent[]
  transactions: Map<Bytes32, { transaction: Transaction; inclusion: Inclusion }>
}

/** The market of a chain in memory, and when it begins. */
export type MemoryEthereumOptions = {
  market: { chainId: number; address: Address }
  options: MarketOptions
  members: readonly Address[]
  authorities?: readonly Address[]
  /** Trusted without end. */
  manufacturers?: readonly Address[]
  /** Time of the first block, which holds the deployment. */
  timeSeconds: Seconds
  /** Node's accounts whose clients make blocks, in turns by number; none by default. */
  proposers?: readonly Address[]
}

/** What becomes of the transactions of blocks that a reorganisation takes away. */
export type ReorgFate = 'lost' | 'pending'

const text = new TextEncoder()
const hashOf = (...parts: (string | number)[]): Bytes32 =>
  bytesToHex(keccak256(text.encode(parts.join('|'))))

/** Round figures: a simulation compares amounts of gas, it does not measure them. */
const gas = { transaction: 60_000n, item: 18_000n, priceWei: 1_000_000_000n }

function costOf(work: Work): { gasUsed: bigint; calldataBytes: number } {
  if (work.kind !== 'settle') return { gasUsed: gas.transaction, calldataBytes: 0 }
  const { epoch, sequence, beneficiary, databaseRoot, items, votes } = work.call
  const args = [epoch, sequence, beneficiary, databaseRoot, items, votes] as const
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'settle', args })
  const count = Math.floor((items.length - 2) / 2 / batchItemBytes)
  const gasUsed = gas.transaction + gas.item * BigInt(count)
  return { gasUsed, calldataBytes: (data.length - 2) / 2 }
}

function placeEvent(event: MarketEvent, { hash, work }: Transaction, blockNumber: number) {
  const place = { blockNumber, transactionHash: hash }
  if (event.kind === 'SettledWithProof') return { ...event, ...place, gasUsed: gas.transaction }
  if (event.kind !== 'Settled') return { ...event, ...place } as ChainEvent
  assert(work.kind === 'settle', 'only settle emits Settled')
  return { ...event, ...place, ...costOf(work), items: work.call.items } as ChainEvent
}

/**
 * An Ethereum chain with one market, all in memory; whoever drives it makes its blocks.
 *
 * Deterministic: equal calls make equal chains, hashes included.
 */
export class MemoryEthereum {
  readonly facts: MarketFacts
  readonly #blocks: MemoryBlock[] = []
  readonly #funds = new Map<Address, bigint>()
  readonly #proposers: readonly Address[]
  /** What each proposer puts into the headers of its next blocks. */
  readonly #extras = new Map<Address, Hex>()
  /** Block number of each included transaction. */
  readonly #places = new Map<Bytes32, number>()
  #pending: Transaction[] = []
  #sent = 0
  #reorgs = 0

  constructor(given: MemoryEthereumOptions) {
    const { market, options, members, timeSeconds, authorities = [], manufacturers = [] } = given
    requireCommittee(members)
    manufacturers.forEach(requireManufacturer)
    this.facts = { ...market, options, deploymentBlock: 0 }
    this.#proposers = given.proposers ?? []
    const state = createState(members, authorities, manufacturers)
    const { events } = this.#addBlock(timeSeconds, [], state, undefined)
    const place = { blockNumber: 0, transactionHash: hashOf('deployment', market.address) }
    events.push({ kind: 'EpochOpened', epoch: 1, members: [...members], ...place })
    for (const authority of authorities) {
      events.push({ kind: 'AuthoritySet', authority, isTrusted: true, ...place })
    }
    for (const manufacturer of manufacturers) {
      const endsSeconds = noEndSeconds
      events.push({ kind: 'ManufacturerSet', manufacturer, endsSeconds, ...place })
    }
  }

  head(): MemoryBlock {
    return this.#blocks.at(-1)!
  }

  block(number: number): MemoryBlock | undefined {
    return this.#blocks[number]
  }

  /** The block that holds a transaction. */
  blockOf(hash: Bytes32): MemoryBlock | undefined {
    const number = this.#places.get(hash)
    return number === undefined ? undefined : this.#blocks[number]
  }

  isPending(hash: Bytes32): boolean {
    return this.#pending.some((transaction) => transaction.hash === hash)
  }

  /** Throws what the market would refuse an action with in a block of that time, had it one now. */
  tryOut(from: Address, action: MarketAction, timeSeconds: Seconds): void {
    this.#run(copyState(this.head().state), timeSeconds, from, action)
  }

  /** Puts a transaction among those that wait. */
  send(from: Address, action: MarketAction): Bytes32 {
    return this.#add(from, action)
  }

  /**
   * Sends a settlement; one of the same sender that waits is replaced.
   *
   * Throws what a client finds out by estimation: `chain/reverted`, `chain/insufficient-funds`.
   */
  sendSettlement(from: Address, call: SettleCall): Bytes32 {
    const work: Work = { kind: 'settle', call }
    const { state, timeSeconds } = this.head()
    this.#run(copyState(state), timeSeconds, from, work)
    const ownedWei = this.#funds.get(from)
    if (ownedWei !== undefined && ownedWei < costOf(work).gasUsed * gas.priceWei) {
      throw new SpbError('chain/insufficient-funds')
    }
    const isReplaced = (other: Transaction) => other.from === from && other.work.kind === 'settle'
    this.#pending = this.#pending.filter((other) => !isReplaced(other))
    return this.#add(from, work)
  }

  /**
   * Makes a block of the first `most` waiting transactions; time must not go back. `proposer` is
   * whose turn it is, where not told.
   */
  mine(
    timeSeconds: Seconds,
    most = this.#pending.length,
    proposer = this.#proposers[this.#blocks.length % this.#proposers.length],
  ): MemoryBlock {
    assert(timeSeconds >= this.head().timeSeconds, 'the time of blocks does not go back')
    const transactions = this.#pending.splice(0, most)
    return this.#addBlock(timeSeconds, transactions, this.head().state, proposer)
  }

  /** Sets the extra data of the blocks that a proposer makes; false for who makes none. */
  setExtra(proposer: Address, extra: Hex): boolean {
    if (!this.#proposers.includes(proposer)) return false
    this.#extras.set(proposer, extra)
    return true
  }

  /** Takes the last blocks away; the next ones differ from them whatever they hold. */
  reorg(depth: number, fate: ReorgFate): void {
    assert(depth < this.#blocks.length, 'the deployment stays')
    this.#reorgs++
    const gone = this.#blocks.splice(this.#blocks.length - depth)
    const returned = gone.flatMap(({ transactions }) => [...transactions.values()])
    for (const { transaction } of returned) this.#places.delete(transaction.hash)
    if (fate === 'lost') return
    this.#pending.unshift(...returned.map(({ transaction }) => transaction))
  }

  /** Forgets what waits. */
  dropTransactions(): void {
    this.#pending = []
  }

  /** Ether for gas; who was never given any has as much as he likes. */
  setBalance(address: Address, wei: bigint): void {
    this.#funds.set(address, wei)
  }

  #add(from: Address, work: Work): Bytes32 {
    this.#sent++
    const hash = hashOf('transaction', this.facts.chainId, from, this.#sent)
    this.#pending.push({ hash, from, work })
    return hash
  }

  #addBlock(
    timeSeconds: Seconds,
    transactions: Transaction[],
    state: MemoryMarketState,
    proposer: Address | undefined,
  ) {
    const number = this.#blocks.length
    const parent = this.#blocks.at(-1)?.hash ?? 'genesis'
    const hashes = transactions.map(({ hash }) => hash)
    const extra = (proposer && this.#extras.get(proposer)) ?? '0x'
    const header = proposer === undefined ? [] : [proposer, extra]
    const hash = hashOf('block', parent, timeSeconds, this.#reorgs, ...header, ...hashes)
    const content = { proposer, extra, state, events: [], transactions: new Map() }
    const block: MemoryBlock = { number, hash, timeSeconds, ...content }
    for (const transaction of transactions) this.#include(block, transaction)
    this.#blocks.push(block)
    return block
  }

  /** Runs one transaction in a block; a refused one is included and changes nothing. */
  #include(block: MemoryBlock, transaction: Transaction): void {
    const { hash, from, work } = transaction
    const cost = costOf(work)
    const ownedWei = this.#funds.get(from)
    if (ownedWei !== undefined) this.#funds.set(from, ownedWei - cost.gasUsed * gas.priceWei)
    const state = copyState(block.state)
    let isSuccess = true
    try {
      for (const event of this.#run(state, block.timeSeconds, from, work)) {
        block.events.push(placeEvent(event, transaction, block.number))
      }
      block.state = state
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      isSuccess = false
    }
    block.transactions.set(hash, { transaction, inclusion: { isSuccess, ...cost } })
    this.#places.set(hash, block.number)
  }

  #run(state: MemoryMarketState, timeSeconds: Seconds, from: Address, work: Work): MarketEvent[] {
    const context = { market: this.facts, options: this.facts.options, timeSeconds, from }
    if (work.kind === 'settle') return [applySettlement(state, context, work.call)]
    return applyAction(state, context, work)
  }
}
