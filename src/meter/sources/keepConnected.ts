import type { SpbError } from '../../protocol/spbError.ts'
import { retryWaitMs } from '../retryWait.ts'
import type { SourceEnvironment, SourceState } from './readingSource.ts'
import { sourceLimits } from './sourceLimits.ts'
import { startSourceTimer } from './sourceTimer.ts'

/** One attempt to be connected. */
export type Connection = {
  /** Lets go of everything at once; waits only for what cannot be cut. */
  close(): void | Promise<void>
}

/** What a connection tells of itself. What it tells after its end is not heard. */
export type ConnectionEvents = {
  /** A good reading came. */
  onGood(): void
  /** It is of no more use: another one is made after a while. */
  onLost(cause: SpbError): void
}

const firstRetryMs = 1_000

/**
 * Wait before the attempt that follows so many failures in a row (1 or more): a second, doubling,
 * at most a minute, of which a random part of up to a half is left out, so that a thousand meters
 * do not come back at once to a broker that was away.
 */
export function retryDelayMs(failures: number, random: number): number {
  const plan = { firstMs: firstRetryMs, longestMs: sourceLimits.retryMs }
  return Math.round(retryWaitMs(failures, plan, 1 - random))
}

/**
 * Keeps a source connected until it is closed, and says how it is. A good reading ends the row of
 * failures; a connection that yields none does not.
 */
export function keepConnected(
  environment: SourceEnvironment,
  onState: (state: SourceState) => void,
  connect: (events: ConnectionEvents) => Connection,
): { close(): Promise<void> } {
  let failures = 0
  let isLive = false
  let isClosed = false
  const closing = new Set<Promise<void>>()
  let endCurrent: () => void = () => undefined
  let stopTimer: () => void = () => undefined

  const open = (): void => {
    let isOver = false
    let connection: Connection | undefined
    const end = () => {
      if (isOver && connection === undefined) return
      isOver = true
      const closed = connection?.close()
      connection = undefined
      if (closed === undefined) return
      closing.add(closed)
      void closed.finally(() => closing.delete(closed))
    }
    endCurrent = end
    const opened = connect({
      onGood: () => {
        if (isOver) return
        failures = 0
        if (isLive) return
        isLive = true
        onState({ kind: 'live' })
      },
      onLost: (cause) => {
        if (isOver) return
        end()
        isLive = false
        failures++
        const delayMs = retryDelayMs(failures, environment.random())
        stopTimer = startSourceTimer(environment, delayMs, open)
        onState({ kind: 'waiting', cause, retryAtMs: environment.nowMs() + delayMs })
      },
    })
    connection = opened
    // Lost, or closed, before it was returned.
    if (isOver) end()
  }

  onState({ kind: 'connecting' })
  open()
  return {
    async close() {
      if (!isClosed) {
        isClosed = true
        stopTimer()
        endCurrent()
      }
      await Promise.all(closing)
    },
  }
}
