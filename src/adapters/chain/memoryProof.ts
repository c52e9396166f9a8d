import type { MarketAction } from '../../ports/marketAction.ts'
import { type Address, type Bytes32, type Hex, zeroAddress } from '../../protocol/bytes.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { ctpIdOf, digestOf } from '../../protocol/digest.ts'
import { paymentOf } from '../../protocol/payment.ts'
import { type BatchItem, batchItemBytes, unpackBatch } from '../../protocol/settlementBatch.ts'
import { recoverSigner } from '../../protocol/signature.ts'
import { type Wh, wei } from '../../protocol/units.ts'
import {
  type AccountRecord,
  accountOf,
  changeAccount,
  type MarketContext,
  type MarketEvent,
  type MemoryMarketState,
} from './memoryMarket.ts'
import { isNonceUsed, useNonce } from './memoryNonces.ts'
import { requireHeld } from './memoryVotes.ts'

type ActionOf<Kind extends MarketAction['kind']> = Extract<MarketAction, { kind: Kind }>
type CertifiedTrade = BatchItem & { consumer: Address; ctpId: Bytes32 }

const signatureBytes = 64

function readItem(packed: Hex): BatchItem {
  const length = (packed.length - 2) / 2
  if (length === batchItemBytes) return unpackBatch(packed)[0]!
  throw contractRefusal('InvalidItemLength', { length, expectedLength: batchItemBytes })
}

function requireSound({ ctp }: BatchItem, { options, timeSeconds }: MarketContext): void {
  const { producer, energyWh, amountWei, expirySeconds } = ctp
  const { minimumAmountWei, graceSeconds } = options
  if (producer === zeroAddress) throw contractRefusal('ZeroProducer')
  if (energyWh === 0) throw contractRefusal('ZeroTradedEnergy')
  if (amountWei === 0n || amountWei < minimumAmountWei) {
    throw contractRefusal('AmountTooSmall', { amountWei, minimumAmountWei })
  }
  const settleableUntilSeconds = expirySeconds + graceSeconds
  if (timeSeconds > settleableUntilSeconds) {
    throw contractRefusal('TradeOver', { expirySeconds, settleableUntilSeconds })
  }
}

/** The committee of an epoch whose certificates still count. */
function requireCertifying(
  state: MemoryMarketState,
  { options, timeSeconds }: MarketContext,
  epoch: number,
): readonly Address[] {
  const committee = state.committees.get(epoch)
  if (committee === undefined) throw contractRefusal('UnknownEpoch', { epoch })
  const { members, endedAtSeconds } = committee
  const { longestLifeSeconds, graceSeconds } = options
  const acceptedUntilSeconds = endedAtSeconds + longestLifeSeconds + graceSeconds
  if (endedAtSeconds !== 0 && timeSeconds > acceptedUntilSeconds) {
    throw contractRefusal('EpochTooOld', { epoch, acceptedUntilSeconds })
  }
  return members
}

/** Reads a trade, and refuses what its consumer did not sign or a quorum did not certify. */
function readCertified(
  state: MemoryMarketState,
  context: MarketContext,
  { epoch, item: packed, votes }: { epoch: number; item: Hex; votes: Hex },
): CertifiedTrade {
  const item = readItem(packed)
  requireSound(item, context)
  const { market } = context
  const digest = digestOf(market, 'Ctp', item.ctp)
  const consumer = recoverSigner(digest, item.consumerSignature)
  if (consumer === undefined) throw contractRefusal('InvalidConsumerSignature')
  if (consumer === item.ctp.producer) throw contractRefusal('SelfTrade', { account: consumer })
  const ctpId = ctpIdOf(digest, consumer)
  const members = requireCertifying(state, context, epoch)
  requireHeld(market, { epoch, members }, ctpId, votes)
  return { ...item, consumer, ctpId }
}

/** How much of the energy is paid for; who may say so of a part, and when. */
function requireSold({ ctp, deliveredWh }: BatchItem, { from, timeSeconds }: MarketContext): Wh {
  const { producer, energyWh, expirySeconds } = ctp
  if (deliveredWh === 0) throw contractRefusal('NothingDelivered')
  if (deliveredWh >= energyWh) return energyWh
  if (from !== producer) throw contractRefusal('NotProducer', { caller: from, producer })
  if (timeSeconds < expirySeconds) throw contractRefusal('PartTooEarly', { expirySeconds })
  return deliveredWh
}

function requireErc(
  { ctp: { meterKey }, ctpId, deliveredWh }: CertifiedTrade,
  { market }: MarketContext,
  { measuredAtSeconds, ercSignature }: ActionOf<'settleWithProof'>,
): void {
  const length = (ercSignature.length - 2) / 2
  if (length !== signatureBytes) throw contractRefusal('InvalidSignatureLength', { length })
  const digest = digestOf(market, 'Erc', { ctpId, deliveredWh, measuredAtSeconds })
  if (recoverSigner(digest, ercSignature) !== meterKey) {
    throw contractRefusal('InvalidErc', { meterKey })
  }
}

function requireUnused(
  state: MemoryMarketState,
  { consumer: account, ctp: { nonce } }: CertifiedTrade,
): AccountRecord {
  const record = accountOf(state, account)
  if (isNonceUsed(record, nonce)) throw contractRefusal('NonceUsed', { account, nonce })
  return record
}

/** `settleWithProof` of the contract, its checks in the contract's order. Throws its refusals. */
export function applyProof(
  state: MemoryMarketState,
  context: MarketContext,
  action: ActionOf<'settleWithProof'>,
): MarketEvent {
  const trade = readCertified(state, context, action)
  const { ctp, ctpId, consumer } = trade
  const { producer, offerId, nonce } = ctp
  const soldWh = requireSold(trade, context)
  requireErc(trade, context, action)
  const paymentWei = paymentOf(ctp.amountWei, ctp.energyWh, soldWh)
  const paying = requireUnused(state, trade)
  const { balanceWei } = paying
  if (balanceWei < paymentWei) {
    throw contractRefusal('BalanceTooSmall', { account: consumer, balanceWei, paymentWei })
  }
  const leftWei = wei(balanceWei - paymentWei)
  changeAccount(state, consumer, { ...useNonce(paying, nonce), balanceWei: leftWei })
  const earning = accountOf(state, producer)
  const leftWh = earning.energyWh - BigInt(soldWh)
  changeAccount(state, producer, {
    balanceWei: wei(earning.balanceWei + paymentWei),
    energyWh: leftWh > 0n ? leftWh : 0n,
  })
  const parties = { ctpId, consumer, producer, offerId, nonce }
  return { kind: 'SettledWithProof', ...parties, deliveredWh: soldWh, paymentWei }
}

/** `decline` of the contract. Throws its refusals. */
export function applyDecline(
  state: MemoryMarketState,
  context: MarketContext,
  action: ActionOf<'decline'>,
): MarketEvent {
  const trade = readCertified(state, context, action)
  const { ctp, ctpId, consumer, deliveredWh } = trade
  const { producer, nonce } = ctp
  const { from } = context
  if (deliveredWh !== 0) throw contractRefusal('DeliveryDeclined', { deliveredWh })
  if (from !== producer) throw contractRefusal('NotProducer', { caller: from, producer })
  changeAccount(state, consumer, useNonce(requireUnused(state, trade), nonce))
  return { kind: 'Declined', ctpId, consumer, producer, nonce }
}
