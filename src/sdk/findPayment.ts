import { decodeFunctionData, type Hex, parseEventLogs } from 'viem'
import { marketAbi } from '../abi/market.ts'
import { zeroAddress } from '../protocol/bytes.ts'
import { type IdentifiedCtp, identifyCtp } from '../protocol/ctpSubmission.ts'
import type { Market } from '../protocol/digest.ts'
import { paymentOf } from '../protocol/payment.ts'
import { type BatchItem, itemsHashOf, unpackBatch } from '../protocol/settlementBatch.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Wei, type Wh, wei, wh } from '../protocol/units.ts'
import type { TransactionView } from './marketReader.ts'

/** What a transaction did for a CTP. */
export type PaymentFinding =
  | {
      kind: 'paid'
      by: 'batch' | 'proof'
      /** What left the consumer's account. */
      paymentWei: Wei
      deliveredWh: Wh
      /** True where the market's fee went off it. */
      hasFee: boolean
    }
  /** It settled something, but through another contract: the chain's events do not say what. */
  | { kind: 'hidden' }
  | { kind: 'none' }

function readCall(input: Hex): Hex | undefined {
  try {
    const { functionName, args } = decodeFunctionData({ abi: marketAbi, data: input })
    return functionName === 'settle' ? args[4] : undefined
  } catch {
    return undefined
  }
}

/** Only fields and signature together make a CTP: another consumer may have signed equal fields. */
function isOfCtp(market: Market, item: BatchItem, { ctpId }: IdentifiedCtp): boolean {
  try {
    return identifyCtp(market, item).ctpId === ctpId
  } catch (error) {
    if (error instanceof SpbError) return false
    throw error
  }
}

function findInBatch(
  market: Market,
  identified: IdentifiedCtp,
  items: Hex,
  settledBitmap: bigint,
): BatchItem | undefined {
  const { producer, nonce } = identified.ctp
  return unpackBatch(items).find(
    (item, at) =>
      // Signatures are recovered only where the fields leave a doubt.
      ((settledBitmap >> BigInt(at)) & 1n) === 1n &&
      item.ctp.producer === producer &&
      item.ctp.nonce === nonce &&
      isOfCtp(market, item, identified),
  )
}

/** Looks a CTP's payment up in a transaction that succeeded. */
export function findPayment(
  market: Market,
  identified: IdentifiedCtp,
  transaction: TransactionView,
): PaymentFinding {
  const { logs, to, input } = transaction
  const events = parseEventLogs({ abi: marketAbi, logs, strict: true })
  let isHidden = false
  for (const event of events) {
    if (event.eventName === 'SettledWithProof' && event.args.ctpId === identified.ctpId) {
      const { paymentWei, deliveredWh } = event.args
      const paid = { paymentWei: wei(paymentWei), deliveredWh: wh(deliveredWh), hasFee: false }
      return { kind: 'paid', by: 'proof', ...paid }
    }
    if (event.eventName !== 'Settled') continue
    const { itemsHash, settledBitmap, beneficiary } = event.args
    const items = to === market.address ? readCall(input) : undefined
    if (items === undefined || itemsHashOf(items) !== itemsHash) {
      isHidden = true
      continue
    }
    const item = findInBatch(market, identified, items, settledBitmap)
    if (item === undefined) continue
    const { amountWei, energyWh } = identified.ctp
    const deliveredWh = wh(Math.min(item.deliveredWh, energyWh))
    const paymentWei = paymentOf(amountWei, energyWh, deliveredWh)
    const hasFee = beneficiary !== zeroAddress
    return { kind: 'paid', by: 'batch', paymentWei, deliveredWh, hasFee }
  }
  return { kind: isHidden ? 'hidden' : 'none' }
}
