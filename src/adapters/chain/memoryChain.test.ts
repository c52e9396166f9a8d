import { describe, expect, test } from 'vitest'
import { chainCases } from '../../ports/chain.compliance.ts'
import { headerCases } from '../../ports/chainHeader.compliance.ts'
import {
  actAndMine,
  type ChainWorld,
  complianceOptions,
  fund,
  later,
  makeItem,
  members,
  mineLater,
  parties,
  partyOf,
  settleNow,
} from '../../ports/chainWorld.ts'
import type { Address } from '../../protocol/bytes.ts'
import { seconds, wei } from '../../protocol/units.ts'
import { governanceEncoders } from './encodeGovernance.ts'
import { createMemoryChain, type MemoryChain } from './memoryChain.ts'
import { MemoryEthereum } from './memoryEthereum.ts'

type MemoryWorld = ChainWorld & { chain: MemoryChain; ethereum: MemoryEthereum }

function openMemoryWorld(proposers: readonly Address[] = []): MemoryWorld {
  const ethereum = new MemoryEthereum({
    market: { chainId: 4_242, address: partyOf(77).address },
    options: complianceOptions,
    members: members.map(({ address }) => address),
    authorities: [parties.authority.address],
    manufacturers: [parties.manufacturer.address],
    timeSeconds: seconds(1_700_000_000),
    proposers,
  })
  return {
    ethereum,
    chain: createMemoryChain(ethereum, parties.sender.address),
    facts: ethereum.facts,
    act: async ({ address }, action) => ethereum.send(address, action),
    mine: async (timeSeconds) => ethereum.mine(timeSeconds),
    reorg: async (depth) => {
      ethereum.reorg(depth, 'lost')
      for (let at = 0; at < depth; at++) {
        ethereum.mine(seconds(ethereum.head().timeSeconds + 1), 0)
      }
    },
    dropTransactions: async () => ethereum.dropTransactions(),
    impoverish: async (address) => ethereum.setBalance(address, 0n),
    ...governanceEncoders,
    tryOut: async ({ address }, action, time) => ethereum.tryOut(address, action, time),
  }
}

for (const { name, run } of chainCases) {
  test(name, () => run(openMemoryWorld()))
}

const { alice, bob, carol, sender } = parties

describe.each([
  { who: 'a client that makes blocks', proposers: [alice.address, sender.address] },
  { who: 'a client that makes none', proposers: [] },
])('$who', ({ proposers }) => {
  const takesRoots = proposers.length > 0
  for (const { name, run } of headerCases) {
    test(name, async () => {
      const world = openMemoryWorld(proposers)
      await run({ chain: world.chain, nextBlock: () => mineLater(world), takesRoots })
    })
  }
})

test('lets proposers take turns, or whoever is named', async () => {
  const { ethereum, chain } = openMemoryWorld([alice.address, bob.address])
  for (const at of [1, 2, 3]) ethereum.mine(seconds(1_700_000_000 + at))
  ethereum.mine(seconds(1_700_000_009), 0, bob.address)
  const proposers = (await chain.headers(1, 4)).map(({ proposer }) => proposer)
  expect(proposers).toEqual([bob, alice, bob, bob].map(({ address }) => address))
})

const deposit = { kind: 'deposit', amountWei: wei(1_000_000n) } as const

test('makes the same chain of the same calls, and another one of others', async () => {
  const play = async (amountWei: bigint) => {
    const { ethereum } = openMemoryWorld()
    ethereum.send(alice.address, { ...deposit, amountWei: wei(amountWei) })
    ethereum.mine(seconds(1_700_000_010))
    ethereum.reorg(1, 'pending')
    return ethereum.mine(seconds(1_700_000_010))
  }
  const [one, same, other] = await Promise.all([play(5n), play(5n), play(6n)])
  expect(same).toEqual(one)
  expect(other.events).not.toEqual(one.events)
})

test('shows a node that is behind the past, its own settlement still waiting', async () => {
  const world = openMemoryWorld()
  await fund(world, alice)
  const behind = createMemoryChain(world.ethereum, sender.address)
  behind.lagBlocks = 1
  const { event, hash } = await settleNow(world, [await makeItem(world)])
  expect((await behind.head()).number).toBe(event.blockNumber - 1)
  expect(await behind.blockAt(event.blockNumber)).toBe(undefined)
  await expect(behind.events(0, event.blockNumber)).rejects.toMatchObject({
    code: 'chain/unreachable',
  })
  expect(await behind.outcomeOf(hash)).toEqual({ status: 'pending' })
  behind.lagBlocks = 0
  expect(await behind.outcomeOf(hash)).toMatchObject({ status: 'included', isSuccess: true })
})

test('can be cut off, and come back', async () => {
  const { chain } = openMemoryWorld()
  chain.isReachable = false
  await expect(chain.head()).rejects.toMatchObject({ code: 'chain/unreachable' })
  chain.isReachable = true
  expect((await chain.head()).number).toBe(0)
})

test('returns the transactions of blocks that a reorganisation takes away', async () => {
  const world = openMemoryWorld()
  await fund(world, alice)
  const { hash } = await settleNow(world, [await makeItem(world)])
  world.ethereum.reorg(1, 'pending')
  expect(await world.chain.outcomeOf(hash)).toEqual({ status: 'pending' })
  world.ethereum.mine(await later(world), 0)
  expect(await world.chain.outcomeOf(hash)).toEqual({ status: 'pending' })
  world.ethereum.mine(await later(world))
  expect(await world.chain.outcomeOf(hash)).toMatchObject({ isSuccess: true })
})

test('includes what its block refuses, without effect', async () => {
  const { ethereum } = openMemoryWorld()
  const hash = ethereum.send(bob.address, { kind: 'withdraw' })
  const block = ethereum.mine(seconds(1_700_000_010))
  expect(block.events).toEqual([])
  expect(block.transactions.get(hash)?.inclusion.isSuccess).toBe(false)
})

test('never loses or makes ether', async () => {
  const world = openMemoryWorld()
  await fund(world, alice, carol)
  await settleNow(world, [await makeItem(world), await makeItem(world, { consumer: carol })])
  await actAndMine(world, bob, { kind: 'requestWithdrawal', amountWei: wei(5n) })
  await mineLater(world, complianceOptions.withdrawalDelaySeconds)
  await actAndMine(world, bob, { kind: 'withdraw' })
  const { accounts, etherWei } = world.ethereum.head().state
  expect(etherWei).toBe(1_999_995n)
  const sum = [...accounts.values()].reduce((total, { balanceWei }) => total + balanceWei, 0n)
  expect(sum).toBe(etherWei)
})
