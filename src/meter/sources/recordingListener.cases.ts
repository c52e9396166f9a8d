import type { MeterReading } from '../../ports/meterReading.ts'
import type { SpbError } from '../../protocol/spbError.ts'
import type {
  ReadingSource,
  SourceEnvironment,
  SourceListener,
  SourceState,
} from './readingSource.ts'

/** A listener that keeps what it is told, and lets a test wait for it. */
export class RecordingListener implements SourceListener {
  readonly readings: MeterReading[] = []
  readonly refused: SpbError[] = []
  readonly states: SourceState[] = []
  #waiters: (() => void)[] = []

  onReading(reading: MeterReading): void {
    this.readings.push(reading)
    this.#wake()
  }

  onRefused(error: SpbError): void {
    this.refused.push(error)
    this.#wake()
  }

  onState(state: SourceState): void {
    this.states.push(state)
    this.#wake()
  }

  get refusedCodes(): string[] {
    return this.refused.map(({ code }) => code)
  }

  get kinds(): string[] {
    return this.states.map(({ kind }) => kind)
  }

  /** The cause of the last state; undefined where it has none. */
  get cause(): string | undefined {
    const state = this.states.at(-1)
    return state?.kind === 'waiting' ? state.cause.code : undefined
  }

  /** Resolves as soon as a condition holds after something was told. */
  async until(holds: () => boolean): Promise<void> {
    while (!holds()) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }
}

/** An environment with timers that a test fires itself. */
export class ManualEnvironment implements SourceEnvironment {
  readonly env: Record<string, string | undefined> = {}
  readonly timers = new Map<() => void, number>()
  timeMs = 1_700_000_000_000
  cwd: string

  constructor(cwd = '/') {
    this.cwd = cwd
  }

  nowMs(): number {
    return this.timeMs
  }

  random(): number {
    return 0
  }

  setTimer(delayMs: number, task: () => void): () => void {
    const own = () => {
      this.timers.delete(own)
      task()
    }
    this.timers.set(own, this.timeMs + delayMs)
    return () => {
      this.timers.delete(own)
    }
  }

  /** Delays of the timers that run, the shortest first. */
  get delaysMs(): number[] {
    return [...this.timers.values()].map((dueMs) => dueMs - this.timeMs).sort((a, b) => a - b)
  }

  /** Moves the clock to the next timer and fires it. */
  fireNext(): void {
    const [next] = [...this.timers].sort(([, a], [, b]) => a - b)
    if (next === undefined) throw new Error('no timer runs')
    this.timeMs = Math.max(this.timeMs, next[1])
    next[0]()
  }
}

/** Starts a source with a listener of its own. */
export function listenTo(source: ReadingSource): RecordingListener {
  const listener = new RecordingListener()
  source.start(listener)
  return listener
}
