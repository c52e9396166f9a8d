import { afterEach, expect, it, vi } from 'vitest'
import type { Network } from '../../ports/network.ts'
import { createLibp2pNetwork } from './libp2pNetwork.ts'
import type { Libp2pNode } from './libp2pNode.ts'

const nodes = vi.hoisted((): Libp2pNode[] => [])
vi.mock('./libp2pNode.ts', async (importOriginal) => {
  const { createLibp2pNode } = await importOriginal<typeof import('./libp2pNode.ts')>()
  const create = async (options: Parameters<typeof createLibp2pNode>[0]) => {
    const node = await createLibp2pNode(options)
    nodes.push(node)
    return node
  }
  return { createLibp2pNode: create }
})

const silent = { info() {}, warn() {}, error() {} }
const networks: Network[] = []

afterEach(async () => {
  await Promise.all(networks.splice(0).map((network) => network.close()))
})

async function open(seed: number, lost: string[]): Promise<Network> {
  const privateKey = new Uint8Array(32).fill(seed)
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const network = createLibp2pNetwork({ privateKey, listen, topic: 'test', log: silent })
  networks.push(network)
  await network.start({
    onPeer: (peer, isUp) => void (isUp || lost.push(peer)),
    onDirect() {},
    onPublished: async () => 'ignore',
  })
  return network
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

it('outlives a connection that libp2p gives up, such as one to a peer that is frozen', async () => {
  const lost: string[] = []
  const [first, second] = [await open(1, lost), await open(2, [])]
  second.connect(first.addresses()[0]!)
  await until(() => first.peers().length === 1 && second.peers().length === 1)
  const [connection] = nodes[0]!.getConnections()
  // What its monitor does in a timer, where a throw would end the process.
  expect(() => connection!.abort(new Error('no answer to a ping'))).not.toThrow()
  await until(() => lost.length === 1)
  expect(lost).toEqual([second.self])
  await until(() => connection!.status !== 'open' && first.peers().length === 1)
})
