import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { systemClock } from '../src/adapters/clock/systemClock.ts'
import { createMeterFile } from '../src/adapters/meter/meterFile.ts'
import { createMemoryStore } from '../src/adapters/storage/memoryStore.ts'
import { createApiServer } from '../src/api/apiServer.ts'
import { renewFromAny } from '../src/meter/findCoe.ts'
import { createManufacturer } from '../src/meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../src/meter/manufactureSoftwareMeter.ts'
import type { SoftwareMeter } from '../src/meter/softwareMeter.ts'
import { startWitnessService } from '../src/meter/witnessService.ts'
import { composeNode } from '../src/node/compose.ts'
import { verifyCoe } from '../src/protocol/meterEvidence.ts'
import { checkStanding, standingOf } from '../src/protocol/standing.ts'
import { seconds } from '../src/protocol/units.ts'
import { createNodeClient } from '../src/sdk/nodeClient.ts'
import { createWitnessClient } from '../src/sdk/witnessClient.ts'
import { CpuTime, quantile } from './cpuTime.ts'
import type { Figures } from './report.ts'
import { benchFacts, benchOptions, createRichChain, keyOf, memberKey } from './world.ts'

const warmUpRounds = 10
const rounds = 100
/** Trees of one meter make its file longer: they are shared out over a few. */
const ownerCount = 10
const market = { chainId: benchFacts.chainId, address: benchFacts.address }
const manufacturer = createManufacturer(keyOf('manufacturer'))
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const takeBytes = (length: number) => Uint8Array.from(randomBytes(length))
const nowSeconds = () => seconds(Math.floor(Date.now() / 1000))
/** What the benchmark asks for is more than one meter or witness does in a day. */
const limits = { signedPerOwner: 1_000, signedPerHour: 1_000, openedPerMinute: 100_000 }

function makeMeter(folder: string, name: string): SoftwareMeter {
  const storage = createMeterFile(join(folder, `${name}.json`), 'password')
  const notAfterSeconds = seconds(nowSeconds() + 365 * 86_400)
  const options = { name, seed: takeBytes(32), manufacturer, notAfterSeconds }
  return manufactureSoftwareMeter(options, storage)
}

/** A node with its HTTP server. */
async function startNode() {
  const chain = createRichChain(0)
  const node = await composeNode(
    { facts: benchFacts, memberKey, ...benchOptions },
    {
      ...{ store: createMemoryStore(), chain, log: quiet },
      clock: { nowMs: () => chain.timeSeconds * 1000 },
    },
  )
  const server = createApiServer({ node: node.service, port: 0 })
  await server.listen()
  return {
    url: server.url,
    async close() {
      await server.close()
      await node.close()
    },
  }
}

function startWitness(meter: SoftwareMeter, url: string) {
  const client = createNodeClient({ url })
  return startWitnessService({
    ...{ meter, market, relays: [createWitnessClient({ url })], clock: systemClock, limits },
    ...{ randomBytes: takeBytes, readStanding: async () => standingOf(await client.market()) },
  })
}

/** All that `spb meter renew` does, from whom the market trusts to a CoE that is kept. */
async function renew(owner: SoftwareMeter, url: string): Promise<void> {
  const standing = standingOf(await createNodeClient({ url }).market())
  const options = { nowSeconds: nowSeconds(), standing, randomBytes: takeBytes }
  const signed = await renewFromAny(owner, market, [createWitnessClient({ url })], options)
  checkStanding(standing, verifyCoe(market, signed), signed.coe.notAfterSeconds)
}

async function untilListed(url: string): Promise<void> {
  const client = createWitnessClient({ url })
  while ((await client.list()).length === 0) await delay(10)
}

async function measureRounds(owners: readonly SoftwareMeter[], url: string): Promise<Figures> {
  const tookMs: number[] = []
  const cpu = new CpuTime()
  for (let round = -warmUpRounds; round < rounds; round++) {
    const owner = owners[(round + warmUpRounds) % owners.length]!
    const work = () => renew(owner, url)
    const startMs = performance.now()
    await (round < 0 ? work() : cpu.countAsync(work))
    if (round >= 0) tookMs.push(performance.now() - startMs)
  }
  return {
    treeToCoeP50Ms: quantile(tookMs, 0.5),
    treeToCoeP99Ms: quantile(tookMs, 0.99),
    treeToCoeCpuMs: (cpu.seconds * 1000) / rounds,
  }
}

/** From a new tree to its CoE, over loopback HTTP. */
export async function measureTreeToCoe(): Promise<Figures> {
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  const node = await startNode()
  const neighbour = makeMeter(folder, 'neighbour')
  const owners = Array.from({ length: ownerCount }, (_, at) => makeMeter(folder, `owner-${at}`))
  const service = startWitness(neighbour, node.url)
  try {
    await untilListed(node.url)
    return await measureRounds(owners, node.url)
  } finally {
    await service.close()
    for (const meter of [neighbour, ...owners]) meter.close()
    await node.close()
    rmSync(folder, { recursive: true, force: true })
  }
}
