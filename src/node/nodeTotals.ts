import type { NodeTotals } from '../protocol/views.ts'

/** Counts since the node started, all zero. */
export function emptyTotals(): NodeTotals {
  return {
    ctps: 0,
    refused: 0,
    settled: 0,
    expired: 0,
    receiptedWh: 0,
    paidWei: 0n,
    settlementTransactions: 0,
    settlementGas: 0n,
    settlementCalldataBytes: 0,
  }
}
