import type { SettleCall } from '../../ports/chain.ts'
import { zeroAddress } from '../../protocol/bytes.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { digestOf } from '../../protocol/digest.ts'
import { limits } from '../../protocol/limits.ts'
import { paymentOf } from '../../protocol/payment.ts'
import {
  type BatchItem,
  batchItemBytes,
  itemsHashOf,
  unpackBatch,
} from '../../protocol/settlementBatch.ts'
import { recoverSigner } from '../../protocol/signature.ts'
import { wei } from '../../protocol/units.ts'
import {
  accountOf,
  changeAccount,
  type MarketContext,
  type MarketEvent,
  type MemoryMarketState,
  requireCurrent,
} from './memoryMarket.ts'
import { isNonceUsed, useNonce } from './memoryNonces.ts'
import { requireQuorum } from './memoryVotes.ts'

/** True while a delivery may settle: a full one to the end of grace, a partial one late in it. */
function isInTime({ ctp, deliveredWh }: BatchItem, { options, timeSeconds }: MarketContext) {
  const { graceSeconds } = options
  if (timeSeconds > ctp.expirySeconds + graceSeconds) return false
  if (deliveredWh >= ctp.energyWh) return true
  return timeSeconds >= ctp.expirySeconds + Math.floor(graceSeconds / 2)
}

/** Settles one item and returns its fee, or returns undefined and leaves all as it was. */
function settleItem(
  state: MemoryMarketState,
  context: MarketContext,
  item: BatchItem,
  feeWei: bigint,
): bigint | undefined {
  const { ctp, deliveredWh, consumerSignature } = item
  const { producer, amountWei, energyWh, nonce } = ctp
  if (deliveredWh === 0 || energyWh === 0 || amountWei === 0n) return undefined
  if (amountWei < context.options.minimumAmountWei || producer === zeroAddress) return undefined
  if (!isInTime(item, context)) return undefined
  const consumer = recoverSigner(digestOf(context.market, 'Ctp', ctp), consumerSignature)
  if (consumer === undefined || consumer === producer) return undefined

  const paymentWei = paymentOf(amountWei, energyWh, deliveredWh)
  const paying = accountOf(state, consumer)
  if (isNonceUsed(paying, nonce) || paying.balanceWei < paymentWei) return undefined
  const itemFeeWei = paymentWei < feeWei ? paymentWei : feeWei
  const balanceWei = wei(paying.balanceWei - paymentWei)
  changeAccount(state, consumer, { ...useNonce(paying, nonce), balanceWei })

  const earning = accountOf(state, producer)
  const soldWh = BigInt(Math.min(deliveredWh, energyWh))
  changeAccount(state, producer, {
    balanceWei: wei(earning.balanceWei + paymentWei - itemFeeWei),
    energyWh: earning.energyWh > soldWh ? earning.energyWh - soldWh : 0n,
  })
  return itemFeeWei
}

function requireItems(items: SettleCall['items']): void {
  const length = (items.length - 2) / 2
  const count = length / batchItemBytes
  if (!Number.isInteger(count) || count < 1 || count > limits.itemsPerBatch) {
    throw contractRefusal('InvalidItemsLength', { length })
  }
}

/** `settle` of the contract, item by item in the contract's order. Throws its refusals. */
export function applySettlement(
  state: MemoryMarketState,
  context: MarketContext,
  call: SettleCall,
): MarketEvent {
  const { epoch, sequence, beneficiary, databaseRoot, items } = call
  requireCurrent(state, epoch)
  const itemsHash = itemsHashOf(items)
  const order = { epoch, sequence, itemsHash, beneficiary }
  const { members } = state.committees.get(epoch)!
  requireQuorum(members, digestOf(context.market, 'Settlement', order), call.votes)
  requireItems(items)

  const feeWei = beneficiary === zeroAddress ? 0n : context.options.feeWei
  let settledBitmap = 0n
  let feesWei = 0n
  for (const [at, item] of unpackBatch(items).entries()) {
    const itemFeeWei = settleItem(state, context, item, feeWei)
    if (itemFeeWei === undefined) continue
    settledBitmap |= 1n << BigInt(at)
    feesWei += itemFeeWei
  }
  if (feesWei > 0n) {
    const { balanceWei } = accountOf(state, beneficiary)
    changeAccount(state, beneficiary, { balanceWei: wei(balanceWei + feesWei) })
  }
  const root = { databaseRoot, settledBitmap, itemsHash }
  return { kind: 'Settled', epoch, sequence, beneficiary, ...root }
}
