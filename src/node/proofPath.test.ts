import { afterEach, describe, expect, it } from 'vitest'
import { member } from '../../test/support/machineFixture.ts'
import {
  makeReceipt,
  makeSubmission,
  manufacturer,
  type Party,
  partyOf,
  startSeconds,
  testFacts,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryChain } from '../adapters/chain/memoryChain.ts'
import { MemoryEthereum, type ReorgFate } from '../adapters/chain/memoryEthereum.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { MarketAction } from '../ports/marketAction.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { packDecline, packSettleWithProof } from '../protocol/proofSettlement.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { composeNode, type RunningNode } from './compose.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const depositWei = 10_000n
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const committee = { epoch: 1, members: [member.address] }
const closings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const close of closings.splice(0)) await close()
})

/** A chain in memory whose consumer has money, and whose producer offers 10 kWh. */
function openChain(): MemoryEthereum {
  const ethereum = new MemoryEthereum({
    market: testMarket,
    options: testFacts.options,
    members: [member.address],
    manufacturers: [manufacturer.address],
    timeSeconds: seconds(startSeconds),
  })
  ethereum.send(consumer.address, { kind: 'deposit', amountWei: wei(depositWei) })
  ethereum.send(producer.address, { kind: 'openEnergyAccount', burnedWei: wei(0n) })
  ethereum.send(producer.address, {
    kind: 'addEnergy',
    ...{ energyWh: wh(10_000), priceWeiPerKwh: 2_000n, isNegotiable: false },
    ...{ untilSeconds: seconds(startSeconds + 86_400), negotiationKey: '0x' },
  })
  ethereum.mine(seconds(startSeconds + 1))
  return ethereum
}

async function startNode(ethereum: MemoryEthereum, key: Party, confirmations: number) {
  const chain = createMemoryChain(ethereum, key.address)
  const node = await composeNode(
    {
      ...{ facts: ethereum.facts, memberKey: key.key, confirmations, isFirstStart: true },
      ...{ pollMs: 0, batchAgeMs: 0, stallMs: 10 ** 9 },
    },
    {
      ...{ store: createMemoryStore(), chain, log: quiet },
      clock: { nowMs: () => ethereum.head().timeSeconds * 1000 },
    },
  )
  closings.push(() => node.close())
  return node
}

/** A chain, its one member’s node, and how a test drives both. */
class World {
  readonly ethereum: MemoryEthereum
  readonly node: RunningNode

  constructor(ethereum: MemoryEthereum, node: RunningNode) {
    this.ethereum = ethereum
    this.node = node
  }

  /** Makes blocks a second apart, or one at a time, and has the node read each. */
  async mine(blocks = 1, timeSeconds = this.ethereum.head().timeSeconds + 1): Promise<void> {
    for (let block = 0; block < blocks; block++) {
      this.ethereum.mine(seconds(timeSeconds + block))
      await this.look()
    }
  }

  /** Twice: what the first look led to, such as a settlement, is on its way after the second. */
  async look(): Promise<void> {
    await this.node.poll()
    await this.node.poll()
  }

  async reorg(depth: number, fate: ReorgFate): Promise<void> {
    this.ethereum.reorg(depth, fate)
    for (let block = 0; block < depth; block++) {
      this.ethereum.mine(seconds(this.ethereum.head().timeSeconds + 1), 0)
    }
    await this.look()
  }

  /** Has a CTP of 500 Wh for 1,000 wei certified; returns what its producer needs. */
  async buy(nonce = 0) {
    const terms = { consumer, producer, nonce, offerId: 1n }
    const { meterKey, ...submission } = makeSubmission(terms)
    const { ctpId } = await this.node.service.submitCtp(submission)
    const { holdCertificate } = this.node.service.ctp(ctpId)
    const receiptOf = (deliveredWh: number) => makeReceipt(testMarket, ctpId, deliveredWh, meterKey)
    const proofOf = (deliveredWh: number): MarketAction => ({
      kind: 'settleWithProof',
      ...packSettleWithProof(committee, holdCertificate!, receiptOf(deliveredWh)),
    })
    const decline: MarketAction = { kind: 'decline', ...packDecline(committee, holdCertificate!) }
    return { ctpId, receiptOf, proofOf, decline, expirySeconds: submission.ctp.expirySeconds }
  }

  ctp(ctpId: Bytes32) {
    return this.node.service.ctp(ctpId)
  }

  /** Balance, what is held of it, live CTPs. */
  consumer() {
    const { balanceWei, heldWei, liveCtps } = this.node.service.account(consumer.address)
    return [balanceWei, heldWei, liveCtps]
  }

  earnedWei(): bigint {
    return this.node.service.account(producer.address).balanceWei
  }

  soldWh(): number {
    const [offer] = this.node.service.offers({ isClosedIncluded: true })
    return 10_000 - offer!.leftWh
  }

  /** The kinds of all events since the deposit that say that money moved. */
  payments(): string[] {
    const numbers = Array.from({ length: this.ethereum.head().number + 1 }, (_, at) => at)
    return numbers
      .flatMap((number) => this.ethereum.block(number)!.events)
      .filter((event) => event.kind !== 'Settled' || event.settledBitmap !== 0n)
      .map(({ kind }) => kind)
      .filter((kind) => kind.startsWith('Settled'))
  }
}

async function openWorld(confirmations = 0): Promise<World> {
  const ethereum = openChain()
  const world = new World(ethereum, await startNode(ethereum, member, confirmations))
  await world.mine(confirmations)
  return world
}

describe('a trade that is paid by proof', () => {
  it('P3: is settled at a node that never heard of its receipt', async () => {
    const world = await openWorld()
    const { ctpId, proofOf } = await world.buy()
    expect(world.consumer()).toEqual([depositWei, 1_000n, 1])
    world.ethereum.send(partyOf('anybody').address, proofOf(500))
    await world.mine()
    expect(world.ctp(ctpId)).toMatchObject({
      ...{ state: 'settled', deliveredWh: 500, paymentWei: 1_000n },
      settlement: { blockNumber: world.ethereum.head().number, gasShare: 60_000 },
    })
    expect(world.consumer()).toEqual([depositWei - 1_000n, 0n, 0])
    expect(world.earnedWei()).toBe(1_000n)
    expect(world.soldWh()).toBe(500)
    expect(world.node.service.totals()).toMatchObject({
      ...{ settled: 1, paidWei: 1_000n, settlementTransactions: 1, settlementGas: 60_000n },
    })
  })

  it('P3: is paid for the part that its producer proves, whatever its node knows', async () => {
    const world = await openWorld()
    const { ctpId, proofOf, receiptOf, expirySeconds } = await world.buy()
    await world.node.service.submitErc(receiptOf(100))
    world.ethereum.send(producer.address, proofOf(400))
    await world.mine(1, expirySeconds)
    expect(world.ctp(ctpId)).toMatchObject({
      ...{ state: 'settled', deliveredWh: 400, paymentWei: 800n },
    })
    expect(world.consumer()).toEqual([depositWei - 800n, 0n, 0])
    // Half of the grace later the node would have settled the part that it knew of.
    await world.mine(2, expirySeconds + 300)
    expect(world.payments()).toEqual(['SettledWithProof'])
  })

  it('counts at a node that does not know its CTP', async () => {
    const world = await openWorld()
    const other = await startNode(world.ethereum, partyOf('another node'), 0)
    const { ctpId, proofOf } = await world.buy()
    world.ethereum.send(producer.address, proofOf(500))
    await world.mine()
    await other.poll()
    expect(() => other.service.ctp(ctpId)).toThrow(expect.objectContaining({ code: 'ctp/unknown' }))
    expect(other.service.offers({})).toMatchObject([{ offerId: 1n, leftWh: 9_500 }])
    expect(other.service.account(consumer.address).balanceWei).toBe(depositWei - 1_000n)
    expect(other.service.totals()).toMatchObject({ settled: 1, paidWei: 1_000n })
  })
})

describe('a trade that its producer declines', () => {
  it('P4: is over, and its money free, once that is confirmed and not before', async () => {
    const world = await openWorld(2)
    const { ctpId, decline, receiptOf } = await world.buy()
    world.ethereum.send(producer.address, decline)
    await world.mine(2)
    expect(world.ctp(ctpId).state).toBe('held')
    expect(world.consumer()).toEqual([depositWei, 1_000n, 1])
    await world.mine()
    expect(world.ctp(ctpId)).toMatchObject({ state: 'declined', deliveredWh: 0 })
    expect(world.consumer()).toEqual([depositWei, 0n, 0])
    expect(world.soldWh()).toBe(0)
    expect(world.node.service.totals()).toMatchObject({ settled: 0, settlementTransactions: 0 })
    await expect(world.node.service.submitErc(receiptOf(500))).rejects.toMatchObject({
      code: 'erc/closed',
    })
    expect((await world.buy(1)).ctpId).not.toBe(ctpId)
  })

  it('holds its money again where a reorganisation takes the decline away', async () => {
    const world = await openWorld()
    await world.mine()
    const { ctpId, decline } = await world.buy()
    world.ethereum.send(producer.address, decline)
    await world.mine()
    expect(world.ctp(ctpId).state).toBe('declined')
    await world.reorg(1, 'lost')
    expect(world.ctp(ctpId).state).toBe('held')
    expect(world.consumer()).toEqual([depositWei, 1_000n, 1])
  })
})

describe('both settlement paths at once', () => {
  it('P5: pay once where the proof comes first, and the loop goes on', async () => {
    const world = await openWorld()
    const { ctpId, proofOf, receiptOf } = await world.buy()
    world.ethereum.send(producer.address, proofOf(500))
    // The node's batch goes out while the proof waits for the next block, and comes after it.
    await world.node.service.submitErc(receiptOf(500))
    await world.look()
    await world.mine()
    expect(world.payments()).toEqual(['SettledWithProof'])
    expect(world.ethereum.head().events.map(({ kind }) => kind)).toEqual([
      'SettledWithProof',
      'Settled',
    ])
    expect(world.ctp(ctpId)).toMatchObject({ state: 'settled', paymentWei: 1_000n })
    expect(world.node.service.status()).toMatchObject({ settlementsInFlight: 0 })
    const next = await world.buy(1)
    await world.node.service.submitErc(next.receiptOf(500))
    await world.look()
    await world.mine()
    expect(world.ctp(next.ctpId).state).toBe('settled')
    expect(world.payments()).toEqual(['SettledWithProof', 'Settled'])
    expect(world.consumer()).toEqual([depositWei - 2_000n, 0n, 0])
    expect(world.node.service.totals()).toMatchObject({ settled: 2, paidWei: 2_000n })
  })

  it('P5: pay once where the batch comes first', async () => {
    const world = await openWorld()
    const { ctpId, proofOf, receiptOf } = await world.buy()
    await world.node.service.submitErc(receiptOf(500))
    await world.look()
    world.ethereum.send(producer.address, proofOf(500))
    await world.mine()
    await world.mine()
    expect(world.payments()).toEqual(['Settled'])
    expect(world.ctp(ctpId)).toMatchObject({ state: 'settled', paymentWei: 1_000n })
    expect(world.earnedWei()).toBe(1_000n)
  })

  it('P5: pay once where blocks are reorganised, whichever path the new ones take', async () => {
    for (const fate of ['lost', 'pending'] as const) {
      const world = await openWorld()
      await world.mine()
      const { ctpId, proofOf, receiptOf } = await world.buy()
      world.ethereum.send(producer.address, proofOf(500))
      await world.mine()
      expect(world.ctp(ctpId).state).toBe('settled')
      await world.reorg(1, fate)
      expect(world.ctp(ctpId).state).toBe('held')
      expect(world.consumer()).toEqual([depositWei, 1_000n, 1])
      await world.node.service.submitErc(receiptOf(500))
      await world.look()
      await world.mine(3)
      expect(world.payments()).toEqual([fate === 'lost' ? 'Settled' : 'SettledWithProof'])
      expect(world.ctp(ctpId)).toMatchObject({ state: 'settled', paymentWei: 1_000n })
      expect(world.consumer()).toEqual([depositWei - 1_000n, 0n, 0])
      expect(world.soldWh()).toBe(500)
    }
  })

  it('sends no batch for what a head shows as paid or declined', async () => {
    const world = await openWorld(3)
    const [paid, declined, other] = [await world.buy(0), await world.buy(1), await world.buy(2)]
    world.ethereum.send(producer.address, paid.proofOf(500))
    world.ethereum.send(producer.address, declined.decline)
    await world.mine()
    for (const { receiptOf } of [paid, declined, other]) {
      await world.node.service.submitErc(receiptOf(500))
    }
    await world.look()
    await world.mine(8)
    const batches = Array.from(
      { length: world.ethereum.head().number + 1 },
      (_, number) => world.ethereum.block(number)!.events,
    )
      .flat()
      .filter((event) => event.kind === 'Settled')
    expect(batches).toMatchObject([{ settledBitmap: 1n }])
    expect(batches[0]!.items).toHaveLength(2 + 2 * 141)
    const states = [paid, declined, other].map(({ ctpId }) => world.ctp(ctpId).state)
    expect(states).toEqual(['settled', 'declined', 'settled'])
    expect(world.consumer()).toEqual([depositWei - 2_000n, 0n, 0])
  })
})

describe('the market view of a node', () => {
  it('lists manufacturers and revoked meters', async () => {
    const world = await openWorld()
    expect(world.node.service.market()).toEqual({
      ...world.ethereum.facts,
      manufacturers: [{ manufacturer: manufacturer.address, endsSeconds: 2 ** 40 - 1 }],
      revokedMeters: [],
    })
  })
})
