import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createClient, custom, toFunctionSelector } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import {
  makeErc,
  makeTradeProof,
  type ProofChanges,
  quorum,
} from '../../../test/support/proofFixture.ts'
import { mine, setAutomine } from '../../adapters/chain/anvilControl.ts'
import { type AnvilWorld, openAnvilWorld } from '../../adapters/chain/anvilWorld.ts'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode, type FakeNode } from '../../api/fakeNode.ts'
import { parties, partyOf } from '../../ports/chainWorld.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { paymentOf } from '../../protocol/payment.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { formatTradeProof, parseTradeProof, type TradeProof } from '../../protocol/tradeProof.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'
import type { CtpDossier, CtpState } from '../../protocol/views.ts'
import { createMarketClient } from '../../sdk/marketClient.ts'
import { deposit } from '../../sdk/marketContract.ts'
import { createNodeClient } from '../../sdk/nodeClient.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { createTestCli, runCli, type TestCli } from '../testCli.cases.ts'
import { findingsOf } from './bookEntry.ts'
import { ProducerBook } from './producerBook.ts'

const { alice, bob } = parties
let world: AnvilWorld
let cli: TestCli
let nextNonce = 0

beforeAll(async () => {
  world = await openAnvilWorld()
  await setAutomine(world.anvil, true)
  const { url } = world.anvil
  const privateKey = bytesToHex(alice.privateKey)
  const market = world.facts
  await deposit(
    createMarketClient({ url, market, privateKey, pollingIntervalMs: 20 }),
    wei(10n ** 9n),
  )
  cli = createTestCli()
  for (const [name, party] of Object.entries({ bob, carol: parties.carol })) {
    writeFileSync(join(cli.cwd, `${name}.key`), bytesToHex(party.privateKey))
    await runCli(cli, `account import ${name} --file ${name}.key`)
  }
})
afterAll(() => world.close())

let server: ApiServer | undefined
afterEach(async () => {
  await server?.close()
  server = undefined
})

type Trade = { proof: TradeProof; ctpId: `0x${string}` }

async function freshTrade(lifeSeconds: number, changes: ProofChanges = {}): Promise<Trade> {
  const { timeSeconds } = await world.chain.head()
  const expirySeconds = seconds(timeSeconds + lifeSeconds)
  return makeTradeProof(world.facts, {
    ...changes,
    ctp: { expirySeconds, nonce: nextNonce++, ...changes.ctp },
  })
}

/** What a node has of a trade. */
function dossierOf(
  { proof, ctpId }: Trade,
  number: number,
  change: { state?: CtpState; receipt?: SignedErc | undefined } = {},
): CtpDossier {
  const { ctp, consumerSignature, certificate, evidence, meterReadySignature } = proof
  const receipt = 'receipt' in change ? change.receipt : proof.receipt
  const deliveredWh = wh(Math.min(receipt?.erc.deliveredWh ?? 0, ctp.energyWh))
  return {
    ...{ number, ctpId, consumer: alice.address, ctp, consumerSignature, deliveredWh },
    state: change.state ?? (receipt === undefined ? 'held' : 'receipted'),
    paymentWei: paymentOf(ctp.amountWei, ctp.energyWh, deliveredWh),
    settlesFromSeconds: ctp.expirySeconds,
    freeAtSeconds: seconds(ctp.expirySeconds + 100),
    certificate: { epoch: 1, members: [0, 2, 3] },
    holdCertificate: { ctp, consumerSignature, ...certificate },
    ...{ evidence: evidence!, meterReadySignature: meterReadySignature! },
    ...(receipt === undefined ? {} : { receipt }),
  }
}

async function serve(...dossiers: CtpDossier[]): Promise<{ node: FakeNode; url: string }> {
  const market = { ...world.facts, manufacturers: [], revokedMeters: [] }
  const node = createFakeNode({ market: () => market })
  for (const dossier of dossiers) node.trades.set(dossier.ctpId, dossier)
  server = createApiServer({ node, port: 0 })
  await server.listen()
  return { node, url: server.url }
}

const chainOption = () => `--chain ${world.anvil.url}`

async function succeed(line: string, surroundings = cli) {
  const { code, out } = await runCli(surroundings, `${line} ${chainOption()} --json`)
  expect({ line, code, out: code === 0 ? '' : out }).toEqual({ line, code: 0, out: '' })
  return JSON.parse(out)
}

async function refuse(line: string): Promise<[number, string]> {
  const { code, out } = await runCli(cli, `${line} ${chainOption()} --json`)
  return [code, (JSON.parse(out) as { error: { code: string } }).error.code]
}

function write(name: string, proof: TradeProof): string {
  writeFileSync(join(cli.cwd, name), formatTradeProof(proof))
  return name
}

const keptPath = (ctpId: string, home = cli) => join(home.cwd, '.spb/proofs', `${ctpId}.json`)
const pass = (bySeconds: number) => mine(world.anvil, 1, bySeconds)

describe('P3: spb settle --proof', () => {
  it('pays by a file, from the producer’s account, with no node', async () => {
    const { proof, ctpId } = await freshTrade(1_000)
    const paid = await succeed(`settle --file ${write('full.json', proof)}`)
    expect(paid).toMatchObject({ ctpId, paymentWei: '999999', deliveredWh: 1000, account: 'bob' })
    const kept = parseTradeProof(readFileSync(keptPath(ctpId), 'utf8'))
    expect(kept.settlement).toEqual({
      transactionHash: paid.transactionHash,
      blockNumber: paid.blockNumber,
    })
    const verified = await succeed(
      `receipt verify .spb/proofs/${ctpId}.json --market ${world.facts.address}`,
    )
    expect(verified).toMatchObject({ verdict: 'paid', says: 'Valid, and paid to the wei.' })
    const { evidence: _, meterReadySignature: __, ...bare } = kept
    const { says } = await succeed(`receipt verify ${write('bare.json', bare)}`)
    const open = 'meterReady, meterEvidence, market, manufacturer, witness'
    expect(says).toBe(`Valid, and paid to the wei. Not checked: ${open}.`)
    expect(await refuse(`settle --proof ${ctpId}`)).toEqual([3, 'proof/nonce-used'])
  })

  it('takes the higher receipt, whether the node or the folder has it', async () => {
    const low = await freshTrade(1_000, { deliveredWh: 400 })
    const { url } = await serve(dossierOf(low, 41))
    await succeed(`producer watch --account bob --once --node ${url}`)
    const full = makeErc(world.facts, low.ctpId, 1000)
    await server?.close()
    const later = await serve(dossierOf(low, 41, { receipt: full }))
    await succeed(`producer watch --account bob --once --node ${later.url}`)
    await server?.close()
    // A node that forgot the better receipt, or hides it.
    const worse = await serve(dossierOf(low, 41))
    const paid = await succeed(`settle --proof 41 --node ${worse.url}`)
    expect(paid).toMatchObject({ deliveredWh: 1000, paymentWei: '999999' })
  })

  it('says early and clearly why it cannot be', async () => {
    const part = await freshTrade(300, { deliveredWh: 5 })
    const file = write('part.json', part.proof)
    const { receipt: _, ...unreceipted } = part.proof
    expect(await refuse('settle')).toEqual([2, 'input/option'])
    expect(await refuse('settle --proof 77')).toEqual([4, 'proof/unknown'])
    expect(await refuse(`settle --file ${write('none.json', unreceipted)}`)).toEqual([
      ...[3, 'proof/no-receipt'],
    ])
    expect(await refuse(`settle --file ${file}`)).toEqual([3, 'proof/too-early'])
    expect(await refuse(`settle --file ${file} --account carol`)).toEqual([
      ...[3, 'proof/not-producer'],
    ])
    expect(await refuse(`settle --file ${file} --proof ${`0x${'ab'.repeat(32)}`}`)).toEqual([
      ...[2, 'input/option'],
    ])
    const broken = { ...part.proof, consumerSignature: `0x${'ff'.repeat(64)}` as const }
    expect(await refuse(`settle --file ${write('bad.json', broken)}`)).toEqual([3, 'proof/invalid'])
    const { url } = await serve({ ...dossierOf(part, 5), state: 'proposed' })
    const { holdCertificate: __, ...proposed } = dossierOf(part, 6)
    const uncertified = await serve(proposed)
    expect(await refuse(`settle --proof 6 --node ${uncertified.url}`)).toEqual([
      ...[3, 'proof/not-certified'],
    ])
    expect(url).toMatch(/^http/)
    await pass(300 + 101)
    expect(await refuse(`settle --file ${file}`)).toEqual([3, 'proof/too-late'])
  })

  it('wants the id where a number stands for two CTPs', async () => {
    const [first, second] = [await freshTrade(1_000), await freshTrade(1_000)]
    for (const trade of [first, second]) {
      const { url } = await serve(dossierOf(trade, 51))
      await succeed(`producer watch --account bob --once --node ${url}`)
      await server?.close()
    }
    expect(await refuse('settle --proof 51')).toEqual([2, 'input/option'])
    expect(await succeed(`settle --proof ${second.ctpId}`)).toMatchObject({ ctpId: second.ctpId })
  })
})

describe('spb decline', () => {
  it('gives a CTP back by its proof, unless energy was receipted', async () => {
    const receipted = await freshTrade(1_000, { deliveredWh: 5 })
    const file = write('receipted.json', receipted.proof)
    expect(await refuse(`decline --file ${file}`)).toEqual([3, 'proof/receipted'])
    expect(await succeed(`decline --file ${file} --force`)).toMatchObject({ account: 'bob' })
    expect(await refuse(`decline --file ${file} --force`)).toEqual([3, 'proof/nonce-used'])
    const held = await freshTrade(1_000, { deliveredWh: undefined })
    const { url } = await serve(dossierOf(held, 61))
    expect(await succeed(`decline 61 --node ${url}`)).toMatchObject({ ctpId: held.ctpId })
    expect(await refuse('decline')).toEqual([2, 'input/option'])
  })
})

describe('spb producer watch', () => {
  const watchOnce = (url: string, home: TestCli) =>
    succeed(`producer watch --account ${bob.address} --once --node ${url}`, home)

  it('believes no node: votes, meter and receipts are checked against the chain', async () => {
    const home = createTestCli()
    const good = await freshTrade(1_000, { deliveredWh: 400 })
    const strangers = quorum.map(({ member }) => ({ member, party: partyOf(60 + member) }))
    const forged = await freshTrade(1_000, { voters: strangers })
    const untrusted = await freshTrade(1_000, { manufacturer: partyOf(70), deliveredWh: undefined })
    const lied = await freshTrade(1_000, { deliveredWh: undefined })
    const receipt = makeErc(world.facts, lied.ctpId, 900, partyOf(98))
    const { url } = await serve(
      dossierOf(good, 1),
      dossierOf(forged, 2),
      dossierOf(untrusted, 3),
      dossierOf(lied, 4, { receipt }),
    )
    const { trades, chain, node } = await watchOnce(url, home)
    expect({ chain, node }).toEqual({ chain: true, node: true })
    expect(trades).toMatchObject([
      {
        ...{ number: 1, state: 'receipted', receiptedWh: 400, earnedWei: '399999' },
        ...{ certificate: { verdict: 'passed' }, meter: { verdict: 'passed' } },
        ...{ advice: { kind: 'send', text: 'send' }, priceWeiPerKwh: '999999' },
        freeAtSeconds: good.proof.ctp.expirySeconds + 100,
        settleByProof: {
          fromSeconds: good.proof.ctp.expirySeconds,
          ...{ isUrgent: false, command: 'spb settle --proof 1' },
        },
        proofFile: expect.stringContaining(good.ctpId),
      },
      {
        ...{ number: 2, certificate: { verdict: 'failed' }, settleByProof: null },
        ...{ advice: { kind: 'stop' }, proofFile: null },
      },
      { number: 3, meter: { verdict: 'failed' }, advice: { kind: 'stop' } },
      { number: 4, receiptedWh: 0, receiptedAtSeconds: null },
    ])
    expect(statSync(keptPath(good.ctpId, home)).mode & 0o777).toBe(0o600)
    expect(existsSync(keptPath(forged.ctpId, home))).toBe(false)
    const kept = parseTradeProof(readFileSync(keptPath(lied.ctpId, home), 'utf8'))
    expect(kept.receipt).toBeUndefined()
  })

  it('says what can be settled with what is kept when the node is gone', async () => {
    const home = createTestCli()
    const full = await freshTrade(1_000)
    const part = await freshTrade(200, { deliveredWh: 10 })
    const { url } = await serve(dossierOf(full, 1), dossierOf(part, 2))
    await watchOnce(url, home)
    await server?.close()
    const gone = await watchOnce(url, home)
    expect(gone).toMatchObject({
      node: false,
      trades: [
        { number: 1, advice: { text: 'settle by proof now: spb settle --proof 1' } },
        { number: 2, advice: { kind: 'wait' } },
      ],
    })
    await pass(200)
    expect((await watchOnce(url, home)).trades).toMatchObject([
      { number: 1, advice: { kind: 'settle' } },
      { number: 2, advice: { kind: 'settle' } },
    ])
    await succeed(`settle --file ${write('gone.json', full.proof)}`)
    const line = `producer watch --account ${bob.address} --once --node ${url} ${chainOption()}`
    const { out } = await runCli(home, line)
    expect(out).toContain('The node does not answer')
    expect(out).toContain('settle by proof now: spb settle --proof 2')
    expect(out).toContain('done: its nonce is used')
  })

  it('can advise nothing without the chain, and says so', async () => {
    const { timeSeconds } = await world.chain.head()
    const home = { ...createTestCli(), nowMs: () => timeSeconds * 1000 }
    const { url } = await serve(dossierOf(await freshTrade(1_000, { deliveredWh: undefined }), 1))
    const words = `producer watch --account ${bob.address} --once --json --node ${url}`
    const { out } = await runCli(home, `${words} --chain http://127.0.0.1:1`)
    expect(JSON.parse(out)).toMatchObject({
      chain: false,
      trades: [{ certificate: { verdict: 'unchecked' }, advice: { kind: 'wait' } }],
    })
    expect(readdirSync(join(home.cwd, '.spb/proofs'))).toHaveLength(1)
  })

  it('refuses a node of another market, and an account that is not there', async () => {
    const home = createTestCli()
    const { node, url } = await serve(dossierOf(await freshTrade(1_000), 1))
    await watchOnce(url, home)
    node.market = () => ({
      ...{ ...world.facts, address: partyOf(70).address },
      ...{ manufacturers: [], revokedMeters: [] },
    })
    const words = `producer watch --once --json --node ${url} ${chainOption()}`
    const other = await runCli(home, `${words} --account ${bob.address}`)
    expect(other.code).toBe(3)
    expect(JSON.parse(other.out)).toMatchObject({ error: { code: 'ctp/wrong-market' } })
    expect(JSON.parse((await runCli(home, words)).out)).toMatchObject({
      error: { code: 'account/unknown' },
    })
  })

  it('tells in a pipe what changes, a document a line, until it is interrupted', async () => {
    const home = createTestCli()
    const trade = await freshTrade(1_000, { deliveredWh: undefined })
    const { node, url } = await serve(dossierOf(trade, 1))
    const words = `producer watch --account ${bob.address} --json --node ${url} ${chainOption()}`
    const ended = runCli(home, words)
    const lines = () =>
      home
        .out()
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
    await expect.poll(() => lines().length, { timeout: 10_000 }).toBe(2)
    const receipted = dossierOf(trade, 1, { receipt: makeErc(world.facts, trade.ctpId, 1000) })
    node.trades.set(trade.ctpId, receipted)
    const {
      holdCertificate: _,
      evidence: __,
      meterReadySignature: ___,
      receipt: ____,
      ...view
    } = receipted
    node.publish({ kind: 'ctp', ctp: view })
    await expect.poll(() => lines().length, { timeout: 10_000 }).toBe(3)
    await server?.close()
    await expect.poll(() => lines().length, { timeout: 20_000 }).toBe(4)
    process.emit('SIGINT', 'SIGINT')
    expect((await ended).code).toBe(0)
    expect(lines()).toMatchObject([
      { kind: 'reach', node: true, chain: true },
      { kind: 'trade', trade: { number: 1, advice: { kind: 'send' } } },
      { kind: 'trade', trade: { receiptedWh: 1000 } },
      { kind: 'reach', node: false, chain: true },
    ])
  })
})

describe('P3: a node that lies', () => {
  const watchOnce = (url: string, home: TestCli, chain = world.anvil.url) =>
    runCli(
      home,
      `producer watch --account ${bob.address} --once --json --node ${url} --chain ${chain}`,
    ).then(({ out }) => JSON.parse(out))
  const strangers = quorum.map(({ member }) => ({ member, party: partyOf(60 + member) }))
  const forge = ({ proof, ctpId }: Trade): Trade => ({
    ...{
      proof: {
        ...proof,
        certificate: makeTradeProof(world.facts, {
          ...{ ctp: proof.ctp, voters: strangers },
        }).proof.certificate,
      },
      ctpId,
    },
  })

  it('cannot talk a producer out of his payment by saying that it is over', async () => {
    const home = createTestCli()
    const trades = [await freshTrade(1_000), await freshTrade(1_000), await freshTrade(1_000)]
    const states = ['settled', 'declined', 'expired'] as const
    const settlement = { transactionHash: trades[0]!.ctpId, blockNumber: 1, gasShare: 1 }
    const { url } = await serve(
      ...trades.map((trade, at) => ({ ...dossierOf(trade, at + 1), settlement })),
    )
    await watchOnce(url, home)
    await server?.close()
    const later = await serve(
      ...trades.map((trade, at) => {
        return { ...dossierOf(trade, at + 1, { state: states[at]! }), settlement }
      }),
    )
    const urgent = trades.map(() => ({ advice: { kind: 'settle' } }))
    expect((await watchOnce(later.url, home)).trades).toMatchObject(urgent)
    await server?.close()
    expect((await watchOnce(later.url, home)).trades).toMatchObject(urgent)
  })

  it('cannot put false votes in the place of a certificate that is kept', async () => {
    const home = createTestCli()
    const trade = await freshTrade(1_000, { deliveredWh: 400 })
    const good = await serve(dossierOf(trade, 1))
    await watchOnce(good.url, home)
    await server?.close()
    const full = makeErc(world.facts, trade.ctpId, 1000)
    const { url } = await serve(dossierOf(forge(trade), 1, { receipt: full }))
    await watchOnce(url, home, 'http://127.0.0.1:1')
    const [seen] = (await watchOnce(url, home)).trades
    expect(seen).toMatchObject({ certificate: { verdict: 'passed' }, receiptedWh: 1000 })
    const kept = parseTradeProof(readFileSync(keptPath(trade.ctpId, home), 'utf8'))
    expect(kept).toMatchObject({ certificate: trade.proof.certificate, receipt: full })
    writeFileSync(join(home.cwd, 'bob.key'), bytesToHex(bob.privateKey))
    await runCli(home, 'account import bob --file bob.key')
    const paid = await succeed(`settle --proof ${trade.ctpId} --node ${url}`, home)
    expect(paid).toMatchObject({ deliveredWh: 1000 })
  })

  it('heals a certificate that was kept without a chain, and does not hold', async () => {
    const home = createTestCli()
    const trade = await freshTrade(1_000, { deliveredWh: 400 })
    const { node, url } = await serve(dossierOf(forge(trade), 1))
    await watchOnce(url, home, 'http://127.0.0.1:1')
    expect(existsSync(keptPath(trade.ctpId, home))).toBe(true)
    node.trades.set(trade.ctpId, dossierOf(trade, 1))
    await watchOnce(url, home)
    const kept = parseTradeProof(readFileSync(keptPath(trade.ctpId, home), 'utf8'))
    expect(kept.certificate).toEqual(trade.proof.certificate)
  })

  it('cannot have another CTP declined than the one that was named', async () => {
    const [named, other] = [
      await freshTrade(1_000, { deliveredWh: undefined }),
      await freshTrade(1_000, { deliveredWh: undefined }),
    ]
    const { node, url } = await serve()
    node.ctp = () => dossierOf(other, 1)
    expect(await refuse(`decline ${named.ctpId} --node ${url}`)).toEqual([5, 'node/bad-answer'])
    expect(await refuse(`receipt export ${named.ctpId} --out a.json --node ${url}`)).toEqual([
      ...[5, 'node/bad-answer'],
    ])
    const path = keptPath(named.ctpId)
    writeFileSync(path, formatTradeProof(other.proof))
    expect(await refuse(`decline ${named.ctpId}`)).toEqual([3, 'proof/invalid'])
    rmSync(path)
  })

  it('cannot keep a kept proof from being used, whatever it answers', async () => {
    const trade = await freshTrade(1_000)
    const good = await serve(dossierOf(trade, 91))
    await succeed(`producer watch --account bob --once --node ${good.url}`)
    await server?.close()
    const { node, url } = await serve()
    node.ctp = () => {
      throw new SpbError('erc/late')
    }
    expect(await succeed(`settle --proof 91 --node ${url}`)).toMatchObject({ ctpId: trade.ctpId })
  })

  it('cannot end the watch, nor show what no consumer signed', async () => {
    const home = createTestCli()
    const trade = await freshTrade(1_000, { deliveredWh: undefined })
    const nonsense = dossierOf(await freshTrade(1_000, { deliveredWh: undefined }), 2)
    const { node, url } = await serve(dossierOf(trade, 1), {
      ...nonsense,
      ctp: { ...nonsense.ctp, energyWh: wh(0) },
    })
    expect((await watchOnce(url, home)).trades).toMatchObject([{ ctpId: trade.ctpId }])
    for (const code of ['ctp/unknown', 'store/failed', 'ctp/wrong-market'] as const) {
      node.ctp = () => {
        throw new SpbError(code)
      }
      expect(await watchOnce(url, createTestCli())).toMatchObject({ chain: true })
    }
  })
})

describe('a producer’s book', () => {
  it('notices a chain that stands still, and a node that takes its time', async () => {
    let nowMs = 0
    const home = createTestCli()
    const trades = [await freshTrade(1_000), await freshTrade(1_000)]
    const { url } = await serve(...trades.map((trade, at) => dossierOf(trade, at + 1)))
    const rpc = connectRpc({ url: world.anvil.url })
    const book = new ProducerBook({
      ...{ folder: dataFolderOf(home, {}), producer: bob.address, market: world.facts },
      ...{ chain: { client: rpc.client, endpoint: world.anvil.url }, nowMs: () => nowMs },
    })
    await book.readChain()
    nowMs = 60_000
    await book.readChain()
    expect(book.isChainStalled).toBe(false)
    nowMs++
    expect(book.isChainStalled).toBe(true)
    await pass(1)
    await book.readChain()
    expect(book.isChainStalled).toBe(false)
    const client = createNodeClient({ url })
    const slow = {
      ...client,
      ctp: (key: `0x${string}` | number) => {
        nowMs += 30_001
        return client.ctp(key)
      },
    }
    await book.readNode(slow)
    expect(book.entries()).toHaveLength(1)
    await book.readNode(slow)
    expect(book.entries()).toHaveLength(2)
  })
})

describe('P3: a chain that is wrong for a moment', () => {
  it('does not decide over a kept proof for good', async () => {
    const home = createTestCli()
    const { url } = await serve(dossierOf(await freshTrade(1_000), 1))
    await succeed(`producer watch --account ${bob.address} --once --node ${url}`, home)
    const rpc = connectRpc({ url: world.anvil.url })
    let isLost = true
    const request = async ({ method, params }: { method: string; params?: unknown }) =>
      isLost && `${JSON.stringify(params)}`.includes(toFunctionSelector('domainSeparator()'))
        ? '0x'
        : await rpc.client.request({ method, params } as never)
    const book = new ProducerBook({
      ...{ folder: dataFolderOf(home, {}), producer: bob.address, market: undefined },
      chain: { client: createClient({ transport: custom({ request }) }), endpoint: 'a test' },
      nowMs: () => 0,
    })
    const verdict = () => findingsOf(book.entries()[0]!).certificate.verdict
    await book.readChain()
    expect(verdict()).toBe('failed')
    isLost = false
    await book.readChain()
    expect(verdict()).toBe('passed')
  })
})

describe('P3: the folder of proofs', () => {
  it('is no reason to refuse what a node proves, where a file is torn', async () => {
    const trade = await freshTrade(1_000)
    const { url } = await serve(dossierOf(trade, 95))
    const path = keptPath(trade.ctpId)
    writeFileSync(path, formatTradeProof(trade.proof).slice(0, 500))
    expect(await refuse(`settle --proof ${trade.ctpId}`)).toEqual([2, 'input/shape'])
    expect(await succeed(`settle --proof ${trade.ctpId} --node ${url}`)).toMatchObject({
      ctpId: trade.ctpId,
    })
    expect(parseTradeProof(readFileSync(path, 'utf8')).settlement).toBeDefined()
  })

  it('hides no payment where it cannot be written', async () => {
    const home = createTestCli()
    writeFileSync(join(home.cwd, 'bob.key'), bytesToHex(bob.privateKey))
    await runCli(home, 'account import bob --file bob.key')
    writeFileSync(join(home.cwd, '.spb/proofs'), '')
    writeFileSync(join(home.cwd, 'proof.json'), formatTradeProof((await freshTrade(1_000)).proof))
    const { code, out } = await runCli(home, `settle --file proof.json ${chainOption()}`)
    expect({ code, out }).toMatchObject({ code: 0, out: expect.stringMatching(/cannot be made/) })
    expect(out).toContain('is settled by its proof')
  })

  it('is watched after a payment too: a reorganisation may take it back', async () => {
    const home = createTestCli()
    const trade = await freshTrade(1_000)
    const settlement = { transactionHash: trade.ctpId, blockNumber: 1 }
    const { url } = await serve(dossierOf(trade, 1))
    await succeed(`producer watch --account ${bob.address} --once --node ${url}`, home)
    await server?.close()
    writeFileSync(keptPath(trade.ctpId, home), formatTradeProof({ ...trade.proof, settlement }))
    const words = `producer watch --account ${bob.address} --once --node ${url}`
    expect((await succeed(words, home)).trades).toMatchObject([{ advice: { kind: 'settle' } }])
    await succeed(`settle --file ${write('again.json', trade.proof)}`)
    expect((await succeed(words, home)).trades).toEqual([])
  })
})
