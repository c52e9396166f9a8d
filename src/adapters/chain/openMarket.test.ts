import { getCode } from 'viem/actions'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { complianceOptions, members, parties, partyOf } from '../../ports/chainWorld.ts'
import { bytesToHex, zeroBytes32 } from '../../protocol/bytes.ts'
import { seconds } from '../../protocol/units.ts'
import { mine, setAutomine } from './anvilControl.ts'
import { requestAnvil } from './anvilRpc.ts'
import { type AnvilWorld, openAnvilWorld } from './anvilWorld.ts'
import { type DeployMarketOptions, defaultMarketOptions, deployMarket } from './deployMarket.ts'
import { RpcRefusal, startFakeRpc } from './fakeRpc.ts'
import { openMarket } from './openMarket.ts'
import { connectRpc } from './rpcConnection.ts'

let world: AnvilWorld
beforeAll(async () => {
  world = await openAnvilWorld()
  await mine(world.anvil, 5)
  await setAutomine(world.anvil, true)
})
afterAll(() => world.close())

/** A client that refuses some requests, and asks anvil for the rest. */
async function withRefusal<Result>(
  isRefused: (method: string, params: unknown[]) => boolean,
  work: (url: string) => Promise<Result>,
): Promise<Result> {
  const fake = await startFakeRpc((method, params) => {
    if (isRefused(method, params)) throw new RpcRefusal(-32_000, 'not here')
    return requestAnvil(world.anvil.port, method, params)
  })
  return await work(fake.url).finally(fake.close)
}

function deploy(change: Partial<DeployMarketOptions> = {}) {
  return deployMarket({
    url: world.anvil.url,
    deployerKey: bytesToHex(parties.bob.privateKey),
    members: members.map(({ address }) => address),
    salt: zeroBytes32,
    ...change,
  })
}

test('reads what the market fixed, and where its events begin', async () => {
  const { url } = world.anvil
  const { address } = world.facts
  expect(world.facts.options).toEqual(complianceOptions)
  expect(await openMarket({ url, address })).toEqual(world.facts)
  const upper = `0x${address.slice(2).toUpperCase()}` as const
  const known = await openMarket({ url, address: upper, chainId: 4_242, deploymentBlock: 1 })
  expect(known).toEqual({ ...world.facts, deploymentBlock: 1 })
})

test('finds the first block by its code where events cannot be searched', async () => {
  const { address } = world.facts
  const isSearch = (method: string) => method === 'eth_getLogs'
  const bisected = await withRefusal(isSearch, (url) => openMarket({ url, address }))
  expect(bisected.deploymentBlock).toBe(world.facts.deploymentBlock)
})

test('begins at block 0 where the client has no old states either', async () => {
  const { address } = world.facts
  const isOld = (method: string, [, block]: unknown[]) =>
    method === 'eth_getLogs' || (method === 'eth_getCode' && block !== 'latest')
  const facts = await withRefusal(isOld, (url) => openMarket({ url, address }))
  expect(facts).toEqual({ ...world.facts, deploymentBlock: 0 })
})

test('refuses another chain, no contract, and a contract that is no market', async () => {
  const { url } = world.anvil
  const { address } = world.facts
  await expect(openMarket({ url, address, chainId: 1 })).rejects.toMatchObject({
    code: 'chain/wrong-chain-id',
  })
  const nobody = openMarket({ url, address: partyOf(88).address })
  await expect(nobody).rejects.toMatchObject({ code: 'chain/no-contract' })
  const stranger = partyOf(89).address
  for (const code of ['0x60006000fd', '0x00']) {
    await requestAnvil(world.anvil.port, 'anvil_setCode', [stranger, code])
    const refused = openMarket({ url, address: stranger })
    await expect(refused).rejects.toMatchObject({ code: 'chain/no-contract' })
  }
})

test('deploys with defaults that a market takes, in code that every chain takes', async () => {
  const facts = await deploy()
  expect(facts.options).toEqual(defaultMarketOptions)
  expect(await openMarket({ url: world.anvil.url, address: facts.address })).toEqual(facts)
  const { client } = connectRpc({ url: world.anvil.url })
  const code = await getCode(client, { address: facts.address })
  expect((code!.length - 2) / 2).toBeLessThan(24_576)
})

test('deploys where the salt says, once', async () => {
  const { url } = world.anvil
  const one = await deploy()
  const two = await deploy({ salt: `0x${'01'.repeat(32)}` })
  expect(one.address).not.toBe(two.address)
  const factoryReceipt = await requestAnvil(world.anvil.port, 'eth_getBlockByNumber', [
    `0x${one.deploymentBlock.toString(16)}`,
    true,
  ])
  const { to } = (factoryReceipt as { transactions: { to: `0x${string}` }[] }).transactions[0]!
  const again = deploy({ url, factory: to })
  await expect(again).rejects.toMatchObject({ meta: { contractError: 'DeploymentFailed' } })
  const other = await deploy({ url, factory: to, salt: `0x${'02'.repeat(32)}` })
  expect(other.deploymentBlock).toBe((await world.chain.head()).number)
})

test('says why the market’s constructor refused', async () => {
  const two = members.slice(0, 2).map(({ address }) => address)
  await expect(deploy({ members: two })).rejects.toMatchObject({
    code: 'chain/reverted',
    meta: { contractError: 'InvalidCommitteeSize', size: '2' },
  })
  const options = { withdrawalDelaySeconds: seconds(60) }
  await expect(deploy({ options })).rejects.toMatchObject({
    meta: { contractError: 'InvalidWithdrawalDelay' },
  })
  const poor = deploy({ deployerKey: bytesToHex(partyOf(90).privateKey) })
  await expect(poor).rejects.toMatchObject({ code: 'chain/insufficient-funds' })
  await expect(deploy({ url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'chain/unreachable',
  })
})

test('gives up where no block comes', async () => {
  await setAutomine(world.anvil, false)
  const late = deploy({ receiptTimeoutMs: 100 })
  await expect(late).rejects.toMatchObject({ code: 'chain/not-included' })
})
