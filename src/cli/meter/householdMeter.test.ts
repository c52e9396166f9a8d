import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createLocalWitness } from '../../meter/localWitness.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import { addressOf } from '../../protocol/signature.ts'
import { standingOf } from '../../protocol/standing.ts'
import { maxUint40, seconds, wei, wh } from '../../protocol/units.ts'
import { dataFolderOf, writeJsonFile } from '../dataFolder.ts'
import {
  createMeter,
  makeStreetMeters,
  manufacturerOf,
  openMeter,
  openStreetMeters,
  runPathOf,
} from '../meterFolder.ts'
import { createTestCli, testNowMs } from '../testCli.cases.ts'
import { describeMeterBriefly, findRunningMeter, openHouseholdMeter } from './householdMeter.ts'
import { type MeterAgent, type MeterCallHandlers, startMeterAgent } from './meterAgent.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const folder = dataFolderOf(createTestCli(), {})
const runPath = runPathOf(folder, 'alice')
const now = seconds(testNowMs / 1000)
const expirySeconds = seconds(now + 3600)
const market = { chainId: 31_337, address: `0x${'5b'.repeat(20)}` } as const
const consumer = addressOf(new Uint8Array(32).fill(1))
const producer = addressOf(new Uint8Array(32).fill(2))
const ending: (() => unknown)[] = []

beforeAll(async () => {
  makeStreetMeters(folder, now)
  const endsSeconds = seconds(maxUint40)
  const manufacturers = [{ manufacturer: manufacturerOf(folder)!, endsSeconds }]
  const standing = standingOf({ manufacturers, revokedMeters: [] })
  const neighbours = openStreetMeters(folder)
  const witness = createLocalWitness(neighbours[0]!, { standing, nowSeconds: () => now })
  const meter = createMeter(folder, 'alice', now)
  await meter.renew(market, witness, { nowSeconds: now, standing })
  for (const each of [meter, ...neighbours]) each.close()
})

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) await end()
})

const unused = () => {
  throw new Error('not asked here')
}

/** Serves a meter as its running process does. */
async function serve(meter: SoftwareMeter, path = runPath): Promise<MeterAgent> {
  const handlers: MeterCallHandlers = {
    describe: (question) => describeMeterBriefly(meter, question),
    takeKey(question) {
      const { meterKey } = meter.takeKey(question.expirySeconds, question.consumer)
      return { meterKey, keysLeft: meter.keysLeft(question.expirySeconds) }
    },
    bind: (asked) => meter.bind(asked.ctp, asked.consumer, asked.market),
    receipt: (asked) => meter.receipt(asked.ctpId, asked.deliveredWh, asked.measuredAtSeconds),
    acknowledge(asked) {
      meter.acknowledge(asked.ctpId, asked.deliveredWh)
      return {}
    },
    release(asked) {
      meter.release(asked.ctpId)
      return {}
    },
    ...{ renew: unused, status: unused },
  }
  const agent = await startMeterAgent(path, handlers)
  ending.push(() => agent.close())
  return agent
}

/** Opens the meter as a running process does, and serves it. */
async function run(): Promise<SoftwareMeter> {
  const meter = openMeter(folder, 'alice')
  ending.push(() => meter.close())
  await serve(meter)
  return meter
}

/** A whole trade as one command after another does it; what the meter signed. */
async function trade(nonce: number) {
  const meter = await openHouseholdMeter(folder, 'alice')
  try {
    const { keysLeft } = await meter.describe(expirySeconds)
    const taken = await meter.takeKey(expirySeconds, consumer)
    expect(taken.keysLeft).toBe(keysLeft - 1)
    const ctp = {
      ...{ producer, offerId: 2n ** 64n - 1n, amountWei: wei(2n ** 96n - 1n), energyWh: wh(1000) },
      ...{ nonce, expirySeconds, meterKey: taken.meterKey },
    }
    const ready = await meter.bind(ctp, consumer, market)
    return { ctp, ready, meterKey: taken.meterKey }
  } finally {
    meter.close()
  }
}

describe('a household’s meter', () => {
  it('is asked where it runs, with the same answers as out of its file', async () => {
    const own = await trade(0)
    expect(own.ready.evidence.path.index).toBe(0)
    const running = await run()
    const other = await trade(1)
    expect(other.ready.evidence.path.index).toBe(1)
    expect(other.ready).toEqual(running.bind(other.ctp, consumer, market))

    const meter = await openHouseholdMeter(folder, 'alice')
    const { ctpId } = running.state.trees[0]!.bindings[0]!
    const { erc } = await meter.receipt(ctpId, wh(300), now)
    expect(erc).toEqual({ ctpId, deliveredWh: 300, measuredAtSeconds: now })
    const late = meter.takeKey(expirySeconds, consumer)
    await expect(late).rejects.toMatchObject({
      ...{ code: 'meter/unacknowledged', meta: { ctpId, receiptedWh: 300, acknowledgedWh: 0 } },
    })
    await meter.acknowledge(ctpId, wh(300))
    await meter.release(ctpId)
    expect(running.bindingOf(ctpId)).toMatchObject({ acknowledgedWh: 300, isReleased: true })
  })

  it.each([false, true])('refuses with the same codes, running: %s', async (isRunning) => {
    if (isRunning) await run()
    const meter = await openHouseholdMeter(folder, 'alice')
    ending.push(() => meter.close())
    const [unknownCtp, farExpiry] = [`0x${'00'.repeat(32)}` as const, seconds(now + 86_400 * 300)]
    await expect(meter.release(unknownCtp)).rejects.toEqual(refusal('erc/unknown-ctp'))
    await expect(meter.takeKey(farExpiry, consumer)).rejects.toEqual(refusal('meter/coe-expired'))
    const otherAccount = meter.takeKey(expirySeconds, producer)
    await expect(otherAccount).rejects.toEqual(refusal('meter/other-account'))
    expect((await meter.describe(expirySeconds, producer)).keysLeft).toBe(0)
    expect((await meter.describe(expirySeconds)).keysLeft).toBeGreaterThan(0)
    const lower = meter.receipt(unknownCtp, wh(0), now)
    await expect(lower).rejects.toEqual(refusal('erc/zero'))
  })

  it('is opened out of its file where the process that ran it ended suddenly', async () => {
    const agent = await serve(openAndForget())
    await agent.close()
    writeJsonFile(runPath, { url: agent.url.replace('//', '//meter:f00d@'), processId: 1 })
    expect(await findRunningMeter(folder, 'alice')).toBeUndefined()
    await trade(2)
  })

  it('is not mistaken for another program that has its port now', async () => {
    const page = createServer((_, response) => response.end('<html>'))
    const port = await listen(page)
    for (const url of [`http://meter:f00d@127.0.0.1:${port}`, await urlOfOtherMeter()]) {
      writeJsonFile(runPath, { url, processId: 1 })
      expect(await findRunningMeter(folder, 'alice')).toBeUndefined()
    }
    await trade(3)
  })

  it.each<[string, object, string]>([
    ['no address', { processId: 1 }, 'input/shape'],
    ['an address that is none', { url: 7, processId: 1 }, 'input/shape'],
    ['an address of another kind', { url: 'file:///etc', processId: 1 }, 'input/option'],
  ])('says so where the file of the running meter has %s', async (_name, content, code) => {
    writeJsonFile(runPath, content)
    await expect(openHouseholdMeter(folder, 'alice')).rejects.toEqual(refusal(code))
  })
})

function openAndForget(): SoftwareMeter {
  const meter = openMeter(folder, 'alice')
  meter.close()
  return meter
}

async function listen(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  ending.push(() => new Promise((resolve) => server.close(resolve)))
  return (server.address() as AddressInfo).port
}

/** Another household's meter answers there, and has another password. */
async function urlOfOtherMeter(): Promise<string> {
  const agent = await serve(openAndForget(), runPathOf(folder, 'bob'))
  return agent.url.replace('//', '//meter:f00d@')
}
