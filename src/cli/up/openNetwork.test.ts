import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { Network, NetworkHandlers } from '../../ports/network.ts'
import type { Address } from '../../protocol/bytes.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { nodeKeyPath } from '../nodeKeys.ts'
import { createTestCli } from '../testCli.cases.ts'
import { openNetwork, topicOf } from './openNetwork.ts'

const market: { chainId: number; address: Address } = {
  ...{ chainId: 5, address: `0x${'52'.repeat(20)}` },
}
const log = { info: () => {}, warn: () => {}, error: () => {} }

/** Handlers that tell of the first connection. */
function awaitPeer(): { handlers: NetworkHandlers; met: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>()
  const handlers: NetworkHandlers = {
    onPeer: (peer, isConnected) => isConnected && resolve(peer),
    onDirect: () => {},
    onPublished: async () => 'ignore',
  }
  return { handlers, met: promise }
}

describe('a folder’s network', () => {
  it('keeps its name, and calls the nodes that it was given', async () => {
    const folder = dataFolderOf(createTestCli(), {})
    const started: Network[] = []
    try {
      const first = await openNetwork(
        folder,
        { listen: ['/ip4/127.0.0.1/tcp/0'], announce: [], peers: [] },
        market,
        log,
      )
      started.push(first)
      const key = readFileSync(nodeKeyPath(folder, 'network'), 'utf8')
      expect(key).not.toBe('')
      const host = awaitPeer()
      await first.start(host.handlers)
      const [address = ''] = first.addresses()
      expect(address).toMatch(/^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//)
      const other = dataFolderOf(createTestCli(), {})
      const caller = await openNetwork(
        other,
        { listen: [], announce: [], peers: [address] },
        market,
        log,
      )
      started.push(caller)
      const guest = awaitPeer()
      await caller.start(guest.handlers)
      expect(await Promise.all([guest.met, host.met])).toEqual([first.self, caller.self])
      const again = await openNetwork(folder, { listen: [], announce: [], peers: [] }, market, log)
      started.push(again)
      expect(again.self).toBe(first.self)
    } finally {
      await Promise.all(started.map((network) => network.close()))
    }
  })

  it('is that of its market', () => {
    expect(topicOf(market)).toBe(`spb/1/5/${market.address}`)
  })
})
