import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { SourceEnvironment, SourceListener } from './readingSource.ts'
import { refuseSpec } from './sourceSpec.ts'
import { startSourceTimer } from './sourceTimer.ts'

/** How a file's readings are told. */
export type ReplayOptions = {
  environment: SourceEnvironment
  listener: SourceListener
  /** Seconds of the readings in a second of the clock; as fast as they are taken if left out. */
  speed?: number | undefined
}

const largestSpeed = 1_000_000
/** A clock may be set anew meanwhile: it is looked at again at least once an hour. */
const longestWaitMs = 3_600_000

/**
 * Tells a file's readings one by one, each in a turn of the event loop of its own, and then that
 * the source has ended. With a speed, the first one comes at once and others by their own times.
 */
export function startReplay(
  readings: AsyncIterable<MeterReading> | Iterable<MeterReading>,
  { environment, listener, speed }: ReplayOptions,
): { close(): Promise<void> } {
  let isClosed = false
  let wake: () => void = () => undefined

  const waitUntil = async (dueMs: number): Promise<void> => {
    for (;;) {
      const leftMs = dueMs - environment.nowMs()
      if (leftMs <= 0 || isClosed) return
      await new Promise<void>((resolve) => {
        const delayMs = Math.min(leftMs, longestWaitMs)
        const stop = startSourceTimer(environment, delayMs, resolve)
        wake = () => {
          stop()
          resolve()
        }
      })
    }
  }

  const tellAll = async (): Promise<void> => {
    const startMs = environment.nowMs()
    let firstSeconds: number | undefined
    for await (const reading of readings) {
      if (isClosed) return
      if (firstSeconds === undefined) listener.onState({ kind: 'live' })
      firstSeconds ??= reading.timeSeconds
      if (speed !== undefined) {
        await waitUntil(startMs + ((reading.timeSeconds - firstSeconds) * 1000) / speed)
        if (isClosed) return
      }
      await listener.onReading(reading)
      await new Promise((resolve) => setImmediate(resolve))
    }
  }

  const run = async (): Promise<void> => {
    try {
      await tellAll()
    } catch (error) {
      // A file that cannot be read on; anything else is a bug of the listener.
      if (!(error instanceof SpbError)) throw error
      if (!isClosed) listener.onRefused(error)
    }
    if (!isClosed) listener.onState({ kind: 'ended' })
  }

  listener.onState({ kind: 'connecting' })
  const running = run()
  return {
    async close() {
      isClosed = true
      wake()
      await running
    },
  }
}

/** A replay's speed. Throws `source/option`. */
export function readSpeed(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const speed = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : 0
  if (speed > 0 && speed <= largestSpeed) return speed
  throw refuseSpec('The option speed is not a number above 0.', 'Write speed=1 for real time.')
}
