import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { requestAnvil } from '../../src/adapters/chain/anvilRpc.ts'
import type { SignedMeterCertificate } from '../../src/meter/manufacturer.ts'
import { type Address, bytesToHex } from '../../src/protocol/bytes.ts'
import type { Market } from '../../src/protocol/digest.ts'
import { signMessage } from '../../src/protocol/signature.ts'
import { seconds, wei } from '../../src/protocol/units.ts'
import type { CtpView } from '../../src/protocol/views.ts'
import { createMarketClient } from '../../src/sdk/marketClient.ts'
import { deposit } from '../../src/sdk/marketContract.ts'
import { createNodeClient, type NodeClient } from '../../src/sdk/nodeClient.ts'
import {
  boundMs,
  type Json,
  type LongCommand,
  openCommandLine,
  until,
} from '../support/commandLine.ts'
import {
  growTree,
  makeReceipt,
  makeSubmission,
  partyOf,
  type TestTree,
} from '../support/tradeFixture.ts'

const commands = openCommandLine('manufacturers')
const { folder, spb, fail } = commands
const longestLifeSeconds = 7200
const graceSeconds = 1200
const amountWei = 10n ** 12n

const consumer = partyOf('manufacturers consumer')
const producer = partyOf('manufacturers producer')
/** Meters of hardware: the test has their keys, and each gets its certificate as a file. */
const witnesses = { factory: partyOf('witness of the factory'), own: partyOf('own witness') }

type Up = LongCommand & { market: Market; client: NodeClient; url: string; port: number }

let node: Up
let nextNonce = 0

async function up(): Promise<Up> {
  const terms = `--longest-life ${longestLifeSeconds}s --grace ${graceSeconds}s`
  const started = await commands.startLong(`up --port 0 ${terms} --withdrawal-delay 3h`)
  const { url, rpcUrl, market: address } = started.ready as Record<string, string>
  const client = createNodeClient({ url: url! })
  const { chainId } = await client.market()
  const market = { chainId, address: address as Address }
  return { ...started, market, client, url: url!, port: Number(new URL(rpcUrl!).port) }
}

/** Block time that the node has confirmed. */
async function readNow(): Promise<number> {
  return (await node.client.status()).confirmed!.timeSeconds
}

/** Lets time on the embedded chain pass at once, and waits until the node knows. */
async function pass(spanSeconds: number): Promise<void> {
  const wanted = (await readNow()) + spanSeconds
  await requestAnvil(node.port, 'evm_increaseTime', [spanSeconds])
  await until(readNow, (now) => now >= wanted)
}

/** Has the committee decide what was proposed. */
async function decide(words: string): Promise<Json> {
  const proposed = await spb(`committee propose ${words} --out proposal.json`)
  await spb('committee sign proposal.json')
  await spb('committee apply proposal.json')
  return proposed
}

/** The end that a proposal’s call holds: the contract takes it until the longest life before. */
const endOf = ({ applyUntilSeconds }: Json) => Number(applyUntilSeconds) + longestLifeSeconds

/** One-time keys that a certified meter witnessed. */
function growWitnessed(certificateFile: string, witness: keyof typeof witnesses): TestTree {
  const path = join(folder, certificateFile)
  const signed = JSON.parse(readFileSync(path, 'utf8')) as SignedMeterCertificate
  const tree = growTree(node.market, `witnessed by ${witness}`, 4)
  const { coe } = tree.signed
  return {
    ...tree,
    signed: {
      ...{ coe, witness: signed.certificate, witnessSignature: signed.manufacturerSignature },
      coeSignature: signMessage(node.market, 'CoE', coe, witnesses[witness].key),
    },
  }
}

let leaf = 0

/** A fresh CTP at the consumer’s next nonce; a refused one leaves the nonce to the next. */
async function commit(tree: TestTree, expirySeconds: number) {
  const parties = { market: node.market, consumer, producer }
  const terms = { amountWei, energyWh: 1000, expirySeconds, nonce: nextNonce }
  const { meterKey, ...sent } = makeSubmission({ ...parties, ...terms, tree, leaf: leaf++ })
  const view = await node.client.submitCtp(sent)
  nextNonce++
  const receipt = (deliveredWh: number) =>
    node.client.submitErc(makeReceipt(node.market, view.ctpId, deliveredWh, meterKey))
  return { view, receipt }
}

const refusal = (code: string) => expect.objectContaining({ code })
const stateOf = async ({ ctpId }: CtpView) => (await node.client.ctp(ctpId)).state
const isSettled = (state: string) => state === 'settled'

beforeAll(async () => {
  node = await up()
  const { market, client, port } = node
  await setBalance({ port }, consumer.address, 10n ** 18n)
  const url = `http://127.0.0.1:${port}`
  const household = createMarketClient({ url, market, privateKey: bytesToHex(consumer.key) })
  await deposit(household, wei(10n ** 17n))
  await until(
    () => client.account(consumer.address),
    ({ balanceWei }) => balanceWei === 10n ** 17n,
  )
}, boundMs)

afterAll(async () => {
  await node?.stop()
  commands.close()
}, boundMs)

describe('P6: a second manufacturer', { timeout: boundMs }, () => {
  let factory: string
  let tree: TestTree

  it('is not trusted because it has a key', async () => {
    factory = String((await spb('manufacturer init --data factory')).address)
    const { address } = witnesses.factory
    const words = `manufacturer issue ${address} --model S1 --until 2035-12-31`
    await spb(`${words} --data factory --out factory.json`)
    tree = growWitnessed('factory.json', 'factory')
    const expiry = (await readNow()) + 3600
    await expect(commit(tree, expiry)).rejects.toThrow(refusal('meter/witness-untrusted'))
    const list = await spb(`manufacturer list --data factory --node ${node.url}`)
    expect(list).toMatchObject({ market: { isTrusted: false, endsSeconds: null } })
  })

  it('is trusted once the committee decided so, and its meters’ keys trade', async () => {
    await decide(`manufacturer ${factory}`)
    await until(
      () => node.client.market(),
      ({ manufacturers }) => manufacturers.some(({ manufacturer }) => manufacturer === factory),
    )
    const { view, receipt } = await commit(tree, (await readNow()) + 3600)
    await receipt(1000)
    await until(() => stateOf(view), isSettled)
    const list = await spb(`manufacturer list --data factory --node ${node.url}`)
    expect(list).toMatchObject({ market: { isTrusted: true, endsSeconds: 2 ** 40 - 1 } })
  })

  it('loses its standing no sooner than the longest life from now', async () => {
    const near = `committee propose manufacturer ${factory} --ends 1h --out near.json`
    expect(await fail(near)).toEqual([2, 'input/time'])
    // What took too long to sign is refused by the contract.
    await spb(`committee propose manufacturer ${factory} --ends 121m --out late.json`)
    await spb('committee sign late.json')
    await pass(300)
    expect(await fail('committee apply late.json')).toEqual([2, 'input/time'])
  })

  it('P2, P4: ends without harm to a live hold, which settles even after that end', async () => {
    const { view, receipt } = await commit(tree, (await readNow()) + longestLifeSeconds - 60)
    const end = endOf(await decide(`manufacturer ${factory} --ends 125m`))
    expect(end).toBeGreaterThan(view.ctp.expirySeconds)
    await until(
      () => node.client.market(),
      ({ manufacturers }) => manufacturers.some(({ endsSeconds }) => endsSeconds === end),
    )
    await pass(600)
    await expect(commit(tree, end + 1)).rejects.toThrow(refusal('meter/witness-untrusted'))
    const last = await commit(tree, end)
    expect(last.view.state).toBe('held')

    await receipt(400)
    await pass(view.ctp.expirySeconds + graceSeconds / 2 + 5 - (await readNow()))
    expect(await readNow()).toBeGreaterThan(end)
    await until(() => stateOf(view), isSettled)
    expect(await node.client.ctp(view.ctpId)).toMatchObject({ paymentWei: (amountWei * 4n) / 10n })
    const list = await spb(`manufacturer list --data factory --node ${node.url}`)
    expect(list).toMatchObject({ market: { isTrusted: false, endsSeconds: end } })
    const expiry = (await readNow()) + 60
    await expect(commit(tree, expiry)).rejects.toThrow(refusal('meter/witness-untrusted'))
  })
})

describe('P6: a revoked meter', { timeout: boundMs }, () => {
  it('is no witness of CTPs that expire after its end, unless that is taken back', async () => {
    const { address } = witnesses.own
    await spb(`manufacturer issue ${address} --model S1 --until 2035-12-31 --out own.json`)
    const tree = growWitnessed('own.json', 'own')
    expect((await commit(tree, (await readNow()) + 3600)).view.state).toBe('held')

    const end = endOf(await decide(`revoke-meter ${address}`))
    await until(
      () => node.client.market(),
      ({ revokedMeters }) => revokedMeters.some(({ meter }) => meter === address),
    )
    await pass(900)
    expect((await commit(tree, end)).view.state).toBe('held')
    await expect(commit(tree, seconds(end + 1))).rejects.toThrow(refusal('meter/revoked'))
    const { certificates } = await spb('manufacturer list')
    expect(certificates).toMatchObject([{ meter: address, revokedFromSeconds: end }])

    await decide(`revoke-meter ${address} --ends never`)
    await until(
      () => node.client.market(),
      ({ revokedMeters }) => revokedMeters.every(({ endsSeconds }) => endsSeconds === 2 ** 40 - 1),
    )
    expect((await commit(tree, end + 1)).view.state).toBe('held')
    const list = await spb('manufacturer list')
    expect(JSON.stringify(list)).not.toContain('revokedFromSeconds')
  })
})
