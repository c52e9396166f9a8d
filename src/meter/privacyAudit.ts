import type { OpenMeterState } from '../ports/meterStorage.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { Seconds } from '../protocol/units.ts'

/** What a receipt's evidence shows to whoever holds it. */
export type ObservedReceipt = {
  consumer: Address
  meterKey: Address
  /** Of the tree to which the meter key belongs. */
  root: Bytes32
  witness: Address
}

/** What can be linked of a set of receipts by their evidence. */
export type LinkReport = {
  receipts: number
  /** Trees that the receipts belong to: receipts of one tree are of one meter. */
  roots: number
  /** Receipts linkable per root. */
  receiptsPerRootMean: number
  receiptsPerRootMost: number
  /** Receipts that share their root with another one. */
  linkableReceipts: number
  /** Meter keys that more than one receipt shows: never any. */
  repeatedKeys: number
  /** Most accounts that one root joins: 1, since a meter lets a tree serve one account only. */
  accountsPerRootMost: number
  /** Witnesses that vouch for the roots. */
  witnesses: number
  /** As many equally likely witnesses would be as hard to guess: 2 to the power of the entropy. */
  witnessAnonymitySet: number
}

function countBy<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1)
  return counts
}

function anonymitySet(counts: readonly number[]): number {
  const total = counts.reduce((sum, count) => sum + count, 0)
  if (total === 0) return 0
  const bits = counts.reduce((sum, count) => sum - (count / total) * Math.log2(count / total), 0)
  return 2 ** bits
}

/** Sums up what an observer who sees the evidence of these receipts can link. */
export function auditReceipts(observed: readonly ObservedReceipt[]): LinkReport {
  const perRoot = [...countBy(observed, ({ root }) => root).values()]
  const keys = [...countBy(observed, ({ meterKey }) => meterKey).values()]
  const accounts = new Map<Bytes32, Set<Address>>()
  const witnessOf = new Map<Bytes32, Address>()
  for (const { root, consumer, witness } of observed) {
    accounts.set(root, (accounts.get(root) ?? new Set()).add(consumer))
    witnessOf.set(root, witness)
  }
  const witnesses = [...countBy([...witnessOf.values()], (witness) => witness).values()]
  return {
    receipts: observed.length,
    roots: perRoot.length,
    receiptsPerRootMean: perRoot.length === 0 ? 0 : observed.length / perRoot.length,
    receiptsPerRootMost: Math.max(0, ...perRoot),
    linkableReceipts: perRoot.filter((count) => count > 1).reduce((sum, count) => sum + count, 0),
    repeatedKeys: keys.filter((count) => count > 1).length,
    accountsPerRootMost: Math.max(0, ...[...accounts.values()].map(({ size }) => size)),
    witnesses: witnesses.length,
    witnessAnonymitySet: anonymitySet(witnesses),
  }
}

/** A commitment that a meter is bound to, with what its evidence shows. */
export type ShownCtp = ObservedReceipt & {
  /** A receipt of it may have left the meter. */
  isReceipted: boolean
}

/**
 * What a meter showed of itself since a time: each CTP that it was bound to and that expires later.
 * Evidence goes out with a CTP, whether a receipt follows or not.
 */
export function listShown(state: OpenMeterState, fromSeconds: Seconds): ShownCtp[] {
  return state.trees.flatMap(({ coe, bindings }) =>
    bindings
      .filter(({ ctp }) => ctp.expirySeconds >= fromSeconds)
      .map(({ ctp, consumer, signedWh }) => ({
        ...{ consumer, meterKey: ctp.meterKey },
        ...{ root: coe.coe.root, witness: coe.witness.meter },
        isReceipted: signedWh > 0,
      })),
  )
}
