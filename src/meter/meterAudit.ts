import type { MeterTree, OpenMeterState } from '../ports/meterStorage.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Seconds } from '../protocol/units.ts'
import { isSameMarket, marketOf, treeRetentionSeconds } from './meterTrees.ts'
import { auditReceipts, type LinkReport, listShown, type ShownCtp } from './privacyAudit.ts'

/** An account as its commitments show it. */
export type ShownAccount = {
  account: Address
  ctps: number
  receipts: number
  /** Of its roots: none of them is its meter. */
  witnesses: Address[]
}

/** What a household’s own meter showed since a time, and what can be linked of it. */
export type MeterAudit = {
  /** Commitments that showed evidence, receipted or not. */
  ctps: number
  /** Of the receipts among them. */
  links: LinkReport
  /** Most accounts that one root joins, by all commitments: 1, since a tree serves one. */
  accountsPerRootMost: number
  /** Meter keys that two commitments show: never any. */
  repeatedKeys: number
  accounts: ShownAccount[]
  /** Who knows the meter’s identity and so many of the roots that counted then; most first. */
  witnesses: { witness: Address; trees: number }[]
  /** The oldest tree with keys, where it gave some before: absent where none did. */
  usedTree?: { keysLeft: number; untilSeconds: Seconds }
  /** False where trees of that time may be forgotten already. */
  isComplete: boolean
}

function groupAccounts(shown: readonly ShownCtp[]): ShownAccount[] {
  const groups = Map.groupBy(shown, ({ consumer }) => consumer)
  return [...groups].map(([account, own]) => ({
    account,
    ctps: own.length,
    receipts: own.filter(({ isReceipted }) => isReceipted).length,
    witnesses: [...new Set(own.map(({ witness }) => witness))],
  }))
}

function countWitnesses(trees: readonly MeterTree[]): MeterAudit['witnesses'] {
  const groups = Map.groupBy(trees, ({ coe }) => coe.witness.meter)
  const counts = [...groups].map(([witness, own]) => ({ witness, trees: own.length }))
  return counts.sort((a, b) => b.trees - a.trees)
}

/** The tree out of which its account’s next key comes, if it was used: the oldest that will do. */
function findUsedTree(state: OpenMeterState, nowSeconds: Seconds): Pick<MeterAudit, 'usedTree'> {
  const market = marketOf(state)
  const next = state.trees.find(({ market: own, nextLeaf, height, coe }) => {
    const { notBeforeSeconds, notAfterSeconds } = coe.coe
    const counts = notBeforeSeconds <= nowSeconds && nowSeconds <= notAfterSeconds
    return counts && nextLeaf < 2 ** height && isSameMarket(own, market!)
  })
  if (next === undefined || next.nextLeaf === 0) return {}
  const keysLeft = 2 ** next.height - next.nextLeaf
  return { usedTree: { keysLeft, untilSeconds: next.coe.coe.notAfterSeconds } }
}

/** Sums up what a meter showed from a time until now; needs no secret of it. */
export function auditMeter(
  state: OpenMeterState,
  fromSeconds: Seconds,
  nowSeconds: Seconds,
): MeterAudit {
  const shown = listShown(state, fromSeconds)
  const all = auditReceipts(shown)
  const trees = state.trees.filter(({ coe }) => coe.coe.notAfterSeconds >= fromSeconds)
  return {
    ctps: shown.length,
    links: auditReceipts(shown.filter(({ isReceipted }) => isReceipted)),
    accountsPerRootMost: all.accountsPerRootMost,
    repeatedKeys: all.repeatedKeys,
    accounts: groupAccounts(shown),
    witnesses: countWitnesses(trees),
    ...findUsedTree(state, nowSeconds),
    isComplete: fromSeconds + treeRetentionSeconds >= nowSeconds,
  }
}
