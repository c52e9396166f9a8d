import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterGateway } from '../ports/meterGateway.ts'
import type { MeterReading } from '../ports/meterReading.ts'
import type { MeterStorage } from '../ports/meterStorage.ts'
import type { Scheduler } from '../ports/scheduler.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { CtpState } from '../protocol/views.ts'
import { MeterRunner, type MeterRunnerOptions, type MeterRunnerParts } from './meterRunner.ts'
import { consumer, later, makeCtp, market } from './neighbourhood.cases.ts'
import { makeClock, type TestClock } from './relays.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import type { ReadingSource, SourceListener } from './sources/readingSource.ts'

/** Nodes that keep receipts in memory; a test makes them fail. */
export type TestGateway = MeterGateway & {
  /** Each receipt that was kept, in order. */
  kept: SignedErc[]
  /** How often a receipt came, and how often a CTP was asked after. */
  calls: { sent: number; asked: Bytes32[] }
  /** Thrown for every receipt while it is there. */
  refusal: SpbError | undefined
  /** The state of CTPs; `held` where nothing else is said, unknown where it says undefined. */
  states: Map<Bytes32, CtpState | undefined | SpbError>
}

/** Makes a gateway that takes everything. */
export function makeTestGateway(): TestGateway {
  const gateway: TestGateway = {
    kept: [],
    calls: { sent: 0, asked: [] },
    refusal: undefined,
    states: new Map(),
    async sendReceipt(signed) {
      gateway.calls.sent++
      if (gateway.refusal !== undefined) throw gateway.refusal
      gateway.kept.push(signed)
    },
    async stateOf(ctpId) {
      gateway.calls.asked.push(ctpId)
      const state = gateway.states.has(ctpId) ? gateway.states.get(ctpId) : 'held'
      if (state instanceof SpbError) throw state
      return state
    },
  }
  return gateway
}

/** A source whose readings a test tells; closed, it first tells what `atClose` does. */
export type TestSource = ReadingSource & {
  listener: SourceListener
  atClose: () => unknown
  isClosed: boolean
}

/** Makes a source that says nothing by itself. */
export function makeTestSource(): TestSource {
  const source: TestSource = {
    name: 'test',
    isClosed: false,
    atClose: () => undefined,
    listener: { onReading: () => undefined, onRefused: () => undefined, onState: () => undefined },
    start(listener) {
      source.listener = listener
    },
    async close() {
      await source.atClose()
      source.isClosed = true
    },
  }
  return source
}

/** A storage that fails while `isBroken`. */
export function makeFrailStorage(memory: Parameters<typeof openMeterMemory>[0] = {}): {
  storage: MeterStorage
  isBroken: boolean
} {
  const inner = openMeterMemory(memory)
  const frail = {
    isBroken: false,
    storage: {
      ...inner,
      save(state: Parameters<MeterStorage['save']>[0]) {
        if (frail.isBroken) throw new SpbError('store/failed')
        inner.save(state)
      },
    },
  }
  return frail
}

/** A meter at work, of which a test moves clock, source and nodes. */
export type RunningMeter = {
  runner: MeterRunner
  clock: TestClock
  gateway: TestGateway
  source: TestSource
  /** Each line of the log: level and text. */
  log: string[]
  /** Tells readings, each so many seconds after the begin, and lets the meter take them. */
  read(...readings: [seconds: number, importWh: number][]): Promise<void>
  /** Lets so many seconds go by. */
  pass(seconds: number): Promise<void>
  /** Runs what was put off until now, and waits for what is on its way. */
  settle(): Promise<void>
}

/** The reading of so many seconds after the begin. */
export const readingAt = (afterSeconds: number, importWh: number): MeterReading => ({
  timeSeconds: later(afterSeconds),
  importWh,
})

/** Starts a meter's runner over a fake source, gateway, clock and scheduler. */
export function runMeter(
  meter: SoftwareMeter,
  options: MeterRunnerOptions = {},
  parts: Partial<MeterRunnerParts> = {},
): RunningMeter {
  const [clock, gateway, source] = [makeClock(), makeTestGateway(), makeTestSource()]
  const log: string[] = []
  const say = (level: string) => (_: object, text: string) => void log.push(`${level}: ${text}`)
  let deferred: (() => void)[] = []
  let ticks: (() => void)[] = []
  const scheduler: Scheduler = {
    defer: (task) => void deferred.push(task),
    every(_, task) {
      ticks.push(task)
      return () => {
        ticks = ticks.filter((each) => each !== task)
      }
    },
  }
  const runner = new MeterRunner(options, {
    ...{ meter, gateway, clock, scheduler, source, random: () => 1 },
    log: { info: say('info'), warn: say('warn'), error: say('error') },
    ...parts,
  })
  const settle = async () => {
    const now = deferred
    deferred = []
    for (const task of now) task()
    await runner.idle()
  }
  runner.start()
  return {
    ...{ runner, clock, gateway, source, log, settle },
    async read(...readings) {
      for (const [seconds, importWh] of readings) {
        source.listener.onReading(readingAt(seconds, importWh))
      }
      await settle()
    },
    async pass(seconds) {
      for (let second = 0; second < seconds; second++) {
        clock.add(1000)
        for (const tick of ticks) tick()
        await settle()
      }
    },
  }
}

/** Binds a fresh key to a CTP of 1,000 Wh that ends in an hour, or to one with changes. */
export function bindCtp(meter: SoftwareMeter, changes: Partial<Ctp> = {}): Bytes32 {
  const { meterKey } = meter.takeKey(changes.expirySeconds ?? later(3600))
  const ctp = makeCtp(meterKey, changes)
  meter.bind(ctp, consumer, market)
  return ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
}
