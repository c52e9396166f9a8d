import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type P1Server, startP1Server } from '../../src/simulator/devices/p1Server.ts'
import {
  boundMs,
  type Json,
  type LongCommand,
  openCommandLine,
  until,
} from '../support/commandLine.ts'

const commands = openCommandLine('meter-run')
const { spb, fail } = commands
let node: LongCommand
let meter: LongCommand
let device: P1Server
let importWh = 5_000_000
let timeSeconds = 0

/** The household's register rises; telegrams are a second apart, as on a real P1 port. */
async function take(energyWh: number): Promise<void> {
  importWh += energyWh
  timeSeconds = Math.max(timeSeconds + 1, Math.floor(Date.now() / 1000))
  await device.set({ importWh, exportWh: 0, timeSeconds })
}

/** Waits until the meter has kept a register of so much. */
async function untilRead(): Promise<Json> {
  const running = (shown: Json) => (shown.running as Json | null)?.importWh === importWh
  return await until(() => spb('meter show alice'), running)
}

const runMeter = () =>
  commands.startLong(`meter run alice --source ${device.spec} --highest-power 100000000`)

beforeAll(async () => {
  node = await commands.startLong('up --port 0')
  device = await startP1Server()
  for (const text of ['account new bob', 'account fund bob 1', 'energy open bob']) await spb(text)
  await spb('energy add bob 10kWh --price 0.0002')
  for (const text of ['account new alice', 'account fund alice 10']) await spb(text)
  await spb('account deposit alice 5')
}, boundMs)

afterAll(async () => {
  await meter?.stop()
  await node?.stop()
  await device?.close()
  commands.close()
}, boundMs)

describe('a meter that measures', { timeout: boundMs }, () => {
  it('gets its keys witnessed by a meter of the street, through the node', async () => {
    const made = await spb('meter new alice')
    expect(made).toMatchObject({ keysLeft: 256 })
    const [tree] = made.trees as Json[]
    expect(tree?.witness).not.toBe(made.meter)
  })

  it('serves its household while it runs', async () => {
    await take(0)
    meter = await runMeter()
    await untilRead()
    const ctp = await spb('ctp bob 0.0002 1kWh --expiry 1h')
    expect(ctp).toMatchObject({ number: 1, state: 'held', meterKeysLeft: 255 })
    expect(await fail('erc 1 500')).toEqual([3, 'meter/measured'])
  })

  it('turns readings into receipts, which settle (P3)', async () => {
    await take(400)
    await until(
      () => spb('trade 1'),
      (trade) => trade.deliveredWh === 400,
    )
    await take(700)
    const trade = await until(
      () => spb('trade 1'),
      (found) => found.state === 'settled',
    )
    // 1,100 Wh came; 1,000 were bought.
    expect(trade).toMatchObject({ deliveredWh: 1000, paymentWei: '200000000000000' })
  })

  it('counts each Wh once over kill -9, and loses none', async () => {
    await spb('ctp bob 0.0004 2kWh --expiry 1h')
    await take(300)
    await untilRead()
    await meter.kill()
    // What comes while nobody reads is in the register.
    await take(500)
    meter = await runMeter()
    await untilRead()
    const shown = await spb('meter show alice')
    expect(shown).toMatchObject({ register: { importWh } })
    await take(1)
    await untilRead()
    await meter.stop()
    const { register, incidents } = await spb('meter show alice')
    expect(register).toMatchObject({ countedWh: 400 + 700 + 300 + 500 + 1 })
    expect(incidents).toMatchObject({ counts: { baseline: 1 } })
  })

  it('keeps receipts while no node runs, and sends them later', async () => {
    await node.stop()
    meter = await runMeter()
    await take(1199)
    await untilRead()
    const waiting = await until(
      () => spb('meter show alice'),
      ({ running }) => (running as Json).receiptFailure !== undefined,
    )
    expect(waiting.running).toMatchObject({ receiptsWaiting: 1 })
    node = await commands.startLong('up --port 0')
    const trade = await until(
      () => spb('trade 2'),
      (found) => found.state === 'settled',
    )
    expect(trade).toMatchObject({ deliveredWh: 2000 })
  })

  it('says why its source is away, and comes back', async () => {
    const { port } = device
    await device.close()
    const away = await until(
      () => spb('meter show alice'),
      ({ running }) => (running as Json).sourceState === 'waiting',
    )
    const { sourceFailure } = away.running as { sourceFailure: string }
    expect(sourceFailure).toContain(String(port))
    expect(sourceFailure).toMatch(/source\/(lost|unreachable)/)
  })
})
