import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { MeterRunner } from '../../meter/meterRunner.ts'
import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import { openSource } from '../../meter/sources/sourceRegistry.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { createClosingStack } from '../up/closingStack.ts'
import { createDemoTimers, type DemoTimers } from './demoTimers.ts'
import type { DemoWorld } from './demoWorld.ts'
import {
  deviceKinds,
  type MeterDevice,
  type Metering,
  type RegisterCourse,
  startMeterDevice,
} from './meterDevice.ts'
import type { StreetHome } from './street.ts'

/** A street whose meters measure by themselves. */
export type MeteredStreet = {
  /** All meters read their registers as of a time, and the node keeps their receipts. */
  readAll(timeSeconds: Seconds): Promise<void>
  close(): Promise<void>
}

type MeteredHome = {
  course: RegisterCourse
  device: MeterDevice
  runner: MeterRunner
  name: string
}

/** Registers of meters that are not new: the protocols take 0 for "not counted". */
const firstImportWh = 1_000_000
/** A device of the demonstration's own that is silent for so long is broken. */
const longestReadMs = 20_000
const silentLog = { info: () => {}, warn: () => {}, error: () => {} }

/** What a home's meter shows: all that it takes from the grid, traded or not. */
function courseOf(home: StreetHome, { startSeconds, stepSeconds }: ProfileSet): RegisterCourse {
  const { surplusWh, index } = home
  const timesSeconds = [startSeconds as number]
  const importWh = [firstImportWh + 1000 * index]
  for (const [step, energyWh] of surplusWh.entries()) {
    timesSeconds.push(startSeconds + (step + 1) * stepSeconds)
    importWh.push(importWh[step]! + Math.max(0, -energyWh))
  }
  return { timesSeconds, importWh }
}

function createRunner(
  world: DemoWorld,
  home: StreetHome,
  spec: string,
  timers: DemoTimers,
  stepSeconds: number,
): MeterRunner {
  const { nowMs, setTimer } = timers
  const { service } = world
  const environment = { nowMs, setTimer, random: () => 0, env: {}, cwd: '/' }
  return new MeterRunner(
    { rules: { longestGapSeconds: 2 * stepSeconds }, outbox: { everyMs: 0 } },
    {
      ...{ meter: home.meter, source: openSource(spec, environment), log: silentLog },
      ...{ clock: { nowMs }, random: () => 0 },
      scheduler: { defer: (task) => void setImmediate(task), every: () => () => undefined },
      gateway: {
        sendReceipt: async (signed) => void (await service.submitErc(signed)),
        stateOf: async (ctpId) => service.ctp(ctpId).state,
      },
    },
  )
}

async function waitForReading({ runner, name }: MeteredHome, timeSeconds: Seconds): Promise<void> {
  const endMs = performance.now() + longestReadMs
  for (;;) {
    const { source } = runner.status()
    if ((source?.lastReading?.timeSeconds ?? 0) >= timeSeconds) return
    if (performance.now() > endMs) {
      const { state } = source ?? {}
      const cause = state?.kind === 'waiting' ? state.cause : undefined
      throw new SpbError('source/silent', `The meter of ${name} cannot be read.`, { cause })
    }
    await delay(1)
  }
}

async function deliver({ runner, name }: MeteredHome): Promise<void> {
  for (;;) {
    runner.tick()
    await runner.idle()
    const { receiptsWaiting, receiptFailure } = runner.status()
    if (receiptsWaiting === 0) return
    if (receiptFailure !== undefined) {
      const { code, message } = receiptFailure
      throw new SpbError(code, `A receipt of ${name}: ${message}`, { cause: receiptFailure })
    }
  }
}

async function readHome(home: MeteredHome, timeSeconds: Seconds): Promise<void> {
  await waitForReading(home, timeSeconds)
  await deliver(home)
}

/**
 * Has the homes' meters read their registers from devices that speak real protocols on loopback,
 * or from files. Throws what devices and sources throw; nothing is left running then.
 */
export async function openMeteredStreet(
  world: DemoWorld,
  homes: readonly StreetHome[],
  profiles: ProfileSet,
  metering: Metering,
): Promise<MeteredStreet> {
  const timers = createDemoTimers(profiles.startSeconds * 1000)
  const stack = createClosingStack()
  const folder = mkdtempSync(join(tmpdir(), 'spb-demo-'))
  stack.push(() => rmSync(folder, { recursive: true, force: true }))
  const metered: MeteredHome[] = []
  try {
    for (const home of homes) {
      const { index, name } = home
      const kind = metering === 'csv' ? 'csv' : deviceKinds[index % deviceKinds.length]!
      const course = courseOf(home, profiles)
      const device = await startMeterDevice(kind, { folder, index, course })
      stack.push(() => device.close())
      const runner = createRunner(world, home, device.spec, timers, profiles.stepSeconds)
      stack.push(() => runner.close())
      metered.push({ course, device, runner, name })
    }
    await showRegisters(metered, seconds(profiles.startSeconds))
    for (const { runner } of metered) runner.start()
  } catch (error) {
    await stack.close()
    throw error
  }
  return {
    async readAll(timeSeconds) {
      await showRegisters(metered, timeSeconds)
      timers.advance(timeSeconds * 1000)
      // One after the other: what each step pays must not hang on whose answer came first.
      for (const home of metered) await readHome(home, timeSeconds)
    },
    close: () => stack.close(),
  }
}

async function showRegisters(homes: readonly MeteredHome[], timeSeconds: Seconds): Promise<void> {
  for (const { course, device } of homes) {
    const at = course.timesSeconds.indexOf(timeSeconds)
    await device.set({ importWh: course.importWh[at]!, exportWh: 0, timeSeconds })
  }
}
