import type { LedgerState } from '../../../ledger/ledgerState.ts'
import type { NodeMachine } from '../../../node/nodeMachine.ts'
import type { Chain, MarketFacts } from '../../../ports/chain.ts'
import type { Clock } from '../../../ports/clock.ts'
import type { Network } from '../../../ports/network.ts'
import type { Store } from '../../../ports/store.ts'
import type { Verifier } from '../../../ports/verifier.ts'

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
  /** It must be caught within so many seeds, the first being 1 where left out. */
  seeds: number
  firstSeed?: number
  /** Seconds that it needs to show; 60 where left out. */
  ticks?: number
  /** How many nodes a world must have to show it; any number where left out. */
  nodes?: 1 | 4 | 7
  /** How many of them cheat; by the seed where left out. */
  cheats?: number
  facts?(facts: MarketFacts): MarketFacts
  confirmations?: number
  /** A new disk is taken for a first start. */
  isFirstStart?: true
  store?(store: Store): Store
  chain?(chain: Chain, clock: Clock): Chain
  network?(network: Network): Network
  verifier?(verifier: Verifier): Verifier
  machine?(parts: BuggyMachine): void
}
