import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode, type FakeNode, fakeMarket, fakeSubmission } from '../../api/fakeNode.ts'
import { createLocalWitness } from '../../meter/localWitness.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import { type Bytes32, bytesToHex } from '../../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../../protocol/digest.ts'
import { addressOf } from '../../protocol/signature.ts'
import { standingOf } from '../../protocol/standing.ts'
import { maxUint40, seconds, wei, wh } from '../../protocol/units.ts'
import type { CtpFilter, CtpView } from '../../protocol/views.ts'
import { tokenHashOf } from '../../protocol/witnessPost.ts'
import { createWitnessClient } from '../../sdk/witnessClient.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { writeEndpoint } from '../endpoint.ts'
import { writeMarketRecord } from '../marketRecord.ts'
import { createMeter, manufacturerOf } from '../meterFolder.ts'
import { createTestCli, runCli, testNowMs } from '../testCli.cases.ts'

const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const now = seconds(testNowMs / 1000)
const daySeconds = 86_400
const consumer = addressOf(new Uint8Array(32).fill(0xc0))
const producer = addressOf(new Uint8Array(32).fill(0xb0))

/** Runs a command, and returns its one document with its exit code. */
async function spb(line: string) {
  const { code, out } = await runCli(cli, `${line} --json`)
  const json = JSON.parse(out)
  return { exit: code, code: json.error?.code, ...json }
}

type Numbered = { numbers: { name: string; value: number | null }[] }
const valuesOf = ({ numbers }: Numbered) =>
  Object.fromEntries(numbers.map(({ name, value }) => [name, value]))

function trade(meter: SoftwareMeter, nonce: number): void {
  const expirySeconds = seconds(now + 900)
  const { meterKey } = meter.takeKey(expirySeconds)
  const ctp = {
    ...{ producer, offerId: 1n, amountWei: wei(10n ** 15n), energyWh: wh(500) },
    ...{ nonce, expirySeconds, meterKey },
  }
  meter.bind(ctp, consumer, fakeMarket)
  const ctpId = ctpIdOf(digestOf(fakeMarket, 'Ctp', ctp), consumer)
  meter.receipt(ctpId, wh(500), now)
  meter.acknowledge(ctpId, wh(500))
}

let witness: SoftwareMeter
let idle: SoftwareMeter

beforeAll(async () => {
  writeMarketRecord(folder, { ...fakeMarket, deploymentBlock: 0 })
  const meter = createMeter(folder, 'alice', now)
  witness = createMeter(folder, 'witness', now)
  idle = createMeter(folder, 'idle', now)
  const maker = { manufacturer: manufacturerOf(folder)!, endsSeconds: seconds(maxUint40) }
  const standing = standingOf({ manufacturers: [maker], revokedMeters: [] })
  const near = createLocalWitness(witness, { standing, nowSeconds: () => now })
  await meter.renew(fakeMarket, near, { nowSeconds: now, standing })
  for (const nonce of [0, 1, 2]) trade(meter, nonce)
  meter.close()
})
afterAll(() => {
  witness.close()
  idle.close()
})

describe('spb meter audit', () => {
  it('refuses days that are none, too many or text, and meters that are not there', async () => {
    for (const days of ['0', '367', '400', '-1', '1.5', 'month']) {
      const refused = await spb(`meter audit alice --days ${days}`)
      expect(refused).toMatchObject({ exit: 2, code: 'input/option' })
    }
    expect(await spb('meter audit')).toMatchObject({ exit: 2, code: 'input/option' })
    expect(await spb('meter audit carl')).toMatchObject({ exit: 4, code: 'meter/unknown' })
  })

  it('counts what the meter’s own file says, without a node', async () => {
    const audit = await spb('meter audit alice')
    expect(audit).toMatchObject({
      ...{ exit: 0, meter: 'alice', days: 30, toSeconds: now, isComplete: true, node: null },
      fromSeconds: now - 30 * daySeconds,
      accounts: [{ account: consumer, ctps: 3, receipts: 3, onChain: null, possibleMeters: null }],
      witnesses: [{ witness: witness.identity, trees: 1 }],
      usedTree: { keysLeft: 253 },
    })
    expect(valuesOf(audit)).toEqual({
      ...{ ctps: 3, receipts: 3, roots: 1, receiptsPerRootMean: 3, receiptsPerRootMost: 3 },
      ...{ accountsPerRootMost: 1, repeatedKeys: 0, witnesses: 1, treesPerWitnessMost: 1 },
      ...{ listedMeters: null, possibleMetersLeast: null, onChain: null },
    })
  })

  it('says what each number means, and what is missing', async () => {
    const { out } = await runCli(cli, 'meter audit alice --days 60')
    expect(out).toContain('Meter alice, the last 60 days')
    expect(out).toMatch(/\n3 receipts per root mean\n {2}Receipts that anyone/)
    expect(out).toMatch(/\n\? listed meters\n/)
    expect(out).toContain('The present tree has 253 keys left')
    expect(out).toContain('It serves the account that used it only')
    expect(out).toContain('a tree serves one account')
    expect(out).toContain('A meter forgets a tree 30 days after its end')
    expect(out).toContain('No node answers')
    const fresh = await runCli(cli, 'meter audit idle')
    expect(fresh.out).toMatch(/\n0 CTPs\n/)
    expect(fresh.out).not.toContain('tree has')
  })
})

describe('spb meter audit, where a node answers', () => {
  let node: FakeNode
  let server: ApiServer

  /** Lets the node list a meter as a witness. */
  async function post(meter: SoftwareMeter): Promise<void> {
    const relay = createWitnessClient({ url: server.url })
    const token: Bytes32 = bytesToHex(new Uint8Array(32).fill(7))
    const terms = {
      relay: await relay.identify(),
      sealingKey: bytesToHex(new Uint8Array(32).fill(9)),
      tokenHash: bytesToHex(tokenHashOf(token)),
      notAfterSeconds: seconds(Math.floor(Date.now() / 1000) + 3600),
    }
    await relay.post(meter.announce(fakeMarket, terms))
    await relay.fetchRequests(meter.identity, token, 0, new AbortController().signal)
  }

  beforeAll(async () => {
    node = createFakeNode()
    const maker = { manufacturer: manufacturerOf(folder)!, endsSeconds: seconds(maxUint40) }
    const view = { ...node.market(), manufacturers: [maker], revokedMeters: [] }
    node.market = () => view
    server = createApiServer({ node, port: 0 })
    await server.listen()
    await post(witness)
    await post(idle)
  })
  afterAll(() => server.close())

  /** Trades number 1 to 2,500, the older half before the audit's time. */
  async function tradeLong(): Promise<CtpFilter[]> {
    const view = await node.submitCtp(fakeSubmission())
    const all = Array.from({ length: 2500 }, (_, index): CtpView => {
      const expirySeconds = seconds(now + (index < 1250 ? -40 * daySeconds : 0))
      const state = index % 2 === 0 ? 'settled' : 'expired'
      return { ...view, number: index + 1, state, ctp: { ...view.ctp, expirySeconds } }
    }).reverse()
    const asked: CtpFilter[] = []
    node.ctps = (filter) => {
      asked.push(filter)
      const { beforeNumber = Number.POSITIVE_INFINITY, limit = 100 } = filter
      return all.filter(({ number }) => number < beforeNumber).slice(0, limit)
    }
    return asked
  }

  it('adds the meters that it lists, and the account’s settled trades', async () => {
    const asked = await tradeLong()
    const audit = await spb(`meter audit alice --node ${server.url}`)
    // The own meter and the idle one are left; the witness is not alice’s.
    expect(audit).toMatchObject({
      ...{ exit: 0, node: server.url },
      accounts: [{ account: consumer, onChain: 625, possibleMeters: 2 }],
    })
    expect(valuesOf(audit)).toMatchObject({ listedMeters: 2, possibleMetersLeast: 2, onChain: 625 })
    expect(asked).toMatchObject([{ account: consumer }, { beforeNumber: 1501 }])
    const { out } = await runCli(cli, `meter audit alice --node ${server.url}`)
    expect(out).toMatch(/\n2 listed meters\n/)
    expect(out).not.toContain('No node answers')
  })

  it('must reach a node that was named, and passes over one that ended', async () => {
    const rpcUrl = 'http://127.0.0.1:1'
    const endpoint = { url: rpcUrl, rpcUrl, market: fakeMarket.address, chainId: 31_337 }
    writeEndpoint(folder, endpoint)
    expect(await spb('meter audit alice')).toMatchObject({ exit: 0, node: null })
    const named = await spb(`meter audit alice --node ${rpcUrl}`)
    expect(named).toMatchObject({ exit: 5, code: 'node/unreachable' })
    writeMarketRecord(folder, { ...fakeMarket, chainId: 1, deploymentBlock: 0 })
    const elsewhere = await spb(`meter audit alice --node ${server.url}`)
    expect(elsewhere.code).toBe('ctp/wrong-market')
  })
})
