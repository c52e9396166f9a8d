import { afterEach, describe, expect, it } from 'vitest'
import { createRichChainOf } from '../../test/support/richChain.ts'
import {
  makeSubmission,
  partyOf,
  startSeconds,
  testFacts,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createLibp2pNetwork } from '../adapters/network/libp2pNetwork.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { Network } from '../ports/network.ts'
import { verifyCtpSubmission } from '../protocol/ctpSubmission.ts'
import { composeNode, type RunningNode } from './compose.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const consumer = partyOf('consumer')
const producer = partyOf('producer')
const parties = [0, 1, 2, 3].map((at) => partyOf(`network member ${at}`))
const running: RunningNode[] = []

afterEach(async () => {
  await Promise.all(running.splice(0).map((node) => node.close()))
})

async function startNodes(count: number): Promise<RunningNode[]> {
  const members = parties.slice(0, count).map(({ address }) => address)
  const known: Network[] = []
  for (const { key } of parties.slice(0, count)) {
    const network = createLibp2pNetwork({
      privateKey: key,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      topic: 'spb/1/test',
      log: quiet,
    })
    for (const other of known) for (const address of other.addresses()) network.connect(address)
    const node = await composeNode(
      { facts: testFacts, memberKey: key, pollMs: 50, isFirstStart: true },
      {
        store: createMemoryStore(),
        chain: createRichChainOf(members, [consumer.address]),
        log: quiet,
        clock: { nowMs: () => startSeconds * 1000 },
        network,
      },
    )
    known.push(network)
    running.push(node)
  }
  return [...running]
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 20))
}

describe('four nodes over real connections', () => {
  it('certify a CTP, and each keeps its certificate', async () => {
    const nodes = await startNodes(4)
    await until(() => nodes.every(({ service }) => service.status().isVoting))
    const submission = makeSubmission({ consumer, producer })
    const view = await nodes[0]!.service.submitCtp(submission)
    expect(view.state).toBe('held')
    const { ctpId } = verifyCtpSubmission(testMarket, submission)
    await until(() => nodes.every(({ state }) => state.live.get(ctpId)?.state === 'held'))
    const roots = nodes.map(({ service }) => service.status().root)
    expect(new Set(roots).size).toBe(1)
    expect(nodes[1]!.service.status().peers).toHaveLength(3)
  })
})
