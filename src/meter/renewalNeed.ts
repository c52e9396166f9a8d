import type { OpenMeterState } from '../ports/meterStorage.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { countKeys, findLastAccount } from './meterTrees.ts'

/** The longest life of a CTP in a market of the usual options: 26 hours. */
export const usualLongestLifeSeconds = 26 * 3600

/** Keys of a tree that are kept in hand: a quarter. */
const keptShare = 1 / 4

/** Up to so much before the certificate's end a CoE ends that shall not tell it. */
const roundedOffSeconds = 86_400

/**
 * True when a meter should get its next tree: fewer than a quarter of a tree's keys could serve a
 * CTP of the longest life from now and of the account that bought last, or the newest CoE is in
 * the last third of its life.
 *
 * Where the newest CoE is itself shorter than the longest life, or the meter's certificate ends
 * soon, only what a next one could better counts: so a new tree always ends the need.
 */
export function needsRenewal(
  state: OpenMeterState,
  nowSeconds: Seconds,
  longestLifeSeconds: number = usualLongestLifeSeconds,
): boolean {
  const certificateEndSeconds = state.certificate.notAfterSeconds
  const newest = state.trees.at(-1)
  if (certificateEndSeconds < nowSeconds) return false
  if (newest === undefined) return true
  const { notBeforeSeconds, notAfterSeconds } = newest.coe.coe
  const lifeSeconds = notAfterSeconds - notBeforeSeconds
  const isLastPossible = notAfterSeconds + roundedOffSeconds >= certificateEndSeconds
  const leftSeconds = notAfterSeconds - nowSeconds
  if (leftSeconds < 0 || (!isLastPossible && leftSeconds * 3 < lifeSeconds)) return true
  const aheadSeconds = Math.min(longestLifeSeconds, Math.floor((lifeSeconds * 2) / 3))
  const horizonSeconds = nowSeconds + aheadSeconds
  const wantedSeconds = isLastPossible ? Math.min(horizonSeconds, notAfterSeconds) : horizonSeconds
  return (
    countKeys(state, seconds(wantedSeconds), findLastAccount(state)) <
    2 ** state.treeHeight * keptShare
  )
}
