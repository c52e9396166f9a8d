import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { MeterRunner } from '../src/meter/meterRunner.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'
import { CpuTime } from './cpuTime.ts'
import {
  makeStreet,
  type StreetMeter,
  streetConsumer,
  streetMarket,
  streetProducer,
  streetStartSeconds,
} from './meterStreet.ts'
import type { NodeCallCosts } from './nodeCalls.ts'
import type { Figures } from './report.ts'

/** What else a meter costs than what is played here. */
export type OtherCosts = NodeCallCosts & {
  /** Processor seconds of a new tree with its CoE, the witness's and the node's part included. */
  treeSeconds: number
}

/** A street, for how long it is played, and what it stands for. */
type Play = { meters: number; onDisk: number; pastCtps: number; intervals: number }

/** Processor seconds of one meter in one interval, by what they went into. */
type Shares = Record<'ticks' | 'saves' | 'nodeCalls' | 'trees' | 'rest', number>

const intervalSeconds = 900
const meters = 1_000
/** A CTP a quarter of an hour, for a day; and for as long as a meter remembers them. */
const dayOfCtps = 96
const mostCtps = 37 * dayOfCtps
const energyWh = wh(250)
/** What the register rises by: every second CTP is full in its own interval. */
const risesWh = [300, 200]
/** A tree is renewed when a quarter of its 256 keys is left. */
const keysOfTree = 192

/** Time that is played, and what is due in it. */
class PlayedTime {
  nowMs = streetStartSeconds * 1000
  readonly ticks: (() => void)[] = []
  readonly #deferred: (() => void)[] = []

  readonly scheduler = {
    defer: (task: () => void) => void this.#deferred.push(task),
    every: (_: number, task: () => void) => {
      this.ticks.push(task)
      return () => undefined
    },
  }

  runDeferred(): void {
    for (const task of this.#deferred.splice(0)) task()
  }
}

/** Lets promises go on that nothing outside holds up. */
const turn = () => new Promise((resolve) => setImmediate(resolve))

class PlayedStreet {
  readonly cpu = { ticks: new CpuTime(), rest: new CpuTime() }
  readonly calls = { states: 0, receipts: 0 }
  readonly #street: readonly StreetMeter[]
  readonly #time = new PlayedTime()
  readonly #runners: MeterRunner[]
  #importWh = 1_000_000
  #interval = 0

  constructor(street: readonly StreetMeter[]) {
    this.#street = street
    const log = { info: () => {}, warn: () => {}, error: () => {} }
    const gateway = {
      sendReceipt: async () => void this.calls.receipts++,
      stateOf: async () => {
        this.calls.states++
        return 'held' as const
      },
    }
    this.#runners = street.map(({ meter, source }) => {
      const { scheduler } = this.#time
      const clock = { nowMs: () => this.#time.nowMs }
      const parts = { meter, source, gateway, scheduler, clock, log }
      return new MeterRunner({}, { ...parts, random: Math.random, renew: async () => undefined })
    })
    for (const runner of this.#runners) runner.start()
  }

  /** All meters show their registers; the first time it is where they begin to count. */
  async read(): Promise<void> {
    const timeSeconds = seconds(Math.floor(this.#time.nowMs / 1000))
    const importWh = this.#importWh
    for (const each of this.#street) each.show({ timeSeconds, importWh })
    await this.cpu.rest.countAsync(async () => {
      for (const each of this.#street) each.deliver()
      this.#time.runDeferred()
      await Promise.all(this.#runners.map((runner) => runner.idle()))
    })
  }

  /** An interval: a CTP, 900 seconds, a reading, its receipts. */
  async play(): Promise<void> {
    this.cpu.rest.count(() => {
      for (const each of this.#street) this.#bind(each)
    })
    await this.cpu.ticks.countAsync(async () => {
      for (let second = 0; second < intervalSeconds; second++) {
        this.#time.nowMs += 1000
        for (const tick of this.#time.ticks) tick()
        await turn()
      }
    })
    this.#importWh += risesWh[this.#interval++ % risesWh.length]!
    await this.read()
  }

  async close(): Promise<void> {
    for (const runner of this.#runners) await runner.close()
    for (const { meter } of this.#street) meter.close()
  }

  #bind({ meter }: StreetMeter): void {
    const expirySeconds = seconds(Math.floor(this.#time.nowMs / 1000) + 3 * intervalSeconds)
    const { meterKey } = meter.takeKey(expirySeconds, streetConsumer)
    const terms = { producer: streetProducer, offerId: 1n, amountWei: wei(10n ** 15n), energyWh }
    const ctp = { ...terms, nonce: this.#interval, expirySeconds, meterKey }
    meter.bind(ctp, streetConsumer, streetMarket)
  }
}

async function playStreet(play: Play, folder: string, costs: OtherCosts): Promise<Shares> {
  const saves = new CpuTime()
  const street = new PlayedStreet(await makeStreet({ ...play, folder, saves }))
  try {
    // The first readings, and an interval that warms the compiler up.
    await street.read()
    await street.play()
    const before = {
      ...{ ticks: street.cpu.ticks.seconds, rest: street.cpu.rest.seconds, saves: saves.seconds },
      ...street.calls,
    }
    for (let interval = 0; interval < play.intervals; interval++) await street.play()
    const played = play.meters * play.intervals
    const savesSeconds = saves.seconds - before.saves
    const { states, receipts } = street.calls
    const callSeconds =
      (states - before.states) * costs.stateSeconds +
      (receipts - before.receipts) * costs.receiptSeconds
    return {
      ticks: (street.cpu.ticks.seconds - before.ticks) / played,
      // Those in memory save nothing: what is measured is of those on disk.
      saves: savesSeconds / (play.onDisk * play.intervals),
      nodeCalls: callSeconds / played,
      trees: costs.treeSeconds / keysOfTree,
      rest: (street.cpu.rest.seconds - before.rest - savesSeconds) / played,
    }
  } finally {
    await street.close()
  }
}

/** Percent of a core that a thousand such meters take. */
const percentOf = (meterSeconds: number) => (100 * meters * meterSeconds) / intervalSeconds
const sumOf = (shares: Shares) => Object.values(shares).reduce((sum, each) => sum + each, 0)

/** What a thousand meters with intervals of 15 minutes take of a core. */
export async function measureThousandMeters(
  costs: OtherCosts,
  progress: (message: string) => void,
): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  try {
    progress('a thousand meters after a day')
    const day = { meters, onDisk: 100, pastCtps: dayOfCtps, intervals: 2 }
    const shares = await playStreet(day, join(folder, 'day'), costs)
    progress('meters after five weeks')
    const old = { meters: 10, onDisk: 10, pastCtps: mostCtps, intervals: 2 }
    const oldShares = await playStreet(old, join(folder, 'old'), costs)
    return {
      thousandMetersCpuSharePercent: percentOf(sumOf(shares)),
      thousandMetersTicksPercent: percentOf(shares.ticks),
      thousandMetersSavesPercent: percentOf(shares.saves),
      thousandMetersNodeCallsPercent: percentOf(shares.nodeCalls),
      thousandMetersTreesPercent: percentOf(shares.trees),
      thousandMetersRestPercent: percentOf(shares.rest),
      thousandOldMetersCpuSharePercent: percentOf(sumOf(oldShares)),
      thousandOldMetersSavesPercent: percentOf(oldShares.saves),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
