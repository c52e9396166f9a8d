import type { ObservedReceipt } from '../../meter/privacyAudit.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { ChainRecord, GossipRecord } from './privacyRecords.ts'

/** The evidence of commitments, for `auditReceipts`. */
export function listEvidence(gossip: readonly GossipRecord[]): ObservedReceipt[] {
  return gossip.map(({ submission: { ctp, evidence }, consumer }) => ({
    ...{ consumer, meterKey: ctp.meterKey },
    ...{ root: evidence.coe.root, witness: evidence.witness.meter },
  }))
}

/** How many settled trades each account bought in. */
export function countPurchases(chain: readonly ChainRecord[]): Map<Address, number> {
  const counts = new Map<Address, number>()
  for (const { consumer } of chain) counts.set(consumer, (counts.get(consumer) ?? 0) + 1)
  return counts
}
