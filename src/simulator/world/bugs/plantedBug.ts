import type { LedgerState } from '../../../ledger/ledgerState.ts'
import type { NodeMachine } from '../../../node/nodeMachine.ts'
import type { Chain, MarketFacts } from '../../../ports/chain.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Network } from '../../../ports/network.ts'
import type { Store } from '../../../ports/store.ts'
import type { Verifier } from '../../../ports/verifier.ts'
import type { ConsumerStyle } from '../consumerStyle.ts'

/** Of a world, what a bug may need to show. */
export type WorldShape = {
  ticks: number
  nodes: 1 | 4 | 7
  cheats: number
  styles: readonly ConsumerStyle[]
  newDisks: number
}

/** Five consumers of one kind. */
export function fiveOf(style: ConsumerStyle): readonly ConsumerStyle[] {
  return Array.from({ length: 5 }, () => style)
}

/** What a bug of a machine's own finds there. */
export type BuggyMachine = {
  machine: NodeMachine
  state: LedgerState
  memberKey: Uint8Array
}

/**
 * A bug that the simulator must catch. It is planted from outside, into what a node is built of
 * or by replacing a method of one machine, so that production code holds nothing of it.
 */
export type PlantedBug = {
  name: string
  /** Which rule every honest member breaks. */
  breaks: string
  /** What the simulator sees broken. */
  promise: string
  /** It must be caught within so many seeds, the first being 1. */
  seeds: number
  /** What its worlds are like where they must not be as they come. */
  world?: Partial<WorldShape>
  facts?(facts: MarketFacts): MarketFacts
  confirmations?: number
  store?(store: Store): Store
  chain?(chain: Chain, clock: Clock): Chain
  network?(network: Network): Network
  verifier?(verifier: Verifier): Verifier
  machine?(parts: BuggyMachine): void
}
