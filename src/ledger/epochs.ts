import type { SignedEpochEnd } from '../ports/chain.ts'
import type { Committee } from '../protocol/committee.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { LedgerState } from './ledgerState.ts'

/**
 * The committee of an epoch whose certificates count: the present one, or one that ended at most
 * the longest life and the grace ago. Undefined for every other, and for one that is not known.
 */
export function committeeOf(state: LedgerState, epoch: number): Committee | undefined {
  if (epoch === state.committee.epoch) return state.committee
  const row = state.epochs.rowOf(epoch)
  if (row === undefined || epoch > state.committee.epoch) return undefined
  const { longestLifeSeconds, graceSeconds } = state.facts.options
  const until = row.endedAtSeconds + longestLifeSeconds + graceSeconds
  const isOver = (state.confirmed?.timeSeconds ?? 0) > until
  return isOver ? undefined : { epoch, members: row.members }
}

/** The last words behind the present epoch; none for the first one. */
export function endsBehind(state: LedgerState): SignedEpochEnd[] {
  return state.epochs.rowOf(state.committee.epoch - 1)?.ends ?? []
}

/** True where all that the present committee must start from was taken over. */
export function isEpochStarted(state: LedgerState): boolean {
  const { epoch } = state.committee
  if (epoch <= 1) return true
  const { started } = state.epochs
  return started?.epoch === epoch && started.endsHash === state.epochs.endsHashOf(epoch - 1)
}

/** Why this member may not vote in the present epoch; undefined where it may. */
export function epochReasonOf(state: LedgerState): { code: ErrorCode; text: string } | undefined {
  const { epoch } = state.committee
  const { endedEpoch, started } = state.epochs
  // Once it has voted in a later epoch, a chain that takes that back finds it silent.
  if ((endedEpoch ?? 0) >= epoch || (started?.epoch ?? 0) > epoch) {
    const text = `Epoch ${epoch} is over for this member: it votes in the next one.`
    return { code: 'epoch/ended', text }
  }
  if (isEpochStarted(state)) return undefined
  const text = `The reports of epoch ${epoch - 1} were not taken over yet.`
  return { code: 'epoch/not-started', text }
}
