import type { KeyReference } from '../ports/meterSigner.ts'
import type { MeterBinding, MeterState, MeterTree } from '../ports/meterStorage.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds, wh } from '../protocol/units.ts'

/** How long a tree is remembered after its CoE ended, so that receipts can be shown again. */
export const treeRetentionSeconds = 30 * 86_400

/** Where a binding is: a tree by number, and the place in that tree's list. */
export type BindingPlace = { readonly tree: number; readonly position: number }

/** One of the meter's trees; undefined where it was never there or is forgotten. */
export function findTree(state: Pick<MeterState, 'trees'>, number: number): MeterTree | undefined {
  return state.trees.find((tree) => tree.number === number)
}

/** True for two references to one market. */
export function isSameMarket(a: Market, b: Market): boolean {
  return a.chainId === b.chainId && a.address === b.address
}

function replaceTree(state: MeterState, tree: MeterTree): MeterState {
  const trees = state.trees.map((other) => (other.number === tree.number ? tree : other))
  return { ...state, trees }
}

/** The market that the meter serves: that of its newest tree. */
export function marketOf(state: Pick<MeterState, 'trees'>): Market | undefined {
  return state.trees.at(-1)?.market
}

/** Refuses an expiry that a tree's CoE does not cover, as a member would. */
export function checkCoverage({ coe }: MeterTree, expirySeconds: Seconds): void {
  const { notBeforeSeconds, notAfterSeconds } = coe.coe
  if (expirySeconds < notBeforeSeconds || expirySeconds > notAfterSeconds) {
    throw new SpbError('meter/coe-expired')
  }
  if (expirySeconds > coe.witness.notAfterSeconds) throw new SpbError('meter/witness-expired')
}

function covers({ coe }: MeterTree, expirySeconds: Seconds): boolean {
  const { notBeforeSeconds, notAfterSeconds } = coe.coe
  const endSeconds = Math.min(notAfterSeconds, coe.witness.notAfterSeconds)
  return notBeforeSeconds <= expirySeconds && expirySeconds <= endSeconds
}

/** The meter's trees for its market that have unused keys. */
function unusedTrees(state: Pick<MeterState, 'trees'>): MeterTree[] {
  const market = marketOf(state)
  return state.trees.filter(
    (tree) => isSameMarket(tree.market, market!) && tree.nextLeaf < 2 ** tree.height,
  )
}

/** True for a tree that no other account used: receipts of one tree are seen to be of one meter. */
export function isTreeFor({ bindings }: MeterTree, account: Address): boolean {
  return bindings.every(({ consumer }) => consumer === account)
}

/** How many unused keys cover a CTP of this expiry, of an account or of any. */
export function countKeys(
  state: Pick<MeterState, 'trees'>,
  expirySeconds: Seconds,
  account?: Address,
): number {
  return unusedTrees(state)
    .filter((tree) => covers(tree, expirySeconds))
    .filter((tree) => account === undefined || isTreeFor(tree, account))
    .reduce((sum, tree) => sum + 2 ** tree.height - tree.nextLeaf, 0)
}

/**
 * Takes the next unused key whose CoE covers an expiry, out of the oldest tree that has one and
 * that no other account used; without an account, of any.
 *
 * Throws `meter/exhausted`, `meter/other-account`, `meter/coe-expired`, `meter/witness-expired`.
 */
export function reserveLeaf(
  state: MeterState,
  expirySeconds: Seconds,
  account?: Address,
): { state: MeterState; key: KeyReference } {
  const candidates = unusedTrees(state)
  const covering = candidates.filter((candidate) => covers(candidate, expirySeconds))
  const tree = covering.find((candidate) => account === undefined || isTreeFor(candidate, account))
  if (tree === undefined) {
    if (covering.length > 0) throw new SpbError('meter/other-account')
    const newest = candidates.at(-1)
    if (newest !== undefined) checkCoverage(newest, expirySeconds)
    throw new SpbError('meter/exhausted')
  }
  const leaf = tree.nextLeaf
  return {
    state: replaceTree(state, { ...tree, nextLeaf: leaf + 1 }),
    key: { tree: tree.number, leaf },
  }
}

/** Adds a binding of a reserved leaf that has none. */
export function addBinding(
  state: MeterState,
  tree: MeterTree,
  binding: Pick<MeterBinding, 'leaf' | 'ctpId' | 'ctp' | 'consumer'>,
): MeterState {
  const fresh: MeterBinding = {
    ...binding,
    order: state.nextOrder,
    deliveredWh: wh(0),
    measuredAtSeconds: seconds(0),
    isReleased: false,
    ...{ signedWh: wh(0), acknowledgedWh: wh(0) },
  }
  const grown = { ...tree, bindings: [...tree.bindings, fresh] }
  return { ...replaceTree(state, grown), nextOrder: state.nextOrder + 1 }
}

/** The binding at a place, which must be there. */
export function bindingAt(
  state: Pick<MeterState, 'trees'>,
  { tree, position }: BindingPlace,
): MeterBinding {
  return findTree(state, tree)!.bindings[position]!
}

/** The account that the newest binding is of; undefined before the first. */
export function findLastAccount({ trees }: Pick<MeterState, 'trees'>): Address | undefined {
  const newest = trees.flatMap(({ bindings }) => bindings.at(-1) ?? [])
  return newest.sort((a, b) => b.order - a.order)[0]?.consumer
}

/** Changes one binding. */
export function changeBinding(
  state: MeterState,
  { tree: number, position }: BindingPlace,
  change: Partial<MeterBinding>,
): MeterState {
  const tree = findTree(state, number)!
  const bindings = tree.bindings.with(position, { ...tree.bindings[position]!, ...change })
  return replaceTree(state, { ...tree, bindings })
}

/** Adds a witnessed tree, and forgets those whose CoE ended long ago. */
export function addTree(state: MeterState, tree: MeterTree, nowSeconds: Seconds): MeterState {
  const kept = state.trees.filter(
    ({ coe }) => coe.coe.notAfterSeconds + treeRetentionSeconds >= nowSeconds,
  )
  return { ...state, trees: [...kept, tree] }
}

/** Bindings with a receipt that may have left the meter, and that too few members keep. */
export function findUnacknowledged(state: Pick<MeterState, 'trees'>): MeterBinding[] {
  return state.trees.flatMap(({ bindings }) =>
    bindings.filter(({ isReleased, signedWh, acknowledgedWh }) => {
      return !isReleased && signedWh > acknowledgedWh
    }),
  )
}
