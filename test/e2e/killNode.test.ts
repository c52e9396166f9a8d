import { type ChildProcess, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { mineAt, setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { createEthereumChain, type EthereumChain } from '../../src/adapters/chain/ethereumChain.ts'
import { findFreePort } from '../../src/adapters/chain/freePort.ts'
import { openMarket } from '../../src/adapters/chain/openMarket.ts'
import { type Address, type Bytes32, bytesToHex } from '../../src/protocol/bytes.ts'
import type { Market } from '../../src/protocol/digest.ts'
import { SpbError } from '../../src/protocol/spbError.ts'
import { seconds, wei } from '../../src/protocol/units.ts'
import type { CtpView } from '../../src/protocol/views.ts'
import { createMarketClient } from '../../src/sdk/marketClient.ts'
import { deposit } from '../../src/sdk/marketContract.ts'
import { createNodeClient, type NodeClient } from '../../src/sdk/nodeClient.ts'
import {
  growTree,
  idOf,
  makeReceipt,
  makeSubmission,
  manufacturer,
  type Party,
  partyOf,
} from '../support/tradeFixture.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'spb-kill-'))
const consumers = Array.from({ length: 6 }, (_, index) => partyOf(`kill consumer ${index}`))
const producer = partyOf('kill producer')
const depositWei = 10n ** 18n
const amountWei = 10n ** 12n
const running = new Set<ChildProcess>()
/** When the node is killed, after it answers: at random, and told where a run fails. */
const pausesMs = Array.from({ length: 4 }, () => randomInt(20, 2_500))
let port = 0

afterAll(async () => {
  // A last, graceful run adopts what the killed ones left behind and ends it.
  for (const child of running) child.kill('SIGKILL')
  if (port !== 0) await stopGracefully(await startNode())
  rmSync(folder, { recursive: true, force: true })
})

/** Starts `spb up` and waits until it says that it answers. */
async function startNode(): Promise<ChildProcess> {
  const words = ['up', '--data', folder, '--port', String(port), '--block-time', '1s', '--json']
  const child = spawn(process.execPath, [main, ...words, '--manufacturer', manufacturer.address], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  let said = ''
  child.stderr!.on('data', (chunk) => {
    said += chunk
  })
  const ready = new Promise<void>((resolve, reject) => {
    child.stdout!.once('data', () => resolve())
    child.once('exit', () => reject(new Error(`The node ended: ${said}`)))
  })
  await ready
  return child
}

async function kill(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGKILL')
  await exit
  running.delete(child)
}

async function stopGracefully(child: ChildProcess): Promise<void> {
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await exit
  running.delete(child)
}

const endpoint = () =>
  JSON.parse(readFileSync(join(folder, 'endpoint.json'), 'utf8')) as {
    url: string
    rpcUrl: string
    market: Address
    chainId: number
  }

async function until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
  const endMs = Date.now() + 60_000
  while (!(await isTrue())) {
    if (Date.now() > endMs)
      throw new Error(`Waited in vain until ${what}; killed after ${pausesMs}.`)
    await new Promise((resolve) => setTimeout(resolve, 200))
  }
}

/** What households were told: it must be true for ever. */
type Told = { ctps: Map<Bytes32, CtpView>; receipted: Set<Bytes32> }

/** One household: buys again and again; has every second CTP receipted; a dead node is awaited. */
async function live(
  consumer: Party,
  market: Market,
  client: NodeClient,
  told: Told,
  isOver: () => boolean,
  now: () => Promise<number>,
): Promise<void> {
  const tree = growTree(market, consumer.address, 8)
  for (let nonce = 0; nonce < 60 && !isOver(); nonce++) {
    const submission = makeSubmission({
      ...{ market, consumer, producer, nonce, tree, leaf: nonce, amountWei, energyWh: 1_000 },
      expirySeconds: (await now()) + 3_600,
    })
    const { meterKey, ...sent } = submission
    const view = await insist(isOver, () => client.submitCtp(sent))
    if (view === undefined) return
    told.ctps.set(view.ctpId, view)
    if (nonce % 2 === 1) continue
    const receipt = makeReceipt(market, idOf(submission, consumer), 1_000, meterKey)
    const taken = await insist(isOver, () => client.submitErc(receipt))
    if (taken !== undefined) told.receipted.add(view.ctpId)
  }
}

/** Asks until it is answered: the same message again is safe, whatever became of the first. */
async function insist<Answer>(isOver: () => boolean, ask: () => Promise<Answer>) {
  while (true) {
    try {
      return await ask()
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      // The node took the receipt and died before it could say so; it may be settled by now.
      if (error.code === 'erc/repeated' || error.code === 'erc/closed') return {} as Answer
      if (!error.isRetryable) throw error
      if (isOver()) return undefined
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/** All that the test's steps share. */
type Scene = {
  market: Market
  anvil: { port: number }
  client: NodeClient
  chain: EthereumChain
  told: Told
}

async function openScene(): Promise<Scene> {
  const { url, rpcUrl, market: address, chainId } = endpoint()
  const market = { chainId, address }
  const anvil = { port: Number(new URL(rpcUrl).port) }
  const client = createNodeClient({ url, timeoutMs: 3_000 })
  const facts = await openMarket({ url: rpcUrl, address })
  const senderKey = bytesToHex(partyOf('reader').key)
  const chain = createEthereumChain({ url: rpcUrl, market: facts, senderKey })
  for (const { address: account, key } of consumers) {
    await setBalance(anvil, account, 2n * depositWei)
    const household = { url: rpcUrl, market, privateKey: bytesToHex(key) }
    await deposit(createMarketClient(household), wei(depositWei))
  }
  await until('the node knows the deposits', async () => {
    const views = await listAccounts(client)
    return views.every(({ balanceWei }) => balanceWei === depositWei)
  })
  return { market, anvil, client, chain, told: { ctps: new Map(), receipted: new Set() } }
}

const listAccounts = (client: NodeClient) =>
  Promise.all(consumers.map((each) => client.account(each.address)))

/** Households trade while the node is killed and started again, four times. */
async function tradeThroughKills(first: ChildProcess, scene: Scene): Promise<ChildProcess> {
  let node = first
  let isOver = false
  const now = async () => (await scene.chain.head()).timeSeconds
  const { market, client, told } = scene
  const begin = (each: Party) => live(each, market, client, told, () => isOver, now)
  const lives = consumers.slice(1).map(begin)
  for (const pauseMs of pausesMs) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs))
    await kill(node)
    node = await startNode()
  }
  // The others may have as many live CTPs as they can: this household starts only now.
  const latecomer = consumers[0]!
  lives.push(begin(latecomer))
  await until('trade goes on', async () =>
    [...told.ctps.values()].some(({ consumer }) => consumer === latecomer.address),
  )
  isOver = true
  await Promise.all(lives)
  return node
}

/** Every acknowledged CTP is there, as it was acknowledged. */
async function checkAcknowledged({ told, client }: Scene): Promise<void> {
  expect(told.ctps.size, `killed after ${pausesMs} ms`).toBeGreaterThan(consumers.length)
  expect(told.receipted.size).toBeGreaterThan(0)
  for (const view of told.ctps.values()) {
    const { ctp, number, state, consumer } = await client.ctp(view.ctpId)
    const { ctp: toldCtp, number: toldNumber, consumer: toldConsumer } = view
    expect({ ctp, number, consumer }).toEqual({
      ...{ ctp: toldCtp, number: toldNumber, consumer: toldConsumer },
    })
    expect(['held', 'receipted', 'settled']).toContain(state)
  }
}

/** The chain itself says that each trade was paid once, and nothing else. */
async function checkPayments({ chain, client, told }: Scene): Promise<void> {
  const { number: head } = await chain.head()
  const settled = (await client.ctps({ state: 'settled', limit: 1_000 })).length
  const accounts = [...consumers, producer].map((each) => each.address)
  const states = await chain.accounts(accounts, head)
  const spent = states.slice(0, -1).map(({ balanceWei }) => depositWei - balanceWei)
  const earned = states.at(-1)!.balanceWei
  expect(spent.reduce((sum, each) => sum + each, 0n)).toBe(earned)
  expect(earned).toBe(BigInt(settled) * amountWei)
  expect(settled).toBeGreaterThanOrEqual(told.receipted.size)
  for (const view of await listAccounts(client)) expect(view.freeWei).toBe(view.balanceWei)
}

describe('a node that is killed', () => {
  it('P4, P5, P8: keeps every acknowledged CTP, pays once, leaves no hold stuck', async () => {
    port = await findFreePort()
    const first = await startNode()
    const scene = await openScene()
    const { client, told, anvil, chain } = scene
    const node = await tradeThroughKills(first, scene)
    await checkAcknowledged(scene)
    await until('everything receipted is settled', async () => {
      const views = await Promise.all([...told.receipted].map((id) => client.ctp(id)))
      return views.every(({ state }) => state === 'settled')
    })
    // Time passes: what nobody receipted is free again.
    await mineAt(anvil, seconds((await chain.head()).timeSeconds + 3_600 + 700))
    await until('all other holds are free', async () => {
      const views = await listAccounts(client)
      return views.every(({ heldWei, liveCtps }) => heldWei === 0n && liveCtps === 0)
    })
    await checkPayments(scene)
    chain.close()
    await stopGracefully(node)
  }, 240_000)
})
