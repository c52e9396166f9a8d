import type { Clock } from '../ports/clock.ts'
import type { Log } from '../ports/log.ts'
import type { MeterGateway } from '../ports/meterGateway.ts'
import type { MeterReading } from '../ports/meterReading.ts'
import type { MeterBinding } from '../ports/meterStorage.ts'
import type { Scheduler } from '../ports/scheduler.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { type SpbError, toCodedError } from '../protocol/spbError.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { isUnfinished } from './allocation.ts'
import { CtpWatch } from './ctpWatch.ts'
import { KeyRenewal, type KeyRenewalStatus } from './keyRenewal.ts'
import { defaultPaceSeconds, ReadingPace } from './readingPace.ts'
import { ReadingQueue } from './readingQueue.ts'
import { defaultOutboxOptions, type OutboxOptions, ReceiptOutbox } from './receiptOutbox.ts'
import type { ReadingRules } from './registerRules.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import type { ReadingSource, SourceState } from './sources/readingSource.ts'

/** How a meter runs. */
export type MeterRunnerOptions = {
  rules?: Partial<ReadingRules>
  outbox?: Partial<OutboxOptions>
  /** Of readings closer together than this one is kept; `defaultPaceSeconds` where left out. */
  paceSeconds?: number
  /** Without a reading for so long, the source is stale; 5 minutes where left out. */
  staleMs?: number
  /**
   * How often the node is asked what became of CTPs, 15 s where left out; up to eight times as
   * rarely while they are certified.
   */
  watchMs?: number
  /** A CTP that no node knows for so long takes no more energy; 2 minutes where left out. */
  unknownMs?: number
  /** Longest wait after a renewal that failed; doubles up to an hour. 30 s where left out. */
  renewRetryMs?: number
}

/** What a running meter works with. */
export type MeterRunnerParts = {
  meter: SoftwareMeter
  gateway: MeterGateway
  clock: Clock
  scheduler: Scheduler
  log: Log
  /** Without one the meter measures nothing, but renews its keys. */
  source?: ReadingSource
  /** Gets the next tree witnessed. Throws `meter/no-witness`, `node/*`. */
  renew?: () => Promise<unknown>
  /** 0 to 1: keeps the retries of many meters apart. */
  random(): number
}

/** How a running meter is. */
export type MeterRunStatus = {
  source?: SourceStatus
  /** Readings that came faster than they were taken. */
  droppedReadings: number
  /** What the source refused: broken telegrams and the like. */
  refusedReadings: number
  lastRefusal?: SpbError
  receiptsWaiting: number
  receiptFailure?: SpbError
  renewal: KeyRenewalStatus
  /** Why readings wait: the meter's state cannot be kept. */
  storeFailure?: SpbError
}

/** How readings come. Stale: none came for too long, whatever the source says. */
export type SourceStatus = {
  name: string
  state: SourceState
  isStale: boolean
  lastReading?: MeterReading
}

const defaultOptions = {
  ...{ paceSeconds: defaultPaceSeconds, staleMs: 300_000 },
  ...{ watchMs: 15_000, unknownMs: 120_000, renewRetryMs: 30_000 },
}
const tickMs = 1_000
const mostSending = 8
/** Nodes that will never take this receipt. */
const finalRefusals: readonly ErrorCode[] = [
  ...(['erc/late', 'erc/closed', 'erc/wrong-key', 'erc/lower'] as const),
  ...(['erc/repeated', 'ctp/wrong-market'] as const),
]
/** Past its deadline by so long, a CTP that no node knows gets no certificate any more. */
const forgottenSeconds = 3_600

/**
 * A meter at work: turns its source's readings into receipts, hands these to the nodes until
 * enough of them keep them, and renews its keys in time. What it has not done yet follows from the
 * meter's own state: ended at any moment, it goes on where it was.
 */
export class MeterRunner {
  readonly #parts: MeterRunnerParts
  readonly #options: Required<Omit<MeterRunnerOptions, 'rules' | 'outbox'>>
  readonly #rules: Partial<ReadingRules>
  readonly #pace: ReadingPace
  readonly #queue = new ReadingQueue()
  readonly #outbox: ReceiptOutbox
  readonly #sending = new Map<Bytes32, Promise<void>>()
  #sourceState: SourceState = { kind: 'connecting' }
  #lastReading: { reading: MeterReading; atMs: number } | undefined
  #startedMs = 0
  /** Resolves when no reading waits any more: a file's next one comes then. */
  #drained: { promise: Promise<void>; resolve: () => void } | undefined
  #refused = 0
  #lastRefusal: SpbError | undefined
  #storeFailure: SpbError | undefined
  readonly #renewal: KeyRenewal
  readonly #watch: CtpWatch
  #stopTicking: (() => void) | undefined
  #closing: Promise<void> | undefined
  #isEnding = false
  #isClosed = false

  constructor(options: MeterRunnerOptions, parts: MeterRunnerParts) {
    const { rules = {}, outbox = {}, ...rest } = options
    this.#parts = parts
    this.#rules = rules
    this.#outbox = new ReceiptOutbox({ ...defaultOutboxOptions, ...outbox })
    this.#options = { ...defaultOptions, ...rest }
    this.#pace = new ReadingPace(this.#options.paceSeconds)
    this.#renewal = new KeyRenewal(this.#options.renewRetryMs, parts)
    this.#watch = new CtpWatch(this.#options, parts)
  }

  /** Starts reading, and sends what waited since the last run. */
  start(): void {
    const { source, scheduler, clock, meter } = this.#parts
    this.#startedMs = clock.nowMs()
    for (const binding of listBindings(meter)) {
      if (binding.deliveredWh > binding.acknowledgedWh) this.#note(binding)
    }
    this.#stopTicking = scheduler.every(tickMs, () => this.tick())
    source?.start({
      onReading: (reading) => this.#take(reading),
      onRefused: (error) => this.#refuse(error),
      onState: (state) => this.#changeState(state),
    })
  }

  /** Does what is due: receipts, renewal, a look at the CTPs. */
  tick(): void {
    if (this.#isClosed) return
    this.#queueHeld(this.#parts.clock.nowMs())
    this.#drain()
    this.#sendDue()
    this.#renewal.tick()
    this.#watch.tick()
  }

  /** How the meter is. */
  status(): MeterRunStatus {
    const { source } = this.#parts
    const receiptFailure = this.#outbox.lastError
    return {
      ...(source === undefined ? {} : { source: this.#describeSource(source) }),
      droppedReadings: this.#queue.dropped,
      refusedReadings: this.#refused,
      ...(this.#lastRefusal === undefined ? {} : { lastRefusal: this.#lastRefusal }),
      receiptsWaiting: this.#outbox.size,
      ...(receiptFailure === undefined ? {} : { receiptFailure }),
      renewal: this.#renewal.status,
      ...(this.#storeFailure === undefined ? {} : { storeFailure: this.#storeFailure }),
    }
  }

  /** Resolves when nothing is on its way any more. */
  async idle(): Promise<void> {
    while (this.#sending.size > 0 || this.#renewal.running || this.#watch.running) {
      await Promise.all([...this.#sending.values(), this.#renewal.running, this.#watch.running])
    }
  }

  /** Ends the source, takes what it had read, and waits for what is on its way. */
  close(): Promise<void> {
    this.#closing ??= this.#end()
    return this.#closing
  }

  async #end(): Promise<void> {
    // A file would not end while it waits for a reading that cannot be kept.
    this.#isEnding = true
    this.#releaseSource()
    await this.#parts.source?.close()
    this.#queueHeld()
    this.#drain()
    this.#isClosed = true
    this.#watch.stop()
    this.#stopTicking?.()
    await this.idle()
  }

  #nowSeconds(): Seconds {
    return seconds(Math.floor(this.#parts.clock.nowMs() / 1000))
  }

  #describeSource({ name }: ReadingSource): SourceStatus {
    const sinceMs = this.#lastReading?.atMs ?? this.#startedMs
    const isStale = this.#parts.clock.nowMs() - sinceMs > this.#options.staleMs
    const lastReading = this.#lastReading?.reading
    return {
      ...{ name, state: this.#sourceState },
      isStale: isStale && this.#sourceState.kind !== 'ended',
      ...(lastReading === undefined ? {} : { lastReading }),
    }
  }

  #take(reading: MeterReading): Promise<void> | undefined {
    if (this.#isClosed) return undefined
    const nowMs = this.#parts.clock.nowMs()
    this.#lastReading = { reading, atMs: nowMs }
    const admitted = this.#pace.admit(reading, nowMs, () => this.#listDeadlines())
    for (const each of admitted) this.#queue.push(each)
    if (this.#isEnding || admitted.length === 0) return undefined
    if (this.#drained === undefined) {
      this.#drained = Promise.withResolvers<void>()
      this.#parts.scheduler.defer(() => {
        if (this.#isClosed) return
        this.#drain()
        this.#sendDue()
      })
    }
    return this.#drained.promise
  }

  /** Takes on the reading that was held back, once it waited long enough. */
  #queueHeld(nowMs?: number): void {
    const held = this.#pace.release(nowMs)
    if (held !== undefined) this.#queue.push(held)
  }

  #listDeadlines(): Seconds[] {
    return listBindings(this.#parts.meter)
      .filter(isUnfinished)
      .map(({ ctp }) => ctp.expirySeconds)
  }

  /** No reading follows that could say what this one says. */
  #takeHeld(): void {
    this.#queueHeld()
    this.#drain()
    this.#sendDue()
  }

  #releaseSource(): void {
    this.#drained?.resolve()
    this.#drained = undefined
  }

  #refuse(error: SpbError): void {
    this.#refused++
    this.#lastRefusal = error
  }

  #changeState(state: SourceState): void {
    const was = this.#sourceState
    this.#sourceState = state
    if (state.kind === 'ended') this.#takeHeld()
    if (state.kind === was.kind && codeOf(state) === codeOf(was)) return
    const { source, log } = this.#parts
    const meta = { source: source?.name ?? '', state: state.kind }
    if (state.kind === 'waiting') {
      log.warn({ ...meta, code: state.cause.code }, `The source is away: ${state.cause.message}`)
    } else {
      log.info(meta, `The source is ${state.kind}.`)
    }
  }

  /** Hands waiting readings to the meter; one that cannot be kept stays for the next time. */
  #drain(): void {
    for (;;) {
      const reading = this.#queue.peek()
      if (reading === undefined) {
        this.#releaseSource()
        return
      }
      try {
        const { grown } = this.#parts.meter.recordReading(reading, this.#rules)
        for (const ctpId of grown) this.#note(this.#parts.meter.bindingOf(ctpId)!)
        this.#storeFailure = undefined
      } catch (error) {
        const failure = toCodedError(error)
        if (!failure.code.startsWith('source/')) {
          this.#sayStoreFailure(failure)
          return
        }
        // It is no reading, and will not become one: others shall not wait behind it.
        this.#refuse(failure)
      }
      this.#queue.shift()
    }
  }

  #sayStoreFailure(failure: SpbError): void {
    const { code } = failure
    const isNew = this.#storeFailure?.code !== code
    this.#storeFailure = failure
    if (isNew) this.#parts.log.error({ code }, 'A reading cannot be kept.')
  }

  #note({ ctpId, ctp, deliveredWh }: MeterBinding): void {
    const isFull = deliveredWh >= ctp.energyWh
    const { expirySeconds } = ctp
    const waiting = { ctpId, isFull, expirySeconds, deliveredWh }
    this.#outbox.add(waiting, this.#parts.clock.nowMs())
  }

  #sendDue(): void {
    if (this.#isClosed) return
    for (const ctpId of this.#outbox.due(this.#parts.clock.nowMs())) {
      if (this.#sending.size >= mostSending) return
      if (this.#sending.has(ctpId)) continue
      const sending = this.#send(ctpId).finally(() => this.#sending.delete(ctpId))
      this.#sending.set(ctpId, sending)
    }
  }

  async #send(ctpId: Bytes32): Promise<void> {
    const { meter, gateway, clock, log, random } = this.#parts
    try {
      // A meter forgets its CTPs a month after their keys ended.
      const signed = meter.bindingOf(ctpId) && meter.receiptOf(ctpId)
      if (signed === undefined) return this.#outbox.drop(ctpId)
      const { deliveredWh } = signed.erc
      try {
        await gateway.sendReceipt(signed)
        log.info({ ctpId, deliveredWh }, `Receipted ${deliveredWh} Wh for CTP ${ctpId}.`)
      } catch (error) {
        if (!this.#isFinal(ctpId, toCodedError(error))) throw error
        log.warn({ ctpId, code: toCodedError(error).code }, 'No node takes this receipt any more.')
      }
      meter.acknowledge(ctpId, deliveredWh)
      this.#outbox.sent(ctpId, deliveredWh, clock.nowMs())
    } catch (error) {
      this.#outbox.failed(ctpId, toCodedError(error), clock.nowMs(), random())
    }
  }

  #isFinal(ctpId: Bytes32, { code }: SpbError): boolean {
    if (finalRefusals.includes(code)) return true
    const expirySeconds = this.#parts.meter.bindingOf(ctpId)?.ctp.expirySeconds ?? 0
    // Not certified yet, perhaps: it is asked again for as long as it could be.
    return code === 'erc/unknown-ctp' && this.#nowSeconds() > expirySeconds + forgottenSeconds
  }
}

function codeOf(state: SourceState): ErrorCode | undefined {
  return state.kind === 'waiting' ? state.cause.code : undefined
}

function listBindings(meter: SoftwareMeter): MeterBinding[] {
  return meter.state.trees.flatMap(({ bindings }) => bindings)
}
