import { privateKeyToAccount } from 'viem/accounts'
import { deployContract, getTransaction, waitForTransactionReceipt } from 'viem/actions'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Chain, SettleCall } from '../../ports/chain.ts'
import {
  fund,
  later,
  makeCall,
  makeItem,
  mineLater,
  parties,
  partyOf,
  settleNow,
} from '../../ports/chainWorld.ts'
import { bytesToHex, type Hex } from '../../protocol/bytes.ts'
import { wei } from '../../protocol/units.ts'
import { setAutomine } from './anvilControl.ts'
import { requestAnvil } from './anvilRpc.ts'
import { type AnvilWorld, openAnvilWorld } from './anvilWorld.ts'
import { createEthereumChain, type EthereumChainOptions } from './ethereumChain.ts'
import { RpcRefusal, startFakeRpc } from './fakeRpc.ts'
import { connectRpc, type RpcConnection } from './rpcConnection.ts'

let world: AnvilWorld
let rpc: RpcConnection
beforeAll(async () => {
  world = await openAnvilWorld()
  rpc = connectRpc({ url: world.anvil.url })
  await fund(world, parties.alice)
})
afterAll(() => world.close())

const chainOf = (change: Partial<EthereumChainOptions> = {}) =>
  createEthereumChain({
    url: world.anvil.url,
    market: world.facts,
    senderKey: bytesToHex(parties.sender.privateKey),
    ...change,
  })

let nonce = 0
const nextItem = () => makeItem(world, { nonce: nonce++ })

test('refuses to work on another chain, whatever is asked first', async () => {
  const chain = chainOf({ market: { ...world.facts, chainId: 1 } })
  await expect(chain.head()).rejects.toMatchObject({ code: 'chain/wrong-chain-id' })
  await expect(chain.events(0, 1)).rejects.toMatchObject({ code: 'chain/wrong-chain-id' })
})

test('says of every call that the client does not answer', async () => {
  const settlement = makeCall(world, [await makeItem(world)])
  const chain = chainOf({ url: 'http://127.0.0.1:1' })
  const calls = [
    chain.head(),
    chain.blockAt(1),
    chain.events(0, 1),
    chain.accounts([parties.alice.address], 1),
    chain.committee(1),
    chain.currentEpoch(),
    chain.sendSettlement(settlement),
    chain.outcomeOf(`0x${'00'.repeat(32)}`),
  ]
  for (const result of await Promise.allSettled(calls)) {
    expect(result).toMatchObject({ status: 'rejected', reason: { code: 'chain/unreachable' } })
  }
})

test('works again once the client answers', async () => {
  let isUp = false
  const { url, close } = await startFakeRpc((method, params) => {
    if (!isUp) throw new RpcRefusal(-32_603, 'starting')
    return requestAnvil(world.anvil.port, method, params)
  })
  const chain = chainOf({ url })
  await expect(chain.currentEpoch()).rejects.toMatchObject({ code: 'chain/unreachable' })
  isUp = true
  expect(await chain.currentEpoch()).toBe(1)
  await close()
})

test('says that the client lacks an old state', async () => {
  const small = await openAnvilWorld({ keptStates: 4 })
  for (let at = 0; at < 12; at++) await mineLater(small)
  const { number } = await small.chain.head()
  const old = small.chain.accounts([parties.alice.address], number - 10)
  await expect(old).rejects.toMatchObject({
    code: 'chain/unreachable',
    meta: { reason: 'no-state' },
  })
  const above = small.chain.accounts([parties.alice.address], number + 10)
  await expect(above).rejects.toMatchObject({ code: 'chain/unreachable' })
  await small.close()
})

test('outbids its own settlement, in this process and after a restart', async () => {
  const [one, two] = [await nextItem(), await nextItem()]
  const [call, larger] = [makeCall(world, [one]), makeCall(world, [one, two])]
  const sentBy = async (chain: Chain, settlement: SettleCall) => {
    const hash = await chain.sendSettlement(settlement)
    const { maxFeePerGas, nonce: ethereumNonce } = await getTransaction(rpc.client, { hash })
    return { hash, fee: maxFeePerGas!, ethereumNonce }
  }
  const first = await sentBy(world.chain, call)
  const second = await sentBy(world.chain, call)
  expect(second.ethereumNonce).toBe(first.ethereumNonce)
  expect(second.fee * 1_000n).toBeGreaterThanOrEqual(first.fee * 1_125n)

  const restarted = chainOf()
  const third = await sentBy(restarted, larger)
  expect(third.ethereumNonce).toBe(first.ethereumNonce)
  expect(third.fee).toBeGreaterThan(second.fee)
  const fourth = await sentBy(chainOf(), larger)
  expect(fourth).toEqual(third)

  const capped = chainOf({ fees: { capWei: third.fee } })
  await expect(capped.sendSettlement(call)).rejects.toMatchObject({ code: 'chain/fee-cap' })
  const number = await mineLater(world)
  const events = await world.chain.events(number, number)
  expect(events).toMatchObject([{ transactionHash: third.hash, settledBitmap: 3n }])
})

test('sends one after the other what is sent at once', async () => {
  const [one, two] = [await nextItem(), await nextItem()]
  const hashes = await Promise.all([
    world.chain.sendSettlement(makeCall(world, [one])),
    world.chain.sendSettlement(makeCall(world, [one, two])),
  ])
  const number = await mineLater(world)
  expect(await world.chain.events(number, number)).toMatchObject([{ transactionHash: hashes[1] }])
  expect(await world.chain.outcomeOf(hashes[0])).toEqual({ status: 'dropped' })
})

test('settles 256 trades at once', async () => {
  const producers = Array.from({ length: 240 }, (_, at) => partyOf(at + 6).address)
  const items = await Promise.all(
    Array.from({ length: 256 }, (_, at) =>
      makeItem(world, {
        nonce: nonce++,
        amountWei: wei(100n),
        producer: producers[at % producers.length]!,
      }),
    ),
  )
  const { event } = await settleNow(world, items)
  expect(event.settledBitmap).toBe(2n ** 256n - 1n)
})

/** Code that calls the market with whatever it is called with. */
function wrapperCode(market: Hex): Hex {
  const runtime = `36600060003760006000366000600073${market.slice(2)}5af100`
  return `0x6027600c60003960276000f3${runtime}`
}

test('gives no items of a settlement that a wrapper called', async () => {
  const account = privateKeyToAccount(bytesToHex(parties.bob.privateKey))
  await setAutomine(world.anvil, true)
  const deployment = await deployContract(rpc.client, {
    abi: [],
    bytecode: wrapperCode(world.facts.address),
    account,
    chain: null,
  })
  const { contractAddress } = await waitForTransactionReceipt(rpc.client, { hash: deployment })
  const item = await nextItem()
  const market = { ...world.facts, address: contractAddress!.toLowerCase() as Hex }
  const hash = await chainOf({ market }).sendSettlement(makeCall(world, [item]))
  const { number } = await world.chain.head()
  const [event] = await world.chain.events(number, number)
  expect(event).toMatchObject({ kind: 'Settled', transactionHash: hash, settledBitmap: 1n })
  expect(event).not.toHaveProperty('items')
  await setAutomine(world.anvil, false)
  await later(world)
})
