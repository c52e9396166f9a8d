import type { ContractFunctionArgs, ContractFunctionName, TransactionReceipt } from 'viem'
import { parseEventLogs } from 'viem'
import {
  getBalance,
  getChainId,
  getCode,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
import { marketAbi } from '../abi/market.ts'
import type { Address, Bytes32, Hex, Signature } from '../protocol/bytes.ts'
import { explainEthereumFailure, withChainErrors } from '../protocol/ethereumFailure.ts'
import type { Governance } from '../protocol/messages.ts'
import type { DeclineCall, SettleWithProofCall } from '../protocol/proofSettlement.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, type Wei, type Wh, wei, wh } from '../protocol/units.ts'
import type { MarketClient } from './marketClient.ts'
import { outbid } from './outbid.ts'

/** A transaction that is in a block. `feeWei` is what its gas cost. */
export type MarketReceipt = {
  transactionHash: Bytes32
  blockNumber: number
  gasUsed: bigint
  feeWei: bigint
}

/** Energy for sale. */
export type OfferTerms = {
  energyWh: Wh
  /** The exact price, or the lowest one where it is negotiable. */
  priceWeiPerKwh: bigint
  isNegotiable: boolean
  untilSeconds: Seconds
  /** Where consumers reach the producer: at most 65 bytes, `0x` for none. */
  negotiationKey: Hex
}

/** An authority's admission of a producer: see `EnergyAccountCertificate`. */
export type EnergyCertificate = {
  authority: Address
  notAfterSeconds: Seconds
  signature: Signature
}

type Name = ContractFunctionName<typeof marketAbi, 'nonpayable' | 'payable'>
type Call<Function extends Name> = {
  functionName: Function
  args: ContractFunctionArgs<typeof marketAbi, 'nonpayable' | 'payable', Function>
  value?: bigint
}

/** Ether sent to a wrong chain or address would be lost: looked at before every transaction. */
async function requireMarket({ client, market }: MarketClient): Promise<void> {
  const [chainId, code] = await Promise.all([
    getChainId(client),
    getCode(client, { address: market.address }),
  ])
  if (chainId !== market.chainId) {
    throw new SpbError(
      'chain/wrong-chain-id',
      `The Ethereum client is on chain ${chainId}, the market is on chain ${market.chainId}.`,
      { meta: { found: chainId, expected: market.chainId } },
    )
  }
  if (code === undefined) throw new SpbError('chain/no-contract')
}

async function waitFor(market: MarketClient, sent: Bytes32): Promise<TransactionReceipt> {
  const { client, endpoint, receiptTimeoutMs, outbidAfterMs } = market
  // A wallet raises fees by itself, or asks its owner.
  const isOwn = client.account.type === 'local'
  const sliceMs = isOwn ? Math.min(outbidAfterMs, receiptTimeoutMs) : receiptTimeoutMs
  let hash = sent
  for (let leftMs = receiptTimeoutMs; ; ) {
    try {
      return await waitForTransactionReceipt(client, { hash, timeout: Math.min(sliceMs, leftMs) })
    } catch (error) {
      leftMs -= sliceMs
      if (leftMs <= 0) throw notIncluded(hash, explainEthereumFailure(error, endpoint))
      // Refused where the last one came into a block just now: that is waited for in any case.
      hash = await outbid(market, hash).catch(() => hash)
    }
  }
}

function notIncluded(hash: Bytes32, cause: unknown): SpbError {
  const message = `Transaction ${hash} was sent, and was not in a block in time.`
  return new SpbError('chain/not-included', message, { meta: { transactionHash: hash }, cause })
}

/** Sends a transaction that would not be refused now, and waits for its block. */
async function transact<Function extends Name>(
  market: MarketClient,
  call: Call<Function>,
): Promise<{ receipt: MarketReceipt; logs: TransactionReceipt['logs'] }> {
  const { client, endpoint } = market
  const { address } = market.market
  const hash = await withChainErrors(endpoint, async () => {
    await requireMarket(market)
    // The call's own type is too deep to be followed through viem's.
    const parameters = { address, abi: marketAbi, account: client.account, ...call } as never
    const { request } = await simulateContract(client, parameters)
    return await writeContract(client, { ...(request as object), chain: null } as never)
  })
  const found = await waitFor(market, hash)
  if (found.status !== 'success') {
    throw new SpbError('chain/reverted', 'The contract refused the transaction in its block.', {
      meta: { transactionHash: hash },
    })
  }
  const { transactionHash, blockNumber, gasUsed, effectiveGasPrice, logs } = found
  const feeWei = gasUsed * effectiveGasPrice
  const receipt = { transactionHash, blockNumber: Number(blockNumber), gasUsed, feeWei }
  return { receipt, logs: logs.filter((log) => log.address.toLowerCase() === address) }
}

async function transactOnly<Function extends Name>(market: MarketClient, call: Call<Function>) {
  return (await transact(market, call)).receipt
}

/** Pays ether into the caller's account in the market. */
export function deposit(market: MarketClient, amountWei: Wei): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'deposit', args: [], value: amountWei })
}

/** Pays ether into another's account. */
export function depositFor(
  market: MarketClient,
  account: Address,
  amountWei: Wei,
): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'depositFor', args: [account], value: amountWei })
}

/** Sets the total that `withdraw` will pay; every increase starts the delay anew. */
export function requestWithdrawal(market: MarketClient, amountWei: Wei): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'requestWithdrawal', args: [amountWei] })
}

/** Takes the request back. */
export function cancelWithdrawal(market: MarketClient): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'cancelWithdrawal', args: [] })
}

/** Pays the smaller of request and balance once the delay has passed; says how much and where. */
export async function withdraw(
  market: MarketClient,
): Promise<MarketReceipt & { amountWei: Wei; to: Address }> {
  const { receipt, logs } = await transact(market, { functionName: 'withdraw', args: [] })
  const [event] = parseEventLogs({ abi: marketAbi, logs, eventName: 'Withdrawn' })
  if (event === undefined) throw new SpbError('chain/no-contract')
  const { amountWei, to } = event.args
  return { ...receipt, amountWei: wei(amountWei), to: to.toLowerCase() as Address }
}

/** Fixes, once and for all, where the caller's withdrawals go. */
export function fixPayout(market: MarketClient, payout: Address): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'fixPayout', args: [payout] })
}

/** Opens the caller's energy account; `burnWei` is lost, and at least the market's `burnWei`. */
export function openEnergyAccount(market: MarketClient, burnWei: Wei): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'openEnergyAccount', args: [], value: burnWei })
}

/** Opens the caller's energy account without a burn. */
export function openEnergyAccountWithCertificate(
  market: MarketClient,
  { authority, notAfterSeconds, signature }: EnergyCertificate,
): Promise<MarketReceipt> {
  return transactOnly(market, {
    functionName: 'openEnergyAccountWithCertificate',
    args: [authority, notAfterSeconds, signature],
  })
}

/** Offers energy for sale; the new offer's id comes back. */
export async function addEnergy(
  market: MarketClient,
  { energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey }: OfferTerms,
): Promise<MarketReceipt & { offerId: bigint }> {
  const { receipt, logs } = await transact(market, {
    functionName: 'addEnergy',
    args: [energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey],
  })
  const [event] = parseEventLogs({ abi: marketAbi, logs, eventName: 'OfferAdded' })
  if (event === undefined) throw new SpbError('chain/no-contract')
  return { ...receipt, offerId: event.args.offerId }
}

/** Closes the caller's offer. What was promised before stays payable. */
export function withdrawOffer(market: MarketClient, offerId: bigint): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'withdrawOffer', args: [offerId] })
}

/** Sends what a committee decided; `votes` are the packed signatures of exactly a quorum. */
export function applyGovernance(
  market: MarketClient,
  { epoch, sequence, call }: Governance,
  votes: Hex,
): Promise<MarketReceipt> {
  return transactOnly(market, {
    functionName: 'governance',
    args: [epoch, sequence, call, votes],
  })
}

/** Settles one trade by its proof; says what was paid. `settleByProof` checks before it sends. */
export async function sendProof(
  market: MarketClient,
  { epoch, item, votes, measuredAtSeconds, ercSignature }: SettleWithProofCall,
): Promise<MarketReceipt & { paymentWei: Wei; deliveredWh: Wh }> {
  const { receipt, logs } = await transact(market, {
    functionName: 'settleWithProof',
    args: [epoch, item, votes, measuredAtSeconds, ercSignature],
  })
  const [event] = parseEventLogs({ abi: marketAbi, logs, eventName: 'SettledWithProof' })
  if (event === undefined) throw new SpbError('chain/no-contract')
  const { paymentWei, deliveredWh } = event.args
  return { ...receipt, paymentWei: wei(paymentWei), deliveredWh: wh(deliveredWh) }
}

/** Declines a CTP; the item's delivered energy is 0. `declineByProof` checks before it sends. */
export function sendDecline(
  market: MarketClient,
  { epoch, item, votes }: DeclineCall,
): Promise<MarketReceipt> {
  return transactOnly(market, { functionName: 'decline', args: [epoch, item, votes] })
}

/** Ether that an address has on the chain, outside the market: what pays for gas and deposits. */
export async function readEtherBalance(
  { client, endpoint }: MarketClient,
  address: Address,
): Promise<bigint> {
  return await withChainErrors(endpoint, () => getBalance(client, { address }))
}
