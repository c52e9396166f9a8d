import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../api/apiServer.ts'
import { createFakeNode, type FakeNode, fakeKey, fakeMarket } from '../api/fakeNode.ts'
import { addressOf } from '../protocol/signature.ts'
import { dataFolderOf } from './dataFolder.ts'
import { writeEndpoint } from './endpoint.ts'
import { listNodeUrls } from './nodeAccess.ts'
import { openNodeKey } from './nodeKeys.ts'
import { createTestCli, runCli } from './testCli.cases.ts'

const refusal = (code: string) => expect.objectContaining({ code })
/** Nothing listens there. */
const gone = 'http://127.0.0.1:1'

let [server, other]: ApiServer[] = []
let node: FakeNode

beforeAll(async () => {
  node = createFakeNode()
  server = createApiServer({ node, port: 0 })
  other = createApiServer({ node: createFakeNode(), port: 0 })
  await Promise.all([server.listen(), other.listen()])
})

afterAll(() => Promise.all([server!.close(), other!.close()]))

describe('the nodes of a call', () => {
  it('are those that it names, else the one on its folder', () => {
    const cli = createTestCli()
    const folder = dataFolderOf(cli, {})
    expect(() => listNodeUrls(folder, undefined)).toThrow(refusal('node/unreachable'))
    const { chainId, address: market } = fakeMarket
    writeEndpoint(folder, { url: 'http://a', rpcUrl: 'http://rpc', market, chainId })
    expect(listNodeUrls(folder, undefined)).toEqual(['http://a'])
    expect(listNodeUrls(folder, ['http://b', 'http://c'])).toEqual(['http://b', 'http://c'])
  })

  it('are asked one after another, and whoever answers instead is said', async () => {
    const { url } = server!
    const cli = createTestCli()
    const words = `--node ${gone} --node ${url} --node ${other!.url} --json`
    const { code, out, err } = await runCli(cli, `offers ${words}`)
    expect(code).toBe(0)
    expect(JSON.parse(out)).toHaveLength(1)
    expect(err).toContain(`${url} answers instead`)
    const one = await runCli(cli, `offers --node ${url} --json`)
    expect(one.err).toBe('')
  })

  it('fail together', async () => {
    const { code, out } = await runCli(createTestCli(), `offers --node ${gone} --json`)
    expect(code).toBe(5)
    expect(JSON.parse(out).error.code).toBe('node/unreachable')
  })
})

describe('spb node identity', () => {
  it('makes the keys of a node once, and tells whose they are', async () => {
    const cli = createTestCli()
    const read = async () => JSON.parse((await runCli(cli, 'node identity --json')).out)
    const first = await read()
    expect(first.memberAddress).toBe(addressOf(openNodeKey(dataFolderOf(cli, {}), 'member')))
    expect(first.peerId).toMatch(/^12D3KooW/)
    expect(await read()).toEqual(first)
    expect((await runCli(cli, 'node identity')).out).toContain(first.peerId)
  })
})

describe('spb node status', () => {
  const alone = createFakeNode().current
  afterEach(() => {
    node.current = alone
  })

  const show = async () => (await runCli(createTestCli(), `node status --node ${server!.url}`)).out

  it('tells how the node is among others', async () => {
    const committee = [5, 6, 7, 8].map((number) => addressOf(fakeKey(number)))
    node.current = {
      ...{ ...alone, committee, quorum: 3, clockSkewSeconds: 86_400, caughtUp: false },
      networkAddresses: ['/ip4/127.0.0.1/tcp/8700/p2p/12D3'],
      peers: [{ peerId: 'a', member: 3 }, { peerId: 'b' }, { peerId: 'c', member: 1 }],
      ...{ divergence: 2, equivocations: [{ epoch: 1, member: 3 }] },
    }
    const text = await show()
    expect(text).toMatch(/clock +86400 s ahead of the newest block/)
    expect(text).toMatch(/reached at +\/ip4\/127\.0\.0\.1\/tcp\/8700\/p2p\/12D3/)
    expect(text).toMatch(/peers +3, of them 2 of 3 other members \(1, 3\)/)
    expect(text).toMatch(/caught up +no/)
    expect(text).toMatch(/divergence +2 blocks/)
    expect(text).toMatch(/voted twice +member 3 in epoch 1/)
  })

  it('says nothing of others where it is alone', async () => {
    expect(await show()).not.toMatch(/clock|reached at|peers|caught up|divergence|voted twice/)
    node.current = { ...alone, clockSkewSeconds: -2, peers: [], caughtUp: true, divergence: 0 }
    const text = await show()
    expect(text).toMatch(/clock +2 s behind the newest block/)
    expect(text).toMatch(/peers +0, of them 0 of 0 other members$/m)
    expect(text).toMatch(/caught up +yes/)
    expect(text).toMatch(/divergence +none/)
  })
})
