import { createServer } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { errorTable } from '../protocol/errorTable.ts'
import { ctpSubmissionCodec, signedCtpCodec, signedErcCodec } from '../protocol/messageCodecs.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wh } from '../protocol/units.ts'
import type { CtpFilter, OfferFilter } from '../protocol/views.ts'
import { type ApiServer, type ApiServerOptions, createApiServer } from './apiServer.ts'
import {
  consumer,
  createFakeNode,
  type FakeNode,
  fakeMarket,
  fakeOffer,
  fakeSubmission,
  producer,
} from './fakeNode.ts'

let servers: ApiServer[] = []

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  servers = []
})

async function serve(
  node: FakeNode = createFakeNode(),
  options: Partial<ApiServerOptions> = {},
): Promise<ApiServer> {
  const server = createApiServer({ node, port: 0, ...options })
  servers.push(server)
  await server.listen()
  return server
}

async function read(server: ApiServer, path: string, init?: RequestInit) {
  const response = await fetch(`${server.url}${path}`, init)
  return { status: response.status, headers: response.headers, body: await response.json() }
}

const post = (body: unknown): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

const erc = (ctpId: `0x${string}`, deliveredWh: number) =>
  signedErcCodec.encode({
    erc: { ctpId, deliveredWh: wh(deliveredWh), measuredAtSeconds: seconds(1) },
    signature: `0x${'22'.repeat(64)}`,
  })

describe('reading a node', () => {
  it('tells its status, market and totals', async () => {
    const node = createFakeNode()
    const server = await serve(node)
    const status = await read(server, '/v1/status')
    expect(status).toMatchObject({ status: 200, body: { isVoting: true, quorum: 1, member: 0 } })
    expect(status.headers.get('content-type')).toBe('application/json; charset=utf-8')
    const market = await read(server, '/v1/market')
    expect(market.body).toMatchObject({ ...fakeMarket, options: { burnWei: '5' } })
    const totals = await read(server, '/v1/totals')
    expect(totals.body).toMatchObject({ settled: 4, paidWei: '2000000000000000000' })
  })

  it('is healthy while it votes, and says why when it does not', async () => {
    const node = createFakeNode()
    const server = await serve(node)
    expect(await read(server, '/health')).toMatchObject({ status: 200, body: { isVoting: true } })
    node.current = { ...node.current, isVoting: false, reason: 'chain/stalled' }
    expect(await read(server, '/health')).toMatchObject({
      status: 503,
      body: { error: { code: 'node/not-voting', meta: { reason: 'chain/stalled' } } },
    })
  })

  it('shows an account, in whatever case its address is written', async () => {
    const server = await serve()
    const shown = `0x${consumer.slice(2).toUpperCase()}`
    const { status, body } = await read(server, `/v1/accounts/${shown}`)
    expect(status).toBe(200)
    expect(body).toMatchObject({ account: consumer, balanceWei: '1000', nextNonce: 0 })
  })

  it('hands filters of offers to the node', async () => {
    const asked: OfferFilter[] = []
    const node = createFakeNode({
      offers(filter) {
        asked.push(filter)
        return [fakeOffer]
      },
    })
    const server = await serve(node)
    const plain = await read(server, '/v1/offers')
    expect(plain.body.offers).toMatchObject([{ offerId: '7', leftWh: 8000, priceWeiPerKwh: '100' }])
    const query = `producer=${producer}&belowWeiPerKwh=${2n ** 90n}&atLeastWh=5&limit=7`
    await read(server, `/v1/offers?${query}&isClosedIncluded=true`)
    expect(asked).toEqual([
      { limit: 100 },
      { producer, belowWeiPerKwh: 2n ** 90n, atLeastWh: 5, limit: 7, isClosedIncluded: true },
    ])
  })

  it('hands filters of CTPs to the node', async () => {
    const asked: CtpFilter[] = []
    const node = createFakeNode({
      ctps(filter) {
        asked.push(filter)
        return []
      },
    })
    const server = await serve(node)
    const query = `account=${consumer}&state=held&afterNumber=3&limit=1000`
    expect((await read(server, `/v1/ctps?${query}`)).body).toEqual({ ctps: [] })
    expect(asked).toEqual([{ account: consumer, state: 'held', afterNumber: 3, limit: 1000 }])
  })
})

describe('trading through a node', () => {
  it('takes a CTP, its receipt and a void, and shows what became of it', async () => {
    const node = createFakeNode()
    const server = await serve(node)
    const submission = fakeSubmission()
    const taken = await read(server, '/v1/ctps', post(ctpSubmissionCodec.encode(submission)))
    expect(taken).toMatchObject({
      status: 201,
      body: { number: 1, state: 'held', consumer, ctp: { amountWei: '150', energyWh: 1500 } },
    })
    expect(taken.body.evidence).toBeUndefined()
    expect(node.submissions).toEqual([submission])

    const { ctpId } = taken.body
    const receipt = await read(server, '/v1/receipts', post(erc(ctpId, 1600)))
    expect(receipt).toMatchObject({ status: 200, body: { excessWh: 100 } })

    for (const key of [ctpId, '1']) {
      const dossier = await read(server, `/v1/ctps/${key}`)
      expect(dossier).toMatchObject({ status: 200, body: { ctpId, state: 'receipted' } })
      expect(dossier.body).toMatchObject({ evidence: { kind: 0 }, receipt: erc(ctpId, 1600) })
    }
    const proof = await read(server, `/v1/ctps/${ctpId}/proof`)
    expect(proof.body).toMatchObject({ root: node.current.root, proof: { neighbour: null } })
    expect((await read(server, '/v1/ctps')).body.ctps).toHaveLength(1)

    const { ctp, consumerSignature } = submission
    const stuck = signedCtpCodec.encode({ ctp, consumerSignature })
    const closed = await read(server, '/v1/voids', post(stuck))
    expect(closed).toMatchObject({ status: 200, body: { account: consumer, nonce: 0 } })
  })
})

describe('refusals', () => {
  const refusals: [path: string, code: keyof typeof errorTable][] = [
    ['/v1/ctps/99', 'ctp/unknown'],
    ['/v1/ctps/x', 'input/number'],
    ['/v1/ctps/01', 'input/number'],
    ['/v1/ctps/9999999999999999', 'input/number'],
    ['/v1/ctps/0x12', 'input/hex'],
    [`/v1/ctps/${'9'.repeat(101)}`, 'node/not-found'],
    ['/v1/ctps/17/proof', 'input/hex'],
    ['/v1/ctps?state=lost', 'input/shape'],
    ['/v1/ctps?account=me', 'input/address'],
    [`/v1/ctps?account=0x${'00'.repeat(20)}`, 'input/address'],
    [`/v1/ctps?account=${consumer}&account=${consumer}`, 'input/address'],
    ['/v1/ctps?limit=0', 'input/number'],
    ['/v1/ctps?limit=1001', 'input/number'],
    ['/v1/ctps?limit=1e2', 'input/number'],
    ['/v1/ctps?limit=', 'input/number'],
    ['/v1/ctps?afterNumber=9007199254740993', 'input/number'],
    ['/v1/ctps?colour=red', 'input/shape'],
    ['/v1/ctps?__proto__=1', 'input/shape'],
    ['/v1/offers?isClosedIncluded=1', 'input/shape'],
    [`/v1/offers?belowWeiPerKwh=${2n ** 96n}`, 'input/number'],
    ['/v1/offers?atLeastWh=4294967296', 'input/number'],
    ['/v1/accounts/0x12', 'input/address'],
    ['/v1/events', 'node/not-found'],
    ['/nowhere', 'node/not-found'],
    ['/v1/%zz', 'input/shape'],
  ]

  it.each(refusals)('answers GET %s with %s', async (path, code) => {
    const server = await serve()
    const { status, body } = await read(server, path)
    expect(body.error.code).toBe(code)
    expect(status).toBe(errorTable[code].http)
    expect(Object.keys(body)).toEqual(['error'])
    expect(Object.keys(body.error)).toEqual(['code', 'message', 'hint', 'meta'])
  })

  it('passes the node’s own refusals on, with message, hint and facts', async () => {
    const node = createFakeNode({
      submitCtp: async () => {
        throw new SpbError('ctp/insufficient-balance', 'Only 3 wei are free.', {
          hint: 'Deposit 147 wei.',
          meta: { freeWei: '3' },
          cause: new Error('inside'),
        })
      },
    })
    const server = await serve(node)
    const { status, body } = await read(
      server,
      '/v1/ctps',
      post(ctpSubmissionCodec.encode(fakeSubmission())),
    )
    expect(status).toBe(409)
    expect(body).toEqual({
      error: {
        code: 'ctp/insufficient-balance',
        message: 'Only 3 wei are free.',
        hint: 'Deposit 147 wei.',
        meta: { freeWei: '3' },
      },
    })
  })

  it.each<[Record<string, number>, string]>([
    [{ retryAfterSeconds: 7 }, '7'],
    [{ retryAfterSeconds: 0.2 }, '1'],
    [{ retryAfterSeconds: 1e9 }, '3600'],
    [{ retryAfterSeconds: -1 }, '2'],
    [{}, '2'],
  ])('says when to try again: %s', async (meta, seconds) => {
    const node = createFakeNode({
      submitCtp: async () => {
        throw new SpbError('node/overloaded', undefined, { meta })
      },
    })
    const server = await serve(node)
    const body = post(ctpSubmissionCodec.encode(fakeSubmission()))
    const answer = await read(server, '/v1/ctps', body)
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe(seconds)
    expect(answer.body.error).toMatchObject({
      ...{ code: 'node/overloaded', meta: { retryAfterSeconds: Number(seconds) } },
    })
    expect((await read(server, '/v1/ctps/99')).headers.get('retry-after')).toBeNull()
  })

  it('says nothing of a bug but that there is one', async () => {
    const node = createFakeNode({
      totals: () => {
        throw new Error('secret.db is broken')
      },
    })
    const server = await serve(node)
    const { status, body } = await read(server, '/v1/totals')
    expect(status).toBe(500)
    expect(body.error.code).toBe('node/internal')
    expect(JSON.stringify(body)).not.toContain('secret')
  })

  it('gives up on a node that does not answer in time', async () => {
    const node = createFakeNode({ voidNonce: () => new Promise(() => {}) })
    const server = await serve(node, { limits: { handlerTimeoutMs: 50 } })
    const { ctp, consumerSignature } = fakeSubmission()
    const stuck = post(signedCtpCodec.encode({ ctp, consumerSignature }))
    expect(await read(server, '/v1/voids', stuck)).toMatchObject({
      status: 429,
      body: { error: { code: 'node/overloaded' } },
    })
  })
})

describe('life of a server', () => {
  it('says that its port is in use', async () => {
    const first = await serve()
    const port = Number(new URL(first.url).port)
    const second = createApiServer({ node: createFakeNode(), port })
    await expect(second.listen()).rejects.toMatchObject({
      code: 'node/port-in-use',
      meta: { port },
    })
  })

  it('says that it cannot have an address', async () => {
    const server = createApiServer({ node: createFakeNode(), port: 0, host: '192.0.2.1' })
    await expect(server.listen()).rejects.toMatchObject({ code: 'input/option' })
  })

  it('binds loopback alone unless told otherwise, and stops listening to the node', async () => {
    const node = createFakeNode()
    const server = await serve(node)
    expect(new URL(server.url).hostname).toBe('127.0.0.1')
    expect(node.listenerCount()).toBe(1)
    const { url } = server
    await server.close()
    expect(node.listenerCount()).toBe(0)
    await expect(fetch(`${url}/health`)).rejects.toThrow()
    expect(() => server.url).toThrow(/listens/)
  })

  it('lets requests in flight end before it closes', async () => {
    const gate = Promise.withResolvers<void>()
    const entered = Promise.withResolvers<void>()
    const inner = createFakeNode()
    const node = createFakeNode({
      async submitCtp(submission) {
        entered.resolve()
        await gate.promise
        return inner.submitCtp(submission)
      },
    })
    const server = await serve(node)
    const answer = read(server, '/v1/ctps', post(ctpSubmissionCodec.encode(fakeSubmission())))
    await entered.promise
    const closed = server.close()
    gate.resolve()
    expect((await answer).status).toBe(201)
    await closed
  })

  it('cuts what is still open when its time to drain is over', async () => {
    const entered = Promise.withResolvers<void>()
    const node = createFakeNode({
      submitCtp() {
        entered.resolve()
        return new Promise(() => {})
      },
    })
    const server = await serve(node, { limits: { drainMs: 50 } })
    const answer = read(server, '/v1/ctps', post(ctpSubmissionCodec.encode(fakeSubmission())))
    const failed = expect(answer).rejects.toThrow()
    await entered.promise
    await server.close()
    await failed
  })

  it('leaves the port free when it could not start', async () => {
    const holder = createServer()
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve))
    const address = holder.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const node = createFakeNode()
    const server = createApiServer({ node, port })
    servers.push(server)
    await expect(server.listen()).rejects.toMatchObject({ code: 'node/port-in-use' })
    await new Promise((resolve) => holder.close(resolve))
    await server.listen()
    expect((await read(server, '/health')).status).toBe(200)
    expect(node.listenerCount()).toBe(1)
  })
})
