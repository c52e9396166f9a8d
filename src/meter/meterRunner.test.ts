import { describe, expect, it } from 'vitest'
import { type MeterMemory, openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterReading } from '../ports/meterReading.ts'
import type { Scheduler } from '../ports/scheduler.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import { renewFromAny } from './findCoe.ts'
import { MeterRunner } from './meterRunner.ts'
import {
  later,
  makeMeter,
  makeReadyMeter,
  market,
  now,
  renewal,
  standing,
  witnessOf,
} from './neighbourhood.cases.ts'
import { readingQueueLength } from './readingQueue.ts'
import {
  closeServices,
  makeClock,
  makeTestRelay,
  ownerBytes,
  patience,
  serveWitness,
} from './relays.cases.ts'
import {
  bindCtp,
  makeFrailStorage,
  makeTestGateway,
  type RunningMeter,
  readingAt,
  runMeter,
} from './runningMeter.cases.ts'
import { openSoftwareMeter } from './softwareMeter.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const away = new SpbError('node/unreachable')
/** Energy of all receipts that the nodes keep, the highest of each CTP. */
const keptWh = ({ gateway }: RunningMeter): number => {
  const highest = new Map(gateway.kept.map(({ erc }) => [erc.ctpId, erc.deliveredWh]))
  return [...highest.values()].reduce((sum, energyWh) => sum + energyWh, 0)
}
const receipted = ({ gateway }: RunningMeter) => gateway.kept.map(({ erc }) => erc.deliveredWh)

/** A meter at work with one CTP of 1,000 Wh, whose register has shown 5,000 Wh. */
async function startBound(
  ...parts: Parameters<typeof runMeter> extends [unknown, ...infer R] ? R : never
) {
  const meter = await makeReadyMeter()
  const ctpId = bindCtp(meter)
  const running = runMeter(meter, ...parts)
  await running.read([0, 5_000])
  return { meter, ctpId, ...running }
}

describe('readings', () => {
  it('become receipts: at once, then once a minute, and at once when all came', async () => {
    const running = await startBound()
    await running.read([10, 5_100])
    expect(receipted(running)).toEqual([100])
    await running.pass(20)
    await running.read([30, 5_250])
    await running.pass(39)
    expect(receipted(running)).toEqual([100])
    await running.pass(1)
    expect(receipted(running)).toEqual([100, 250])
    await running.read([130, 6_500])
    expect(receipted(running)).toEqual([100, 250, 1000])
    expect(running.gateway.kept.at(-1)?.erc).toMatchObject({
      ctpId: running.ctpId,
      measuredAtSeconds: later(130),
    })
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0, droppedReadings: 0 })
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ acknowledgedWh: 1000 })
  })

  it('keep the next one of a file waiting until they are kept', async () => {
    const running = await startBound()
    let isTaken = false
    const taken = Promise.resolve(running.source.listener.onReading(readingAt(10, 5_100)))
    void taken.then(() => {
      isTaken = true
    })
    await Promise.resolve()
    expect(isTaken).toBe(false)
    await running.settle()
    expect(isTaken).toBe(true)
    expect(running.meter.state.register).toMatchObject({ importWh: 5_100 })
  })

  it('of which 10,000 come at once lose nothing: few are kept, the others counted', async () => {
    const meter = await makeReadyMeter()
    bindCtp(meter, { energyWh: wh(20_000), expirySeconds: later(4 * 3600) })
    const running = runMeter(meter, { paceSeconds: 0 })
    await running.read([0, 5_000])
    // A second apart: over more time than a gap that would be receipted.
    await running.read(
      ...Array.from({ length: 10_000 }, (_, at): [number, number] => [at + 1, 5_001 + at]),
    )
    expect(running.runner.status()).toMatchObject({
      droppedReadings: 10_000 - readingQueueLength,
      source: { lastReading: readingAt(10_000, 15_000) },
    })
    expect(receipted(running)).toEqual([10_000])
    expect(meter.state.incidents).toMatchObject({ counts: { baseline: 1 } })
  })

  it('that come every second are thinned, and lose nothing', async () => {
    const running = await startBound()
    const everySecond = Array.from({ length: 95 }, (_, at) => at + 1)
    await running.read(...everySecond.map((at): [number, number] => [at, 5_000 + at]))
    expect(running.runner.status()).toMatchObject({
      droppedReadings: 0,
      source: { lastReading: readingAt(95, 5_095) },
    })
    await running.runner.close()
    expect(running.meter.state.register).toMatchObject({ importWh: 5_095, countedWh: 95 })
  })

  it('that the source or the meter refuses are counted, and hold nothing up', async () => {
    const running = await startBound({ paceSeconds: 0 })
    running.source.listener.onRefused(new SpbError('source/bad-crc'))
    const absurd: MeterReading = { ...readingAt(5, 5_050), serial: 'x'.repeat(97) }
    running.source.listener.onReading(absurd)
    running.source.listener.onReading(readingAt(6, -1))
    await running.read([10, 5_100])
    expect(running.runner.status()).toMatchObject({
      refusedReadings: 3,
      lastRefusal: refusal('source/value'),
    })
    expect(running.runner.status().storeFailure).toBeUndefined()
    expect(receipted(running)).toEqual([100])
  })

  it('become stale with the cause that the source gives', async () => {
    const running = await startBound({ staleMs: 30_000 })
    const cause = new SpbError('source/lost')
    running.source.listener.onState({ kind: 'live' })
    await running.pass(30)
    expect(running.runner.status().source).toMatchObject({ isStale: false })
    running.source.listener.onState({ kind: 'waiting', cause, retryAtMs: 1 })
    await running.pass(1)
    expect(running.runner.status().source).toEqual({
      name: 'test',
      isStale: true,
      state: { kind: 'waiting', cause, retryAtMs: 1 },
      lastReading: readingAt(0, 5_000),
    })
    expect(running.log).toEqual([
      'info: The source is live.',
      `warn: The source is away: ${cause.message}`,
    ])
    running.source.listener.onState({ kind: 'live' })
    await running.read([60, 5_100])
    expect(running.runner.status().source).toMatchObject({ isStale: false })
  })

  it('are stale where none ever came, but not after the end of a file', async () => {
    const meter = await makeReadyMeter()
    const running = runMeter(meter, { staleMs: 30_000 })
    await running.pass(31)
    expect(running.runner.status().source).toMatchObject({
      isStale: true,
      state: { kind: 'connecting' },
    })
    running.source.listener.onState({ kind: 'ended' })
    expect(running.runner.status().source).toMatchObject({ isStale: false })
  })
})

describe('receipts', () => {
  it('wait while no node answers, and are sent later', async () => {
    const running = await startBound()
    running.gateway.refusal = away
    await running.read([10, 5_100])
    await running.pass(60)
    await running.read([60, 5_300])
    expect(running.gateway.kept).toEqual([])
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 1, receiptFailure: away })
    // Ever more rarely: at once, and after 1, 2, 4, 8, 16 and 32 seconds.
    expect(running.gateway.calls.sent).toBe(6)
    running.gateway.refusal = undefined
    await running.pass(64)
    expect(receipted(running)).toEqual([300])
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0 })
    expect(running.runner.status().receiptFailure).toBeUndefined()
  })

  it('survive the end of the process, also a sudden one: nothing lost, nothing twice', async () => {
    const memory: MeterMemory = {}
    const meter = await makeReadyMeter({}, openMeterMemory(memory))
    const [first, second] = [bindCtp(meter), bindCtp(meter)]
    const before = runMeter(meter)
    await before.read([0, 5_000], [60, 5_600])
    expect(keptWh(before)).toBe(600)
    before.gateway.refusal = away
    await before.read([120, 6_300])
    expect(keptWh(before)).toBe(600)

    memory.isHeld = false
    const after = runMeter(openSoftwareMeter(openMeterMemory(memory)))
    await after.pass(1)
    const kept = new Map(after.gateway.kept.map(({ erc }) => [erc.ctpId, erc.deliveredWh]))
    expect(kept).toEqual(
      new Map([
        [first, 1000],
        [second, 300],
      ]),
    )
    // What was read before the end comes again, with what came meanwhile.
    await after.read([120, 6_300], [300, 6_900])
    await after.pass(60)
    expect(keptWh(after)).toBe(1000 + 900)
    expect(after.runner.status()).toMatchObject({ receiptsWaiting: 0 })
  })

  it('say at the deadline what came of a partial delivery', async () => {
    const running = await startBound()
    await running.read([0, 5_001])
    await running.pass(3_560)
    await running.read([3_500, 5_400])
    expect(receipted(running)).toEqual([400])
    await running.pass(20)
    await running.read([3_590, 5_700])
    await running.pass(19)
    expect(receipted(running)).toEqual([400])
    await running.pass(1)
    expect(receipted(running)).toEqual([400, 700])
    // What comes after the deadline is no part of the trade.
    await running.read([3_610, 5_900])
    await running.pass(120)
    expect(receipted(running)).toEqual([400, 700])
  })

  it.each<ErrorCode>([
    ...(['erc/late', 'erc/closed', 'erc/wrong-key', 'erc/lower'] as const),
    ...(['erc/repeated', 'ctp/wrong-market'] as const),
  ])('that no node will ever take (%s) are given up, so that the meter can go on', async (code) => {
    const running = await startBound()
    running.gateway.refusal = away
    await running.read([60, 6_000])
    expect(() => bindCtp(running.meter)).toThrow(refusal('meter/unacknowledged'))
    running.gateway.refusal = new SpbError(code)
    await running.pass(1)
    expect(running.gateway.kept).toEqual([])
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0 })
    expect(running.log).toEqual(['warn: No node takes this receipt any more.'])
    expect(() => bindCtp(running.meter)).not.toThrow()
  })

  it('of a CTP that no node knows are sent until it can get no certificate any more', async () => {
    const running = await startBound({ unknownMs: 10 * 86_400_000 })
    running.gateway.refusal = new SpbError('erc/unknown-ctp')
    await running.read([10, 5_100])
    await running.pass(7_200)
    expect(running.runner.status()).toMatchObject({
      receiptsWaiting: 1,
      receiptFailure: refusal('erc/unknown-ctp'),
    })
    await running.pass(121)
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0 })
    expect(running.gateway.kept).toEqual([])
  })

  it('are forgotten with the CTP by a meter that no longer remembers it', async () => {
    const running = await startBound()
    running.gateway.refusal = away
    await running.read([10, 5_100])
    const muchLater = later(60 * 86_400)
    const witness = makeMeter(2, { notAfterSeconds: later(365 * 86_400) })
    const vouching = { ...witnessOf(witness) }
    vouching.certify = async (request) =>
      witness.certify(request, { standing, nowSeconds: muchLater })
    await running.meter.renew(market, vouching, renewal({ nowSeconds: muchLater }))
    expect(running.meter.bindingOf(running.ctpId)).toBeUndefined()
    await running.pass(2)
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0 })
    expect(running.gateway.calls.sent).toBe(1)
  })

  it('leave eight at a time', async () => {
    const meter = await makeReadyMeter({ treeHeight: 4 })
    for (let count = 0; count < 10; count++) bindCtp(meter, { energyWh: wh(100) })
    const running = runMeter(meter)
    const { gateway } = running
    const answers: (() => void)[] = []
    gateway.sendReceipt = () => new Promise((resolve) => answers.push(resolve))
    running.source.listener.onReading(readingAt(0, 5_000))
    running.source.listener.onReading(readingAt(60, 6_000))
    const settled = running.settle()
    expect(answers).toHaveLength(8)
    for (const answer of answers) answer()
    await settled
    const next = running.pass(1)
    expect(answers).toHaveLength(10)
    for (const answer of answers) answer()
    await next
    expect(running.runner.status()).toMatchObject({ receiptsWaiting: 0 })
  })
})

describe('a CTP that comes to nothing', () => {
  it.each(['declined', 'expired'] as const)('is %s, and takes no more energy', async (state) => {
    const running = await startBound()
    const next = bindCtp(running.meter)
    running.gateway.states.set(running.ctpId, state)
    await running.pass(1)
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ isReleased: true })
    await running.read([10, 5_000], [60, 5_400])
    expect(running.gateway.kept.map(({ erc }) => [erc.ctpId, erc.deliveredWh])).toEqual([
      [next, 400],
    ])
  })

  it.each([undefined, 'proposed'] as const)('is %s to the nodes for two minutes', async (state) => {
    const running = await startBound()
    running.gateway.states.set(running.ctpId, state)
    await running.pass(60)
    // Known for a moment: it counts from the beginning again.
    running.gateway.states.set(running.ctpId, 'held')
    await running.pass(15)
    running.gateway.states.set(running.ctpId, state)
    await running.pass(120)
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ isReleased: false })
    await running.pass(30)
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ isReleased: true })
    expect(running.log).toEqual(['info: The CTP takes no more energy.'])
  })

  it('is not one of which the nodes say nothing, since they are away', async () => {
    const running = await startBound()
    running.gateway.states.set(running.ctpId, away)
    await running.pass(600)
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ isReleased: false })
    expect(running.log).toEqual([])
  })

  it('is seen also behind one of which the node’s answer is not understood', async () => {
    const running = await startBound()
    const next = bindCtp(running.meter)
    running.gateway.states.set(running.ctpId, new SpbError('node/bad-answer'))
    running.gateway.states.set(next, 'declined')
    await running.pass(1)
    expect(running.meter.bindingOf(next)).toMatchObject({ isReleased: true })
    expect(running.log[0]).toBe('warn: What became of the CTP is not known.')
  })

  it('is asked after ever more rarely while it is certified', async () => {
    const running = await startBound()
    const askedAtSeconds: number[] = []
    running.gateway.stateOf = async () => {
      askedAtSeconds.push(running.clock.nowMs() / 1000 - now)
      return askedAtSeconds.length === 6 ? 'proposed' : 'held'
    }
    await running.pass(260)
    // As often as in the beginning when it is certified no more, as after a change of the chain.
    expect(askedAtSeconds).toEqual([1, 16, 46, 106, 226])
    await running.pass(130)
    expect(askedAtSeconds.slice(5)).toEqual([346, 361, 376])
  })

  it('is not asked after once it is full or past', async () => {
    const running = await startBound()
    const asked = () => running.gateway.calls.asked.length
    await running.pass(30)
    expect(asked()).toBe(2)
    await running.read([60, 6_000])
    await running.pass(60)
    expect(asked()).toBe(2)
    bindCtp(running.meter)
    await running.pass(3_600)
    const askedAtEnd = asked()
    expect(askedAtEnd).toBeGreaterThan(20)
    await running.pass(240)
    expect(asked()).toBe(askedAtEnd)
  })
})

describe('a storage that fails', () => {
  it('keeps readings waiting, says so once, and loses nothing', async () => {
    const frail = makeFrailStorage()
    const meter = await makeReadyMeter({}, frail.storage)
    bindCtp(meter, { energyWh: wh(100_000), expirySeconds: later(5 * 3600) })
    const running = runMeter(meter)
    await running.read([0, 5_000])
    frail.isBroken = true
    // Four hours, a reading a minute: more than wait, and longer than a gap may be.
    for (let minute = 1; minute <= 240; minute++) {
      await running.read([60 * minute, 5_000 + 10 * minute])
      await running.pass(60)
    }
    expect(running.runner.status()).toMatchObject({ storeFailure: refusal('store/failed') })
    expect(running.log).toEqual(['error: A reading cannot be kept.'])
    expect(running.gateway.kept).toEqual([])
    frail.isBroken = false
    await running.pass(1)
    expect(receipted(running)).toEqual([2_400])
    expect(running.runner.status().storeFailure).toBeUndefined()
  })

  it('lets no receipt out whose signing is not kept', async () => {
    const frail = makeFrailStorage()
    const meter = await makeReadyMeter({}, frail.storage)
    bindCtp(meter)
    const running = runMeter(meter)
    await running.read([0, 5_000])
    running.gateway.refusal = away
    await running.read([10, 5_100])
    await running.pass(1)
    running.gateway.refusal = undefined
    await running.read([20, 5_200])
    frail.isBroken = true
    await running.pass(2)
    expect(running.gateway.kept).toEqual([])
    expect(running.runner.status()).toMatchObject({
      receiptsWaiting: 1,
      receiptFailure: refusal('store/failed'),
    })
    frail.isBroken = false
    await running.pass(10)
    expect(receipted(running)).toEqual([200])
  })
})

describe('keys', () => {
  it('P6, P9: without a witness receipts go on, nothing is lost, it is tried again', async () => {
    const meter = await makeReadyMeter()
    const clock = makeClock()
    const relays: ReturnType<typeof makeTestRelay>[] = []
    const askedAtSeconds: number[] = []
    const running: RunningMeter = runMeter(
      meter,
      {},
      {
        async renew() {
          askedAtSeconds.push((running.clock.nowMs() - 1000 * now) / 1000)
          const randomBytes = ownerBytes(String(askedAtSeconds.length))
          const options = { ...renewal(), randomBytes, pause: patience }
          await renewFromAny(meter, market, relays, options)
        },
      },
    )
    for (let count = 0; count < 6; count++) bindCtp(meter, { energyWh: wh(100) })
    await running.pass(1)
    expect(running.runner.status().renewal).toEqual({ isNeeded: false, isRunning: false })
    // One of eight keys is left: less than a quarter.
    const last = bindCtp(meter, { energyWh: wh(100) })
    await running.pass(1)
    expect(running.runner.status().renewal).toEqual({
      isNeeded: true,
      isRunning: false,
      failure: refusal('meter/no-witness'),
    })
    await running.pass(1)
    await running.read([0, 5_000], [60, 5_700])
    expect(keptWh(running)).toBe(700)
    expect(running.gateway.kept.at(-1)?.erc.ctpId).toBe(last)
    await running.pass(220)
    expect(askedAtSeconds).toEqual([2, 32, 92, 212])
    expect(meter.keysLeft(later(3600))).toBe(1)

    const relay = makeTestRelay('north', clock)
    await serveWitness(makeMeter(2), [relay], clock)
    relays.push(relay)
    await running.pass(240)
    expect(running.runner.status().renewal).toEqual({ isNeeded: false, isRunning: false })
    expect(meter.keysLeft(later(3600))).toBe(9)
    await closeServices()
  })

  it('are renewed by a meter that measures nothing, too', async () => {
    let renewals = 0
    let tick = () => {}
    const scheduler: Scheduler = {
      defer: (task) => task(),
      every(_, task) {
        tick = task
        return () => {}
      },
    }
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const runner = new MeterRunner(
      {},
      {
        ...{ meter: makeMeter(1), gateway: makeTestGateway(), clock: makeClock(), scheduler, log },
        ...{ random: () => 1, renew: async () => void renewals++ },
      },
    )
    runner.start()
    tick()
    await runner.close()
    expect(renewals).toBe(1)
    expect(runner.status().source).toBeUndefined()
  })
})

describe('the end', () => {
  it('takes what was read, and keeps its receipt for the next run', async () => {
    const running = await startBound()
    running.source.atClose = () => running.source.listener.onReading(readingAt(20, 5_200))
    running.source.listener.onReading(readingAt(10, 5_100))
    await running.runner.close()
    expect(running.source.isClosed).toBe(true)
    expect(running.meter.state.register).toMatchObject({ importWh: 5_200 })
    expect(running.gateway.calls.sent).toBe(0)
    await running.pass(10)
    running.source.listener.onReading(readingAt(30, 5_300))
    await running.settle()
    expect(running.meter.state.register).toMatchObject({ importWh: 5_200 })
    expect(running.gateway.calls.sent).toBe(0)
    const next = runMeter(running.meter)
    await next.pass(1)
    expect(receipted(next)).toEqual([200])
  })

  it('waits for what is on its way, however often it is asked for', async () => {
    const running = await startBound()
    const answer = Promise.withResolvers<void>()
    running.gateway.sendReceipt = () => answer.promise
    const settling = running.read([10, 5_100])
    const ends = [running.runner.close(), running.runner.close()]
    let ended = 0
    for (const end of ends) void end.then(() => ended++)
    await new Promise((resolve) => setImmediate(resolve))
    expect(ended).toBe(0)
    answer.resolve()
    await Promise.all([settling, ...ends])
    expect(running.meter.bindingOf(running.ctpId)).toMatchObject({ acknowledgedWh: 100 })
  })

  it('asks after no further CTP', async () => {
    const running = await startBound()
    bindCtp(running.meter)
    const asked = Promise.withResolvers<void>()
    const answer = Promise.withResolvers<'held'>()
    let count = 0
    running.gateway.stateOf = () => {
      count++
      asked.resolve()
      return answer.promise
    }
    const passing = running.pass(1)
    await asked.promise
    const end = running.runner.close()
    await new Promise((resolve) => setImmediate(resolve))
    answer.resolve('held')
    await Promise.all([end, passing])
    expect(count).toBe(1)
  })

  it('comes also to a file whose reading cannot be kept', async () => {
    const frail = makeFrailStorage()
    const meter = await makeReadyMeter({}, frail.storage)
    const running = runMeter(meter)
    frail.isBroken = true
    const taken = running.source.listener.onReading(readingAt(0, 5_000))
    // As a file's replay: it ends when the reading that it told is taken.
    running.source.atClose = () => taken
    await running.settle()
    await running.runner.close()
    expect(running.source.isClosed).toBe(true)
    expect(running.runner.status().storeFailure).toEqual(refusal('store/failed'))
  })
})
