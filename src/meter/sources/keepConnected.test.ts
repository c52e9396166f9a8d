import { describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { type ConnectionEvents, keepConnected, retryDelayMs } from './keepConnected.ts'
import type { SourceState } from './readingSource.ts'
import { ManualEnvironment } from './recordingListener.cases.ts'

function keep() {
  const environment = new ManualEnvironment()
  const states: SourceState[] = []
  const attempts: ConnectionEvents[] = []
  let closed = 0
  const kept = keepConnected(
    environment,
    (state) => states.push(state),
    (events) => {
      attempts.push(events)
      return { close: () => void closed++ }
    },
  )
  return { environment, states, attempts, kept, countClosed: () => closed }
}

const lost = () => new SpbError('source/lost')

describe('retryDelayMs', () => {
  it('doubles from a second to a minute, of which chance leaves out up to a half', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 1000].map((failures) => retryDelayMs(failures, 0))
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    expect(retryDelayMs(1, 0.5)).toBe(750)
    expect(retryDelayMs(99, 0.999)).toBeGreaterThanOrEqual(30_000)
  })
})

describe('keepConnected', () => {
  it('says why it waits and until when, and stays so until a reading comes', () => {
    const { environment, states, attempts } = keep()
    const cause = lost()
    attempts[0]?.onLost(cause)
    const retryAtMs = environment.timeMs + 1000
    expect(states).toEqual([{ kind: 'connecting' }, { kind: 'waiting', cause, retryAtMs }])
    environment.fireNext()
    expect(attempts).toHaveLength(2)
    expect(states).toHaveLength(2)
    attempts[1]?.onGood()
    attempts[1]?.onGood()
    expect(states.slice(2)).toEqual([{ kind: 'live' }])
  })

  it('waits longer and longer, and anew from a second on after a good reading', () => {
    const { environment, attempts } = keep()
    const delays = Array.from({ length: 9 }, () => {
      attempts.at(-1)?.onLost(lost())
      const [delayMs] = environment.delaysMs
      environment.fireNext()
      return delayMs
    })
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000])
    attempts.at(-1)?.onGood()
    attempts.at(-1)?.onLost(lost())
    expect(environment.delaysMs).toEqual([1000])
  })

  it('ends each connection once, and does not hear what it says afterwards', () => {
    const { environment, states, attempts, countClosed } = keep()
    attempts[0]?.onLost(lost())
    attempts[0]?.onLost(lost())
    attempts[0]?.onGood()
    expect(countClosed()).toBe(1)
    expect(states).toHaveLength(2)
    expect(environment.delaysMs).toEqual([1000])
  })

  it('ends a connection that was lost before it was there', () => {
    const environment = new ManualEnvironment()
    let closed = 0
    keepConnected(
      environment,
      () => undefined,
      (events) => {
        events.onLost(lost())
        return { close: () => void closed++ }
      },
    )
    expect(closed).toBe(1)
    expect(environment.delaysMs).toEqual([1000])
  })

  it('is over once closed, also while it waits, and may be closed twice', async () => {
    const open = keep()
    await open.kept.close()
    await open.kept.close()
    expect(open.countClosed()).toBe(1)
    open.attempts[0]?.onLost(lost())
    open.attempts[0]?.onGood()
    expect(open.states).toEqual([{ kind: 'connecting' }])
    expect(open.environment.delaysMs).toEqual([])
    const waiting = keep()
    waiting.attempts[0]?.onLost(lost())
    await waiting.kept.close()
    expect(waiting.environment.delaysMs).toEqual([])
  })

  it('waits at its end for what a connection has to let go of', async () => {
    let release: () => void = () => undefined
    const kept = keepConnected(
      new ManualEnvironment(),
      () => undefined,
      () => ({ close: () => new Promise<void>((resolve) => (release = resolve)) }),
    )
    let isClosed = false
    const closing = kept.close().then(() => {
      isClosed = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    expect(isClosed).toBe(false)
    release()
    await closing
  })
})
