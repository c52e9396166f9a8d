import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { type ErrorCode, errorTable } from '../protocol/errorTable.ts'
import { ctpSubmissionCodec } from '../protocol/messageCodecs.ts'
import type { ApiLimits } from './apiLimits.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from './apiServer.ts'
import { createFakeNode, type FakeNode, fakeSubmission } from './fakeNode.ts'

let server: ApiServer
let node: FakeNode
const sockets = new Set<Socket>()

afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  sockets.clear()
  await server.close()
})

async function serve(limits: Partial<ApiLimits> = {}, options: Partial<ApiServerOptions> = {}) {
  node = createFakeNode()
  server = createApiServer({ node, port: 0, limits, ...options })
  await server.listen()
}

async function open(): Promise<Socket> {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1')
  sockets.add(socket)
  // A server that cuts a connection may reset it: that is what some of these tests ask for.
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** Sends bytes as they are; all that comes back until the server ends the connection. */
async function sendRaw(text: string): Promise<string> {
  const socket = await open()
  const chunks: Buffer[] = []
  socket.on('data', (chunk) => chunks.push(chunk))
  const closed = once(socket, 'close')
  socket.write(text)
  await closed
  return Buffer.concat(chunks).toString()
}

const json = { 'content-type': 'application/json' }

async function postText(body: string, headers: Record<string, string> = json) {
  const response = await fetch(`${server.url}/v1/ctps`, { method: 'POST', headers, body })
  const answer = await response.json()
  return { status: response.status, code: answer.error?.code as ErrorCode, answer }
}

/** A GET with headers that fetch would not send. */
async function getWith(headers: Record<string, string>, path = '/v1/status') {
  const sent = request(`${server.url}${path}`, { headers, agent: false }).end()
  const [response] = await once(sent, 'response')
  const chunks: Buffer[] = await response.toArray()
  const body = JSON.parse(Buffer.concat(chunks).toString())
  return { status: response.statusCode, code: body.error?.code }
}

const good = JSON.stringify(ctpSubmissionCodec.encode(fakeSubmission()))
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

describe('bodies', () => {
  const bodies: [what: string, body: string, code: ErrorCode][] = [
    ['over 64 KiB', JSON.stringify('x'.repeat(65_536)), 'input/too-large'],
    ['nested deeply', nested(30_000), 'input/shape'],
    ['nested one too deep', nested(17), 'input/shape'],
    ['empty', '', 'input/shape'],
    ['cut off', good.slice(0, -1), 'input/shape'],
    ['of garbage', '\u0000\u0001}{', 'input/shape'],
    ['of another shape', '[]', 'input/shape'],
    ['that are null', 'null', 'input/shape'],
    ['with a prototype key', good.replace('{', '{"__proto__":{"x":1},'), 'input/shape'],
    ['with an escaped one', good.replace('{', '{"__pr\\u006fto__":{},'), 'input/shape'],
    ['with a constructor', good.replace('{', '{"constructor":{},'), 'input/shape'],
    ['with a repeated key', good.replace('"nonce":0', '"nonce":0,"nonce":1'), 'input/shape'],
    [
      'with an escaped repeat',
      good.replace('"nonce":0', '"nonce":0,"n\\u006fnce":1'),
      'input/shape',
    ],
    ['with a foreign field', good.replace('{', '{"more":1,'), 'input/shape'],
    ['with a huge number', good.replace('"nonce":0', '"nonce":1e999'), 'input/number'],
    ['with a negative number', good.replace('"nonce":0', '"nonce":-1'), 'input/number'],
    ['with an amount as a number', good.replace('"150"', '150'), 'input/number'],
    ['with a short address', good.replace(/"producer":"0x../, '"producer":"0x'), 'input/address'],
  ]

  it.each(bodies)('refuses those %s', async (_what, body, code) => {
    await serve()
    const answer = await postText(body)
    expect(answer.code).toBe(code)
    expect(answer.status).toBe(errorTable[code].http)
    expect(node.submissions).toEqual([])
  })

  it('takes the same body when nothing is wrong with it', async () => {
    await serve()
    expect((await postText(good)).status).toBe(201)
  })

  it.each([
    ['text/plain'],
    ['application/x-www-form-urlencoded'],
    ['application/json-seq'],
    ['nonsense'],
    ['text/html; charset=application/json'],
  ])('refuses the content type %s', async (type) => {
    await serve()
    const answer = await postText(good, { 'content-type': type })
    expect(answer).toMatchObject({ status: 415, code: 'input/media-type' })
    expect(node.submissions).toEqual([])
  })

  it('refuses a body that lies about its length', async () => {
    await serve({ headersTimeoutMs: 100, requestTimeoutMs: 200 })
    const head = 'POST /v1/ctps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
    const answer = await sendRaw(`${head}content-length: 5\r\ncontent-length: 6\r\n\r\nnull`)
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(answer).toContain('input/shape')
  })
})

describe('requests', () => {
  it('refuses long URLs and long headers', async () => {
    await serve()
    const long = await getWith({}, `/v1/status?x=${'a'.repeat(2048)}`)
    expect(long).toEqual({ status: 413, code: 'input/too-large' })
    const wide = await getWith({ 'x-wide': 'a'.repeat(17_000) })
    expect(wide).toEqual({ status: 413, code: 'input/too-large' })
  })

  it('answers what is not HTTP with an error, and ends the connection', async () => {
    await serve()
    const answer = await sendRaw('\u0016\u0003\u0001 hello\r\n\r\n')
    expect(answer).toMatch(/^HTTP\/1\.1 400 /)
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).error.code).toBe('input/shape')
  })

  it.each([
    ['headers', 'GET /v1/status HTTP/1.1\r\nhost: localhost\r\n'],
    [
      'a body',
      'POST /v1/ctps HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n' +
        'content-length: 10\r\n\r\n{',
    ],
  ])('ends the connection of a client that never finishes %s', async (_what, text) => {
    await serve({ headersTimeoutMs: 100, requestTimeoutMs: 200 })
    const answer = await sendRaw(text)
    expect(answer).toMatch(/^HTTP\/1\.1 408 /)
    expect(JSON.parse(answer.slice(answer.indexOf('{'))).error.code).toBe('input/too-slow')
  })

  it.each([['/v1/%zz'], ['/nowhere'], ['/v1/status?x=%zz'], ['/v1/events?account=me']])(
    'ends the connection of a refused upgrade to %s',
    async (path) => {
      await serve()
      const upgrade =
        'connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n' +
        'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      const answer = await sendRaw(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n`)
      expect(answer).toMatch(/^HTTP\/1\.1 40[04] /)
    },
  )

  it('refuses connections above their bound, and takes them again', async () => {
    await serve({ connections: 2 })
    const first = await open()
    await open()
    const third = await open()
    await once(third, 'close')
    first.destroy()
    await once(first, 'close')
    await expect.poll(async () => (await getWith({})).status).toBe(200)
  })

  it('refuses other hosts’ names and other sites’ pages', async () => {
    await serve({}, { allowedHosts: ['node.example'] })
    const refused = { status: 421, code: 'node/wrong-host' }
    expect(await getWith({ host: 'evil.example' })).toEqual(refused)
    expect(await sendRaw('GET /v1/status HTTP/1.0\r\n\r\n')).toMatch(/^HTTP\/1\.1 421 /)
    expect(await getWith({ origin: 'https://evil.example' })).toEqual(refused)
    expect(await getWith({ origin: 'null' })).toEqual(refused)
    expect((await getWith({ host: 'node.example:80' })).status).toBe(200)
    expect((await getWith({ origin: 'https://node.example' })).status).toBe(200)
    expect((await getWith({ origin: new URL(server.url).origin })).status).toBe(200)
    expect((await getWith({ host: 'localhost:1' })).status).toBe(200)
  })

  it('lets no page of another site in, by headers that browsers obey', async () => {
    await serve()
    const response = await fetch(`${server.url}/v1/status`)
    expect(response.headers.get('access-control-allow-origin')).toBeNull()
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
    expect(response.headers.get('content-security-policy')).toBe("default-src 'none'")
    expect(response.headers.get('x-powered-by')).toBeNull()
  })
})

describe('floods', () => {
  it('refuses an address that asks too often, and says when to come again', async () => {
    await serve({ requestsPerSecond: 5 })
    const asked = Array.from({ length: 12 }, (_, i) =>
      fetch(`${server.url}${i % 2 === 0 ? '/v1/status' : '/nowhere'}`),
    )
    const responses = await Promise.all(asked)
    const refused = responses.filter((response) => response.status === 429)
    // A second may turn while they run, which lets five more in.
    expect(refused.length).toBeGreaterThanOrEqual(2)
    const [first] = refused
    expect(Number(first?.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(await first?.json()).toMatchObject({ error: { code: 'node/rate-limited' } })
  })
})
