import type { MeterReading } from '../../ports/meterReading.ts'
import type { SpbError } from '../../protocol/spbError.ts'

/** Where a meter's readings come from: a file, a serial line, a device on the network. */
export type ReadingSource = {
  /** What a person may see of where readings come from; without users and passwords. */
  readonly name: string
  /** Begins to read; called once. */
  start(listener: SourceListener): void
  /** Ends reading: nothing is told to the listener once it has resolved. */
  close(): Promise<void>
}

/** Who takes the readings. */
export type SourceListener = {
  /** One reading. A file's next one waits for the promise, where there is one. */
  onReading(reading: MeterReading): unknown
  /** Something came that is not used, and why. */
  onRefused(error: SpbError): void
  onState(state: SourceState): void
}

/**
 * How a source is. `connecting`: no reading yet, and no failure. `waiting`: it failed, and is tried
 * again at `retryAtMs`; it stays so, with its cause, until a reading comes. `ended`: a file is
 * read to its end.
 */
export type SourceState =
  | { kind: 'connecting' }
  | { kind: 'live' }
  | { kind: 'waiting'; cause: SpbError; retryAtMs: number }
  | { kind: 'ended' }

/** What sources need of the world besides their meter. */
export type SourceEnvironment = {
  /** Unix time in milliseconds: the time of readings that carry none. */
  nowMs(): number
  /** 0 to 1, below 1: spreads attempts to connect. */
  random(): number
  /** Environment variables: SPB_MQTT_PASSWORD. */
  env: Readonly<Record<string, string | undefined>>
  /** The folder from which relative paths start. */
  cwd: string
  /** Runs a task after a delay unless the returned function is called; setTimeout if left out. */
  setTimer?(delayMs: number, task: () => void): () => void
}
