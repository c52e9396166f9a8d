import { beforeEach, describe, expect, it } from 'vitest'
import { SpbError } from '../protocol/spbError.ts'
import { KeyRenewal } from './keyRenewal.ts'
import { makeClock, type TestClock } from './relays.cases.ts'

const minuteMs = 60_000
const log = { info: () => {}, warn: () => {}, error: () => {} }
let clock: TestClock
let isNeeded: boolean
let askedMs: number[]

beforeEach(() => {
  clock = makeClock()
  isNeeded = true
  askedMs = []
})

/** A renewal of which each try's time since the begin is written down. */
function makeRenewal(renew: () => unknown, random = 1): KeyRenewal {
  const startMs = clock.nowMs()
  return new KeyRenewal(minuteMs, {
    ...{ clock, log, random: () => random },
    meter: { needsRenewal: () => isNeeded },
    async renew() {
      askedMs.push(clock.nowMs() - startMs)
      await renew()
    },
  })
}

async function pass(renewal: KeyRenewal, minutes: number): Promise<void> {
  for (let minute = 0; minute < minutes; minute++) {
    renewal.tick()
    await renewal.running
    clock.add(minuteMs)
  }
}

const fail = () => {
  throw new SpbError('meter/no-witness')
}

describe('the renewal of keys', () => {
  it('is tried again after ever longer waits, up to an hour, and says why', async () => {
    const renewal = makeRenewal(fail)
    await pass(renewal, 250)
    const minutes = askedMs.map((ms) => ms / minuteMs)
    expect(minutes).toEqual([0, 1, 3, 7, 15, 31, 63, 123, 183, 243])
    expect(renewal.status).toEqual({
      isNeeded: true,
      isRunning: false,
      failure: expect.objectContaining({ code: 'meter/no-witness' }),
    })
  })

  it('keeps the retries of many meters apart by chance', async () => {
    const renewal = makeRenewal(fail, 0)
    renewal.tick()
    await renewal.running
    clock.add(minuteMs / 2 - 1)
    renewal.tick()
    expect(askedMs).toHaveLength(1)
    clock.add(1)
    renewal.tick()
    expect(askedMs).toHaveLength(2)
  })

  it('runs once at a time, and only while it is needed', async () => {
    const answer = Promise.withResolvers<void>()
    const renewal = makeRenewal(() => answer.promise)
    for (const _ of [1, 2, 3]) renewal.tick()
    expect(renewal.status.isRunning).toBe(true)
    isNeeded = false
    answer.resolve()
    await renewal.running
    await pass(renewal, 10)
    expect(askedMs).toHaveLength(1)
    expect(renewal.status).toEqual({ isNeeded: false, isRunning: false })
  })

  it('is not repeated at once where its keys could not end the need', async () => {
    const renewal = makeRenewal(() => undefined)
    await pass(renewal, 125)
    expect(askedMs.map((ms) => ms / minuteMs)).toEqual([0, 60, 120])
  })

  it('forgets a failure once nothing is needed any more, as after one by hand', async () => {
    const renewal = makeRenewal(fail)
    await pass(renewal, 4)
    isNeeded = false
    await pass(renewal, 5)
    expect(renewal.status).toEqual({ isNeeded: false, isRunning: false })
    isNeeded = true
    await pass(renewal, 2)
    // It begins with the shortest wait again.
    expect(askedMs.map((ms) => ms / minuteMs)).toEqual([0, 1, 3, 9, 10])
  })

  it('shows a failure without a code as one of the program', async () => {
    const cause = new TypeError('a bug')
    const renewal = makeRenewal(() => {
      throw cause
    })
    await pass(renewal, 1)
    expect(renewal.status.failure).toMatchObject({ code: 'node/internal', cause })
  })
})
