import type { NodeTotals } from '../protocol/views.ts'

/** What the machine counts; the rest is read from the ledger when asked. */
export type NodeCounts = Omit<NodeTotals, 'heldWei'>

/** Counts since the node started, all zero. */
export function emptyTotals(): NodeCounts {
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
    receipts: 0,
  }
}
