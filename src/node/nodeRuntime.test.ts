import { describe, expect, it } from 'vitest'
import {
  accountOf,
  blockOf,
  eventOf,
  foundingEvents,
  member,
} from '../../test/support/machineFixture.ts'
import {
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testFacts,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { Chain } from '../ports/chain.ts'
import type { Store } from '../ports/store.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { composeNode } from './compose.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A chain of one block in which every account is rich; it can be made to fail. */
function createRichChain(): Chain & { fail: SpbError | undefined; timeSeconds: number } {
  const check = () => {
    if (chain.fail !== undefined) throw chain.fail
  }
  const chain: Chain & { fail: SpbError | undefined; timeSeconds: number } = {
    fail: undefined,
    timeSeconds: startSeconds,
    async head() {
      check()
      return blockOf(1, chain.timeSeconds)
    },
    blockAt: async (number) => (number === 1 ? blockOf(1, chain.timeSeconds) : undefined),
    events: async () => [
      ...foundingEvents(1),
      eventOf(1, {
        kind: 'Deposited',
        account: consumer.address,
        from: consumer.address,
        amountWei: wei(9_000n),
      }),
    ],
    accounts: async (addresses) =>
      addresses.map((account) => accountOf(account, { balanceWei: wei(9_000n) })),
    committee: async () => ({ members: [member.address], endedAtSeconds: seconds(0) }),
    currentEpoch: async () => 1,
    headers: async () => [],
    announceRoot: async () => false,
    sendSettlement: async () => `0x${'01'.repeat(32)}` as const,
    outcomeOf: async () => ({ status: 'pending' }),
  }
  return chain
}

/** A memory store that counts syncs and can fail like a full disk. */
function createCountingStore(): Store & { syncs: number; isFull: boolean } {
  const inner = createMemoryStore()
  const store = Object.assign(Object.create(inner) as Store, {
    syncs: 0,
    isFull: false,
    get: inner.get.bind(inner),
    entries: inner.entries.bind(inner),
    count: inner.count.bind(inner),
    close: inner.close.bind(inner),
    commit: inner.commit.bind(inner),
    sync() {
      if (store.isFull) throw new SpbError('store/failed', 'The disk is full.')
      store.syncs++
      inner.sync()
    },
  })
  return store
}

async function openNode(options: { waitingRequests?: number } = {}) {
  const chain = createRichChain()
  const store = createCountingStore()
  const node = await composeNode(
    {
      facts: testFacts,
      memberKey: member.key,
      pollMs: 0,
      isFirstStart: true,
      ...options,
    },
    { store, chain, log: quiet, clock: { nowMs: () => startSeconds * 1000 } },
  )
  return { chain, store, node }
}

const submissionOf = (nonce: number) => {
  const { meterKey, ...submission } = makeSubmission({ consumer, producer, nonce, amountWei: 10n })
  return { submission, meterKey }
}

describe('the running node', () => {
  it('P8: answers only after a sync, and one sync serves many answers', async () => {
    const { node, store } = await openNode()
    const before = store.syncs
    const { submission } = submissionOf(0)
    const [first, again] = await Promise.all([
      node.service.submitCtp(submission),
      node.service.submitCtp(submission),
    ])
    expect(first).toMatchObject({ number: 1, state: 'held' })
    expect(again).toEqual(first)
    expect(store.syncs - before).toBeLessThanOrEqual(2)
    expect(store.syncs).toBeGreaterThan(before)
    await node.close()
  })

  it('answers refusals as SpbErrors, from the checks without and with state', async () => {
    const { node } = await openNode()
    const { submission } = submissionOf(0)
    const elsewhere = { ...submission, market: { ...testMarket, chainId: 5 } }
    await expect(node.service.submitCtp(elsewhere)).rejects.toMatchObject({
      code: 'ctp/wrong-market',
    })
    await expect(node.service.submitCtp(submissionOf(3).submission)).rejects.toMatchObject({
      code: 'ctp/nonce-skipped',
    })
    await node.close()
  })

  it('stops for good when the disk fails: what it cannot write down it does not say', async () => {
    const { node, store } = await openNode()
    store.isFull = true
    const { submission } = submissionOf(0)
    await expect(node.service.submitCtp(submission)).rejects.toMatchObject({ code: 'store/failed' })
    expect(() => node.service.ctps({})).toThrow(expect.objectContaining({ code: 'store/failed' }))
    store.isFull = false
    await expect(node.service.submitCtp(submission)).rejects.toMatchObject({ code: 'store/failed' })
    expect(node.service.status()).toMatchObject({ isVoting: false, reason: 'store/failed' })
    await node.close()
  })

  it('refuses more waiting requests than allowed: node/overloaded', async () => {
    const { node } = await openNode({ waitingRequests: 1 })
    const first = node.service.submitCtp(submissionOf(0).submission)
    await expect(node.service.submitCtp(submissionOf(1).submission)).rejects.toMatchObject({
      code: 'node/overloaded',
    })
    await expect(first).resolves.toMatchObject({ state: 'held' })
    await node.close()
  })

  it('goes on when the chain comes back, and says meanwhile what is wrong', async () => {
    const { node, chain } = await openNode()
    chain.fail = new SpbError('chain/unreachable')
    await node.poll()
    expect(node.service.status().isVoting).toBe(true)
    chain.fail = undefined
    await node.poll()
    expect(node.service.status()).toMatchObject({ isVoting: true, epoch: 1, quorum: 1, member: 0 })
    await node.close()
  })

  it('tells listeners what happened, in order', async () => {
    const { node } = await openNode()
    const states: string[] = []
    const stop = node.service.subscribe((event) => {
      if (event.kind === 'ctp') states.push(event.ctp.state)
    })
    const { submission, meterKey } = submissionOf(0)
    const { ctpId } = await node.service.submitCtp(submission)
    await node.service.submitErc(makeReceipt(testMarket, ctpId, 500, meterKey))
    stop()
    expect(states).toEqual(['held', 'receipted'])
    expect(node.service.totals()).toMatchObject({ ctps: 1, receiptedWh: wh(500) })
    await node.close()
  })

  it('refuses what comes after it was closed', async () => {
    const { node } = await openNode()
    await node.close()
    await expect(node.service.submitCtp(submissionOf(0).submission)).rejects.toMatchObject({
      code: 'node/not-voting',
    })
  })
})
