import { randomInt } from 'node:crypto'
import { eventLoopScheduler, systemClock } from '../adapters/clock/systemClock.ts'
import { createWorkerVerifier } from '../adapters/crypto/workerVerifier.ts'
import { type LedgerState, openLedgerState } from '../ledger/ledgerState.ts'
import { WriteBuffer } from '../ledger/writeBuffer.ts'
import type { Chain, MarketFacts } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network } from '../ports/network.ts'
import type { Store } from '../ports/store.ts'
import type { Address } from '../protocol/bytes.ts'
import { limits } from '../protocol/limits.ts'
import { addressOf } from '../protocol/signature.ts'
import { createNodeService } from './createNodeService.ts'
import { NodeMachine } from './nodeMachine.ts'
import { NodeRuntime } from './nodeRuntime.ts'
import type { NodeOperation, NodeService } from './nodeService.ts'

/** What an operator decides; the rest has defaults that suit a small market. */
export type NodeOptions = {
  facts: MarketFacts
  /** The member's signing key, 32 bytes. */
  memberKey: Uint8Array
  confirmations?: number
  /** 0: the chain is looked at only when `poll` is called. */
  pollMs?: number
  batchItems?: number
  batchAgeMs?: number
  resendMs?: number
  stallMs?: number
  /** Clock and chain may differ by so much; left out: by any. */
  clockToleranceMs?: number
  beneficiary?: Address
  liveCtps?: number
  /**
   * The operator's word that this member never voted in this market. Without it a member with a
   * new database, in a market where accounts have money, waits until nothing it may have signed
   * can be live any more.
   */
  isFirstStart?: boolean
  /** Requests that may wait; more are refused with `node/overloaded`. */
  waitingRequests?: number
}

/** The world outside a node; the clock is the computer’s where left out. */
export type NodeAdapters = {
  store: Store
  chain: Chain
  log: Log
  clock?: Clock
  /** Other nodes of the market; left out: the node is alone. */
  network?: Network
}

/** A node at work. */
export type RunningNode = {
  service: NodeService & NodeOperation
  /** Looks at the chain now. */
  poll(): Promise<void>
  close(): Promise<void>
  state: LedgerState
}

/** Puts a node together from a store, a chain and a clock, and reads the chain once. */
export async function composeNode(
  options: NodeOptions,
  adapters: NodeAdapters,
): Promise<RunningNode> {
  const { facts, memberKey } = options
  const state = openLedgerState(new WriteBuffer(adapters.store), facts, {
    liveCtpsPerAccount: limits.nonceWindow,
    liveCtps: options.liveCtps ?? 2_000_000,
    isFirstStart: options.isFirstStart ?? false,
  })
  const settlement = {
    batchItems: options.batchItems ?? 100,
    batchAgeMs: options.batchAgeMs ?? 5_000,
    resendMs: options.resendMs ?? 30_000,
    beneficiary: options.beneficiary ?? addressOf(memberKey),
  }
  const stallMs = options.stallMs ?? 60_000
  const { clockToleranceMs } = options
  const tolerance = clockToleranceMs === undefined ? {} : { clockToleranceMs }
  const machine = new NodeMachine({ memberKey, settlement, stallMs, ...tolerance }, state)
  const runtime = new NodeRuntime(
    {
      confirmations: options.confirmations ?? 0,
      pollMs: options.pollMs ?? 500,
      waitingRequests: options.waitingRequests ?? 20_000,
      inputsPerStep: 1_024,
      startMark: randomInt(2 ** 20),
    },
    {
      ...{ machine, state, chain: adapters.chain, log: adapters.log },
      verifier: createWorkerVerifier(state.market),
      scheduler: eventLoopScheduler,
      clock: adapters.clock ?? systemClock,
      ...(adapters.network === undefined ? {} : { network: adapters.network }),
    },
  )
  await runtime.start()
  return {
    service: createNodeService(runtime, machine, state),
    poll: () => runtime.pollChain(),
    close: () => runtime.close(),
    state,
  }
}
