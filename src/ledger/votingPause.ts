import { ByteWriter } from '../protocol/byteWriter.ts'
import { buckets } from './buckets.ts'
import { metaKey } from './keys.ts'
import type { LedgerState } from './ledgerState.ts'

/**
 * Makes a member that may have voted elsewhere wait until nothing of that can be live: the longest
 * life and the grace from now on. Returns from when it votes, in block time.
 *
 * `nowSeconds` counts only before the chain was read.
 */
export function delayVotes(state: LedgerState, nowSeconds: number): number {
  const { longestLifeSeconds, graceSeconds } = state.facts.options
  const now = state.head?.timeSeconds ?? state.confirmed?.timeSeconds ?? nowSeconds
  const until = Math.max(state.votesFromSeconds ?? 0, now + longestLifeSeconds + graceSeconds)
  state.votesFromSeconds = until
  const value = new ByteWriter(5).uint40(until).finish()
  state.store.commit([{ bucket: buckets.meta, key: metaKey('votesFrom'), value }])
  return until
}
