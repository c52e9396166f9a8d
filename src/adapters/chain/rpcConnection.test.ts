import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getBlockNumber } from 'viem/actions'
import { afterEach, expect, test } from 'vitest'
import type { SpbError } from '../../protocol/spbError.ts'
import { startAnvil } from './anvil.ts'
import { startFakeRpc } from './fakeRpc.ts'
import { connectRpc, type RpcOptions, requireChainId } from './rpcConnection.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

function connect(options: RpcOptions) {
  const rpc = connectRpc(options)
  cleanUps.push(rpc.close)
  return rpc
}

async function failureOf(options: RpcOptions): Promise<SpbError> {
  const rpc = connect(options)
  return await rpc
    .call(() => getBlockNumber(rpc.client))
    .then(
      () => {
        throw new Error('It answered.')
      },
      (error) => error,
    )
}

/** A web server that is no Ethereum client. */
async function serve(answer: (url: string) => { status: number; body: string } | undefined) {
  const server = createServer((request, response) => {
    const found = answer(request.url ?? '')
    if (found !== undefined) response.writeHead(found.status).end(found.body)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  cleanUps.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** All that could reach a log or a person. */
const everythingOf = (error: SpbError) =>
  JSON.stringify([error, error.message, error.stack, String(error.cause)])

test('speaks HTTP and WebSocket', async () => {
  const anvil = await startAnvil({ chainId: 31_000, isManual: true })
  cleanUps.push(anvil.stop)
  for (const scheme of ['http', 'ws']) {
    const rpc = connect({ url: `${scheme}://127.0.0.1:${anvil.port}` })
    expect(await requireChainId(rpc, 31_000)).toBe(31_000)
    expect(await rpc.call(() => getBlockNumber(rpc.client))).toBe(0n)
    await expect(requireChainId(rpc, 1)).rejects.toMatchObject({
      code: 'chain/wrong-chain-id',
      meta: { found: 31_000, expected: 1 },
    })
    rpc.close()
  }
})

test.each([
  'http://user:secret@127.0.0.1:1/secret?secret=1',
  'ws://user:secret@127.0.0.1:1/secret?secret=1',
  join(tmpdir(), 'secret', 'absent.ipc'),
])('says that nobody answers, without the secrets in the URL: %s', async (url) => {
  const error = await failureOf({ url, timeoutMs: 1_000 })
  expect(error).toMatchObject({ code: 'chain/unreachable', isRetryable: true })
  expect(everythingOf(error)).not.toContain('secret')
})

test('says why an answer is none, without the secrets in the URL', async () => {
  const down = await serve((url) => ({ status: 502, body: `no upstream for ${url}` }))
  const error = await failureOf({ url: `http://127.0.0.1:${down}/v3/secret` })
  expect(error.message).toContain('HTTP 502')
  expect(everythingOf(error)).not.toContain('secret')
  const page = await serve(() => ({ status: 200, body: '<html>' }))
  expect((await failureOf({ url: `http://127.0.0.1:${page}/` })).code).toBe('chain/unreachable')
})

test('gives up after the time limit', async () => {
  const silent = await serve(() => undefined)
  const error = await failureOf({ url: `http://127.0.0.1:${silent}/`, timeoutMs: 50 })
  expect(error).toMatchObject({ code: 'chain/unreachable', meta: { reason: 'timeout' } })
})

test('puts requests of one moment into one batch, unless told otherwise', async () => {
  const sizes: number[] = []
  const fake = await startFakeRpc(() => '0x5')
  cleanUps.push(fake.close)
  const original = globalThis.fetch
  cleanUps.push(() => {
    globalThis.fetch = original
  })
  globalThis.fetch = (input, init) => {
    const body = JSON.parse(String(init?.body))
    sizes.push(Array.isArray(body) ? body.length : 0)
    return original(input, init)
  }
  for (const batchSize of [100, 1]) {
    const { client } = connect({ url: fake.url, batchSize })
    const ask = (address: number) =>
      client.request({ method: 'eth_getBalance', params: [`0x${address}`, 'latest'] })
    await Promise.all([ask(1), ask(2), ask(3)])
  }
  expect(sizes).toEqual([3, 0, 0, 0])
})

test('refuses a URL of another kind', () => {
  expect(() => connectRpc({ url: 'ftp://127.0.0.1' })).toThrow(
    expect.objectContaining({ code: 'input/option' }),
  )
  expect(() => connectRpc({ url: '' })).toThrow(expect.objectContaining({ code: 'input/option' }))
})
