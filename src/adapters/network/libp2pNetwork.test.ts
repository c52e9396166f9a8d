import { afterEach, describe, expect, it } from 'vitest'
import { networkCases } from '../../ports/network.compliance.ts'
import type { Network } from '../../ports/network.ts'
import { createLibp2pNetwork } from './libp2pNetwork.ts'

const silent = { info() {}, warn() {}, error() {} }
const opened: Network[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map((network) => network.close()))
})

function create(name: string, address?: string): Network {
  const listen = address?.replace(/\/p2p\/.*/, '') ?? '/ip4/127.0.0.1/tcp/0'
  const privateKey = new Uint8Array(32).fill(name.charCodeAt(0))
  const network = createLibp2pNetwork({ privateKey, listen: [listen], topic: 'test', log: silent })
  opened.push(network)
  return network
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

describe('a network over libp2p', () => {
  for (const { name, run } of networkCases) {
    it(name, { timeout: 30_000 }, () => run({ create, until }))
  }

  it('says where it cannot listen', async () => {
    const first = create('a')
    const handlers = { onPeer() {}, onDirect() {}, onPublished: async () => 'ignore' as const }
    await first.start(handlers)
    const second = create('b', first.addresses()[0])
    await expect(second.start(handlers)).rejects.toMatchObject({ code: 'network/cannot-listen' })
  })
})
