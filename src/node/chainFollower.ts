import type { ChainUpdate, SettledTrade } from '../ledger/chainUpdates.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import type { BlockHeader, BlockRef, Chain, ChainEvent } from '../ports/chain.ts'
import { type Address, type Bytes32, zeroAddress } from '../protocol/bytes.ts'
import { identifyCtp } from '../protocol/ctpSubmission.ts'
import type { Market } from '../protocol/digest.ts'
import { paymentOf } from '../protocol/payment.ts'
import { unpackBatch } from '../protocol/settlementBatch.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'

/** What one look at the chain found. */
export type ChainFinding =
  | { kind: 'update'; update: ChainUpdate }
  /** The confirmed block is not on the chain any more. */
  | { kind: 'reorganised' }

/** Headers that one update brings at most, the newest ones. */
const mostHeaders = 64

type SettledEvent = Extract<ChainEvent, { kind: 'Settled' }>
type ProofEvent = Extract<ChainEvent, { kind: 'SettledWithProof' }>

/**
 * Looks at the chain once: what happened since the ledger's confirmed block, or that this block
 * was reorganised away. Reads nothing of a block that another reorganisation replaced meanwhile.
 */
export async function followChain(
  chain: Chain,
  state: LedgerState,
  confirmations: number,
): Promise<ChainFinding> {
  const known = state.confirmed
  const [head, again] = await Promise.all([
    chain.head(),
    known === undefined ? undefined : chain.blockAt(known.number),
  ])
  if (known !== undefined && head.number < known.number) {
    // A client that lags, or a shorter branch: either grows, and shows then what it is.
    throw new SpbError('chain/unreachable', 'The Ethereum client is behind what was confirmed.')
  }
  if (again?.hash !== known?.hash) return { kind: 'reorganised' }
  const { deploymentBlock } = state.facts
  const target = Math.max(head.number - confirmations, known?.number ?? deploymentBlock)
  const confirmed = target === head.number ? head : await chain.blockAt(target)
  if (confirmed === undefined) throw new SpbError('chain/unreachable', 'The chain got shorter.')
  const [update, headers] = await Promise.all([
    readUpdate(chain, state, known, confirmed, head),
    readHeaders(chain, state.head, head),
  ])
  // Both ends: a reorganisation between them would put the new branch on top of the old one.
  const [start, end] = await Promise.all([
    known === undefined ? undefined : chain.blockAt(known.number),
    chain.blockAt(target),
  ])
  if (start?.hash !== known?.hash) return { kind: 'reorganised' }
  if (end?.hash !== confirmed.hash) {
    throw new SpbError('chain/unreachable', 'The chain was reorganised while it was read.')
  }
  return { kind: 'update', update: { ...update, ...(headers === undefined ? {} : { headers }) } }
}

/**
 * Headers of the blocks after the last head that was seen; undefined where the client does not
 * tell them: they are for the audit of roots, which nothing else waits for.
 */
async function readHeaders(
  chain: Chain,
  last: BlockRef | undefined,
  head: BlockRef,
): Promise<BlockHeader[] | undefined> {
  if (last?.hash === head.hash) return []
  // A branch that replaced blocks has its own headers at the same heights.
  const from = last === undefined ? head.number : Math.min(last.number + 1, head.number)
  try {
    return await chain.headers(Math.max(from, head.number - mostHeaders + 1), head.number)
  } catch (error) {
    if (error instanceof SpbError) return undefined
    throw error
  }
}

async function readUpdate(
  chain: Chain,
  state: LedgerState,
  known: BlockRef | undefined,
  confirmed: BlockRef,
  head: BlockRef,
): Promise<ChainUpdate> {
  const from = known === undefined ? state.facts.deploymentBlock : known.number + 1
  const isNew = from <= confirmed.number
  const events = isNew ? await chain.events(from, confirmed.number) : []
  const isAhead = head.number > confirmed.number
  const headEvents = isAhead ? await chain.events(confirmed.number + 1, head.number) : []
  const touched = new Set<Address>()
  const trades: SettledTrade[] = []
  const skipped: Bytes32[] = []
  for (const event of events) {
    for (const account of accountsOf(event)) touched.add(account)
    if (event.kind === 'SettledWithProof') trades.push(readProofTrade(event))
    if (event.kind !== 'Settled') continue
    const batch = readSettledBatch(state, event)
    trades.push(...batch.trades)
    skipped.push(...batch.skipped)
    for (const account of batch.accounts) touched.add(account)
    if (!batch.isHidden) continue
    // A wrapper hid items that others signed: any party of a live CTP may have been paid.
    for (const { consumer, producer } of state.live.values()) {
      touched.add(consumer).add(producer)
    }
  }
  touched.delete(zeroAddress)
  const accounts = touched.size > 0 ? await chain.accounts([...touched], confirmed.number) : []
  return { confirmed, head, events, headEvents, accounts, trades, skipped }
}

function accountsOf(event: ChainEvent): Address[] {
  switch (event.kind) {
    case 'OfferAdded':
    case 'OfferWithdrawn':
      return [event.producer]
    case 'Settled':
      return [event.beneficiary]
    case 'EpochOpened':
    case 'EpochEnded':
    case 'AuthoritySet':
    case 'ManufacturerSet':
    case 'MeterRevoked':
      return []
    case 'SettledWithProof':
    case 'Declined':
      return [event.consumer, event.producer]
    default:
      return [event.account]
  }
}

type SettledBatch = {
  trades: SettledTrade[]
  skipped: Bytes32[]
  accounts: Address[]
  isHidden: boolean
}

/** The event says all: nothing of the call is needed, nor that this node knows the CTP. */
function readProofTrade(event: ProofEvent): SettledTrade {
  const { ctpId, offerId, deliveredWh, paymentWei, blockNumber, transactionHash } = event
  const amounts = { deliveredWh, soldWh: deliveredWh, paidWei: paymentWei }
  return {
    ctpId,
    offerId,
    ...amounts,
    blockNumber,
    transactionHash,
    gasShare: gasShareOf(event, 1),
  }
}

const gasShareOf = ({ gasUsed }: { gasUsed: bigint }, trades: number): number =>
  trades === 0 ? 0 : Math.round(Number(gasUsed) / trades)

/** What a settlement's call and bitmap say was paid. */
function readSettledBatch({ market, batches }: LedgerState, event: SettledEvent): SettledBatch {
  const batch: SettledBatch = { trades: [], skipped: [], accounts: [], isHidden: false }
  // Nothing moved: nothing need be read, however often somebody has an old batch settled again.
  if (event.settledBitmap === 0n && event.items === undefined) return batch
  const packed = event.items ?? batches.get(event.itemsHash)
  if (packed === undefined) return { ...batch, isHidden: true }
  const items = unpackBatch(packed)
  const paid = items.filter((_, index) => isBitSet(event.settledBitmap, index)).length
  const gasShare = gasShareOf(event, paid)
  for (const [index, item] of items.entries()) {
    const identified = identifyOrSkip(market, item)
    if (identified === undefined) continue
    const { ctp, ctpId, consumer } = identified
    batch.accounts.push(consumer, ctp.producer)
    if (!isBitSet(event.settledBitmap, index)) {
      batch.skipped.push(ctpId)
      continue
    }
    const paidWei = paymentOf(ctp.amountWei, ctp.energyWh, item.deliveredWh)
    const { blockNumber, transactionHash } = event
    const { deliveredWh } = item
    const soldWh = wh(Math.min(deliveredWh, ctp.energyWh))
    const trade = { ctpId, offerId: ctp.offerId, deliveredWh, soldWh, paidWei, gasShare }
    batch.trades.push({ ...trade, blockNumber, transactionHash })
  }
  return batch
}

function isBitSet(bitmap: bigint, index: number): boolean {
  return ((bitmap >> BigInt(index)) & 1n) === 1n
}

/** A batch may carry rubbish, which the contract skipped. */
function identifyOrSkip(market: Market, item: Parameters<typeof identifyCtp>[1]) {
  try {
    return identifyCtp(market, item)
  } catch (error) {
    if (error instanceof SpbError) return undefined
    throw error
  }
}
