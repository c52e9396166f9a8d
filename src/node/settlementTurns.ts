import type { LiveCtp } from '../ledger/ctpRow.ts'
import { freeAtSecondsOf, type LedgerState, partialFromSecondsOf } from '../ledger/ledgerState.ts'

/** How members take turns with settlements. */
export type TurnOptions = {
  /** Heads in a row at which it is one member's turn. */
  spanBlocks: number
  /** For how long a due trade waits for each member whose turn comes before. */
  takeoverMs: number
}

/** What suits chains with a block every second to every 12 seconds. */
export const defaultTurns: TurnOptions = { spanBlocks: 4, takeoverMs: 10_000 }

/** A member without a connection is waited for this much less: it may be seen by others. */
const lostShare = 0.1

/** The turns of all members fit into this share of the time that is left for a trade. */
const hurryShare = 0.25

/**
 * How many members' turns come before a member's at a head; 0: it is its own.
 *
 * The turn goes to the next member every `spanBlocks` heads, so that nobody can keep it.
 */
export function rankOf(
  member: number,
  headNumber: number,
  memberCount: number,
  spanBlocks: number,
): number {
  const turn = Math.floor(headNumber / spanBlocks) % memberCount
  return (member - turn + memberCount) % memberCount
}

/**
 * For how many members a trade waits at a rank, those without a connection counted as a tenth.
 * `isConnected` is asked about members by index.
 */
export function membersAheadOf(
  member: number,
  rank: number,
  memberCount: number,
  isConnected: (member: number) => boolean,
): number {
  let ahead = 0
  for (let back = 1; back <= rank; back++) {
    const before = (member - back + memberCount) % memberCount
    ahead += isConnected(before) ? 1 : lostShare
  }
  return ahead
}

/** True in the second half of the grace: the time a transaction may need to get into a block. */
export function isUrgent(state: LedgerState, ctp: LiveCtp, timeSeconds: number): boolean {
  return partialFromSecondsOf(state, ctp.expirySeconds) <= timeSeconds
}

/**
 * A wait over one trade in milliseconds: `mostMs`, or shorter where little time is left, so that
 * all members have their turn in a quarter of it.
 */
export function stepOf(state: LedgerState, ctp: LiveCtp, mostMs: number): number {
  const leftSeconds = freeAtSecondsOf(state, ctp.expirySeconds) - (state.head?.timeSeconds ?? 0)
  const shareMs = (hurryShare * leftSeconds * 1000) / state.committee.members.length
  return Math.max(0, Math.min(mostMs, shareMs))
}
