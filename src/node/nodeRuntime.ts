import type { LedgerState } from '../ledger/ledgerState.ts'
import type { Chain } from '../ports/chain.ts'
import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { Network } from '../ports/network.ts'
import type { Scheduler } from '../ports/scheduler.ts'
import type { Verifier } from '../ports/verifier.ts'
import type { CtpSubmission } from '../protocol/ctpSubmission.ts'
import { SpbError, toCodedError } from '../protocol/spbError.ts'
import type { NodeEvent } from '../protocol/views.ts'
import { followChain } from './chainFollower.ts'
import type { NodeEffect, NodeInput, Reply } from './nodeEffect.ts'
import type { NodeMachine } from './nodeMachine.ts'
import { PeerTraffic } from './peerTraffic.ts'

/** How patient and how crowded a running node may be. */
export type NodeRuntimeOptions = {
  confirmations: number
  /** Pause between looks at the chain; 0: only when `pollChain` is called. */
  pollMs: number
  /** Requests that may wait; more are refused with `node/overloaded`. */
  waitingRequests: number
  /** Inputs taken in one step, under one sync of the disk. */
  inputsPerStep: number
  /** Random, below 2^20: tells starts of one moment apart. */
  startMark?: number
}

/** What a runtime drives, and through which ports. */
export type NodeParts = {
  machine: NodeMachine
  state: LedgerState
  chain: Chain
  verifier: Verifier
  scheduler: Scheduler
  clock: Clock
  log: Log
  /** Left out: the node is alone. */
  network?: Network
}

type Waiting = { resolve: (reply: Reply) => void; reject: (error: SpbError) => void }
type Unverified = { submission: CtpSubmission; request: number }

/**
 * Drives the machine: gathers inputs, steps, syncs the store once for all of them, and only then
 * lets the effects out. What a caller is told is therefore on disk.
 */
export class NodeRuntime {
  readonly #options: NodeRuntimeOptions
  readonly #parts: NodeParts
  readonly #inputs: NodeInput[] = []
  readonly #waiting = new Map<number, Waiting>()
  readonly #unverified: Unverified[] = []
  readonly #listeners = new Set<(event: NodeEvent) => void>()
  readonly #stops: (() => void)[] = []
  readonly #traffic: PeerTraffic | undefined
  #nextRequest = 1
  /** Inputs taken in, and stepped, since the start. */
  #pushed = 0
  #stepped = 0
  #isDraining = false
  #isVerifying = false
  #polling: Promise<void> | undefined
  #failure: SpbError | undefined
  #isClosed = false

  constructor(options: NodeRuntimeOptions, parts: NodeParts) {
    this.#options = options
    this.#parts = parts
    const { network, verifier, log } = parts
    if (network === undefined) return
    const push = (input: NodeInput) => this.#push(input)
    const fail = (error: unknown) => this.#fail(error)
    this.#traffic = new PeerTraffic({
      network,
      verifier,
      log,
      mark: options.startMark ?? 0,
      push,
      fail,
    })
  }

  /** Reads the chain for the first time and starts to follow it. */
  async start(): Promise<void> {
    const { scheduler, clock } = this.#parts
    this.#push({ kind: 'tick', nowMs: clock.nowMs() })
    await this.pollChain()
    await this.#traffic?.start()
    if (this.#options.pollMs === 0) return
    const poll = () => void this.pollChain()
    this.#stops.push(scheduler.every(this.#options.pollMs, poll))
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** The failure of the disk that stopped this node, if there was one. */
  get failure(): SpbError | undefined {
    return this.#failure
  }

  /** Where other nodes reach this one; undefined where it is alone. */
  get networkAddresses(): string[] | undefined {
    return this.#parts.network?.addresses()
  }

  /** Has a submission verified and stepped. Rejects with the refusal. */
  submit(submission: CtpSubmission): Promise<Reply> {
    return this.#wait((request) => {
      this.#unverified.push({ submission, request })
      this.#verify()
    })
  }

  /** Has an input stepped that carries a request number. Rejects with the refusal. */
  ask(makeInput: (request: number) => NodeInput): Promise<Reply> {
    return this.#wait((request) => this.#push(makeInput(request)))
  }

  #wait(begin: (request: number) => void): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#isClosed) return Promise.reject(new SpbError('node/not-voting', 'The node stops.'))
    if (this.#waiting.size >= this.#options.waitingRequests) {
      return Promise.reject(new SpbError('node/overloaded'))
    }
    const request = this.#nextRequest++
    return new Promise((resolve, reject) => {
      this.#waiting.set(request, { resolve, reject })
      begin(request)
    })
  }

  #verify(): void {
    if (this.#isVerifying) return
    this.#isVerifying = true
    // Deferred, so that submissions that arrive together are checked together.
    this.#parts.scheduler.defer(() => {
      const batch = this.#unverified.splice(0, this.#options.inputsPerStep)
      this.#isVerifying = false
      if (batch.length === 0) return
      if (this.#unverified.length > 0) this.#verify()
      const submissions = batch.map(({ submission }) => submission)
      this.#parts.verifier.verify(submissions).then(
        (results) => {
          if (this.#isClosed) return
          for (const [index, result] of results.entries()) {
            const { request } = batch[index]!
            if (result instanceof SpbError) this.#refuse(request, result)
            else this.#push({ kind: 'ctp', request, verified: result })
          }
        },
        (err) => {
          // A worker died, and is replaced; the same submissions may be sent again.
          this.#parts.log.error({ err }, 'signatures could not be checked')
          for (const { request } of batch) this.#refuse(request, new SpbError('node/overloaded'))
        },
      )
    })
  }

  #push(input: NodeInput): void {
    if (this.#failure !== undefined || this.#isClosed) return
    this.#inputs.push(input)
    this.#pushed++
    if (this.#isDraining) return
    this.#isDraining = true
    this.#parts.scheduler.defer(() => this.#drain())
  }

  #drain(): void {
    this.#isDraining = false
    if (this.#failure !== undefined) return
    const inputs = this.#inputs.splice(0, this.#options.inputsPerStep)
    if (inputs.length === 0) return
    this.#traffic?.noteTaken(inputs)
    try {
      const effects = this.#parts.machine.step(inputs)
      this.#parts.state.store.sync()
      this.#stepped += inputs.length
      for (const effect of effects) this.#release(effect)
    } catch (error) {
      this.#fail(error)
      return
    }
    if (this.#inputs.length > 0 && !this.#isDraining) {
      this.#isDraining = true
      this.#parts.scheduler.defer(() => this.#drain())
    }
  }

  #release(effect: NodeEffect): void {
    switch (effect.kind) {
      case 'reply':
        this.#waiting.get(effect.request)?.resolve(effect.reply)
        this.#waiting.delete(effect.request)
        break
      case 'refuse':
        this.#refuse(effect.request, effect.error)
        break
      case 'event':
        this.#tell(effect.event)
        break
      case 'settle':
        this.#outside(
          this.#parts.chain.sendSettlement(effect.call),
          (transactionHash) => ({ kind: 'settlementSent', transactionHash }),
          (error) => ({ kind: 'settlementFailed', error }),
        )
        break
      case 'checkSettlement':
        this.#outside(
          this.#parts.chain.outcomeOf(effect.transactionHash),
          (outcome) => ({ kind: 'settlementOutcome', outcome }),
          (error) => ({ kind: 'chainFailed', error }),
        )
        break
      case 'announceRoot':
        this.#outside(
          this.#parts.chain.announceRoot(effect.root),
          (isTaken) => ({ kind: 'rootAnnounced', root: effect.root, isTaken }),
          () => ({ kind: 'rootAnnounced', root: effect.root, isTaken: false }),
        )
        break
      case 'send':
      case 'publish':
      case 'connect':
      case 'verdict':
      case 'blame':
        this.#traffic?.release(effect)
        break
      case 'log':
        this.#parts.log[effect.level](effect.meta, effect.message)
        break
    }
  }

  /** A listener that fails is its own affair. */
  #tell(event: NodeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (err) {
        this.#parts.log.error({ err }, 'a listener failed')
      }
    }
  }

  /** Turns the end of work outside into an input. */
  #outside<Value>(
    work: Promise<Value>,
    onDone: (value: Value) => NodeInput,
    onError: (error: SpbError) => NodeInput,
  ): void {
    work.then(
      (value) => this.#push(onDone(value)),
      (error) => {
        if (error instanceof SpbError) this.#push(onError(error))
        else this.#fail(error)
      },
    )
  }

  #refuse(request: number, error: SpbError): void {
    this.#waiting.get(request)?.reject(error)
    this.#waiting.delete(request)
  }

  /** What is in memory may be ahead of the disk: nothing more is said until a restart. */
  #fail(error: unknown): void {
    const failure = toCodedError(error)
    this.#failure = failure
    this.#parts.log.error({ err: error }, 'the node stops: it cannot go on safely')
    for (const request of [...this.#waiting.keys()]) this.#refuse(request, failure)
    for (const stop of this.#stops.splice(0)) stop()
    this.#traffic?.close().catch(() => undefined)
  }

  /**
   * Looks at the chain until the ledger is at its confirmed block. A look that is under way
   * already is waited for. Failures are noted, not thrown: the next look tries again.
   */
  async pollChain(): Promise<void> {
    if (this.#polling === undefined) {
      this.#polling = this.#poll().finally(() => {
        this.#polling = undefined
      })
    }
    await this.#polling
  }

  async #poll(): Promise<void> {
    const { chain, state, clock } = this.#parts
    while (this.#failure === undefined && !this.#isClosed) {
      this.#push({ kind: 'tick', nowMs: clock.nowMs() })
      try {
        const finding = await followChain(chain, state, this.#options.confirmations)
        const isDone = finding.kind === 'update'
        this.#push(isDone ? { kind: 'chain', update: finding.update } : { kind: 'reorganised' })
        await this.#settled()
        if (isDone) return
      } catch (error) {
        if (!(error instanceof SpbError)) {
          this.#fail(error)
          return
        }
        this.#push({ kind: 'chainFailed', error })
        this.#parts.log.warn({ code: error.code }, error.message)
        return
      }
    }
  }

  /** Resolves once the inputs so far were stepped, however many come after them. */
  async #settled(): Promise<void> {
    const target = this.#pushed
    while (this.#stepped < target && this.#failure === undefined) {
      await new Promise<void>((resolve) => this.#parts.scheduler.defer(resolve))
    }
  }

  /** Stops following, finishes the inputs at hand, and closes the store. */
  async close(): Promise<void> {
    for (const stop of this.#stops.splice(0)) stop()
    await this.#polling
    await this.#settled()
    this.#isClosed = true
    await this.#traffic?.close()
    for (const request of [...this.#waiting.keys()]) {
      this.#refuse(request, new SpbError('node/not-voting', 'The node stops.'))
    }
    await this.#parts.verifier.close()
    if (this.#failure === undefined) this.#parts.state.store.sync()
    this.#parts.state.store.close()
  }
}
