import type { MeterState } from '../ports/meterStorage.ts'
import type { RandomBytes } from '../protocol/sealedBox.ts'
import { maxUint32, type Seconds, seconds } from '../protocol/units.ts'
import { drawBelow } from './drawBelow.ts'
import { addIncident } from './incidentLog.ts'

/** By at least so many the next tree's number is moved on, and by less than so many. */
export const shortestTreeJump = 2 ** 16
export const longestTreeJump = 2 ** 20

/**
 * Makes a state safe to go on with that was put back from a copy. The future that it lost may have
 * used its unused keys, witnessed trees of its next numbers, and counted energy up to now: so all
 * unused keys are given up, tree numbers go on elsewhere, and the next reading only begins.
 *
 * Bindings stay, and their receipts can grow. That two lost futures of one state meet in a tree
 * number has a chance of about one in a million for each of their trees. A meter can be put back,
 * or be taken for it, some 8,000 times before its tree numbers end.
 */
export function makeRestoredSafe(
  state: MeterState,
  randomBytes: RandomBytes,
  nowSeconds: Seconds | undefined,
): MeterState {
  const { isRestored: _, register, ...rest } = state
  const jump = shortestTreeJump + drawBelow(longestTreeJump - shortestTreeJump, randomBytes)
  const known = [state.floorSeconds, register?.timeSeconds, register?.countedUntilSeconds]
  const floorSeconds = seconds(Math.max(nowSeconds ?? 0, ...known.map((time) => time ?? 0)))
  const incident = { kind: 'restored', timeSeconds: floorSeconds, energyWh: 0 } as const
  return {
    ...rest,
    nextTree: Math.min(state.nextTree + jump, maxUint32),
    trees: state.trees.map((tree) => ({ ...tree, nextLeaf: 2 ** tree.height })),
    ...(register === undefined ? {} : { register: { ...register, isLost: true } }),
    floorSeconds,
    incidents: addIncident(state.incidents, incident),
  }
}
