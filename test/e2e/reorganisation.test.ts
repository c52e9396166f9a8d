import { afterEach, describe, expect, it } from 'vitest'
import { type AnvilHandle, startAnvil } from '../../src/adapters/chain/anvil.ts'
import { mineAt, reorg, setAutomine, setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { deployMarket } from '../../src/adapters/chain/deployMarket.ts'
import { createEthereumChain, type EthereumChain } from '../../src/adapters/chain/ethereumChain.ts'
import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import { composeNode, type RunningNode } from '../../src/node/compose.ts'
import { bytesToHex } from '../../src/protocol/bytes.ts'
import type { Market } from '../../src/protocol/digest.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import { seconds, wei } from '../../src/protocol/units.ts'
import { createMarketClient } from '../../src/sdk/marketClient.ts'
import { deposit } from '../../src/sdk/marketContract.ts'
import { makeReceipt, makeSubmission, manufacturer, partyOf } from '../support/tradeFixture.ts'

const member = partyOf('reorg member')
const consumer = partyOf('reorg consumer')
const producer = partyOf('reorg producer')
const amountWei = 10n ** 12n
const depositWei = 10n ** 18n
const startSeconds = 1_800_000_000
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

type World = { anvil: AnvilHandle; chain: EthereumChain; node: RunningNode; market: Market }
let world: World

afterEach(async () => {
  await world.node.close()
  world.chain.close()
  await world.anvil.stop()
})

/** A market on a real chain, its node, and a consumer with money; blocks come when asked for. */
async function openWorld(confirmations: number): Promise<World> {
  const anvil = await startAnvil({ chainId: 31_337, timestampSeconds: seconds(startSeconds) })
  for (const { address } of [member, consumer]) await setBalance(anvil, address, 10n * depositWei)
  const facts = await deployMarket({
    url: anvil.url,
    deployerKey: bytesToHex(member.key),
    members: [member.address],
    manufacturers: [manufacturer.address],
    salt: bytesToHex(keccak256(new TextEncoder().encode('reorganisation'))),
  })
  const market = { chainId: facts.chainId, address: facts.address }
  const household = { url: anvil.url, market, privateKey: bytesToHex(consumer.key) }
  await deposit(createMarketClient({ ...household, pollingIntervalMs: 50 }), wei(depositWei))
  await setAutomine(anvil, false)
  const senderKey = bytesToHex(member.key)
  const chain = createEthereumChain({ url: anvil.url, market: facts, senderKey })
  let nowMs = startSeconds * 1000
  const node = await composeNode(
    {
      ...{ facts, memberKey: member.key, confirmations, pollMs: 0, batchAgeMs: 0, resendMs: 0 },
      ...{ stallMs: 3_600_000, isFirstStart: true },
    },
    // Each look at the clock is a second later, so that nothing waits for real time.
    { store: createMemoryStore(), chain, log: quiet, clock: { nowMs: () => (nowMs += 1_000) } },
  )
  return { anvil, chain, node, market }
}

async function mineAndPoll(blocks = 1): Promise<void> {
  for (let block = 0; block < blocks; block++) {
    const { timeSeconds } = await world.chain.head()
    await mineAt(world.anvil, seconds(timeSeconds + 1))
    await world.node.poll()
  }
}

/** Mines and looks until something is true, within a bound of blocks. */
async function mineUntil(isTrue: () => boolean): Promise<void> {
  for (let block = 0; block < 40 && !isTrue(); block++) await mineAndPoll()
  expect(isTrue()).toBe(true)
}

async function buy(): Promise<`0x${string}`> {
  const { market, node, chain } = world
  const expirySeconds = (await chain.head()).timeSeconds + 3_600
  const terms = { market, consumer, producer, amountWei, energyWh: 1_000, expirySeconds }
  const { meterKey, ...submission } = makeSubmission(terms)
  const { ctpId } = await node.service.submitCtp(submission)
  await node.service.submitErc(makeReceipt(market, ctpId, 1_000, meterKey))
  return ctpId
}

async function readBalances(): Promise<bigint[]> {
  const { number } = await world.chain.head()
  const states = await world.chain.accounts([consumer.address, producer.address], number)
  return states.map(({ balanceWei }) => balanceWei)
}

describe('a chain that is reorganised', () => {
  it('P5: a settlement that was lost with its block is made again, and pays once', async () => {
    world = await openWorld(0)
    const { node, anvil } = world
    await mineAndPoll()
    const ctpId = await buy()
    const stateOf = () => node.service.ctp(ctpId).state
    await mineUntil(() => stateOf() === 'settled')
    expect(await readBalances()).toEqual([depositWei - amountWei, amountWei])

    // As deep as the settlement lies; its transaction is lost.
    const { blockNumber } = node.service.ctp(ctpId).settlement!
    await reorg(anvil, (await world.chain.head()).number - blockNumber + 1)
    expect(await readBalances()).toEqual([depositWei, 0n])
    await node.poll()
    expect(stateOf()).toBe('receipted')
    expect(node.service.account(consumer.address).heldWei).toBe(amountWei)

    await mineUntil(() => stateOf() === 'settled')
    await mineAndPoll(3)
    expect(await readBalances()).toEqual([depositWei - amountWei, amountWei])
    expect(node.service.account(consumer.address)).toMatchObject({
      ...{ balanceWei: depositWei - amountWei, heldWei: 0n, liveCtps: 0 },
    })
  })

  it('shallower than the confirmations changes nothing that was confirmed', async () => {
    world = await openWorld(3)
    const { node, anvil } = world
    await mineAndPoll(4)
    const ctpId = await buy()
    await mineAndPoll(2)
    expect(node.service.ctp(ctpId).state).toBe('receipted')
    await reorg(anvil, 2)
    await node.poll()
    expect(node.service.status().isVoting).toBe(true)
    await mineUntil(() => node.service.ctp(ctpId).state === 'settled')
    expect(await readBalances()).toEqual([depositWei - amountWei, amountWei])
  })
})
