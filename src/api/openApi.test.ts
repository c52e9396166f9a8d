import { Writable } from 'node:stream'
import { Compile } from 'typebox/compile'
import { afterEach, describe, expect, it } from 'vitest'
import { errorTable } from '../protocol/errorTable.ts'
import { wei } from '../protocol/units.ts'
import { createLog } from './apiLog.ts'
import { type ApiServer, createApiServer } from './apiServer.ts'
import { createFakeNode, type FakeNode, fakeSubmission } from './fakeNode.ts'

let server: ApiServer

afterEach(() => server.close())

async function serve(node: FakeNode = createFakeNode()): Promise<void> {
  server = createApiServer({ node, port: 0 })
  await server.listen()
}

/** Answers that are no plain JSON, or for those alone who have a token. */
const unread = ['/v1/events', '/metrics', '/v1/witnesses/{meter}/requests']

const routes: [method: string, path: string, status: string][] = [
  ['get', '/v1/status', '200'],
  ['get', '/v1/market', '200'],
  ['get', '/v1/totals', '200'],
  ['get', '/v1/ctps', '200'],
  ['post', '/v1/ctps', '201'],
  ['get', '/v1/ctps/{key}', '200'],
  ['get', '/v1/ctps/{key}/proof', '200'],
  ['post', '/v1/receipts', '200'],
  ['post', '/v1/voids', '200'],
  ['get', '/v1/offers', '200'],
  ['get', '/v1/accounts/{address}', '200'],
  ['get', '/v1/events', '200'],
  ['get', '/v1/witnesses', '200'],
  ['post', '/v1/witnesses', '201'],
  ['get', '/v1/witnesses/{meter}/requests', '200'],
  ['post', '/v1/witnesses/{meter}/answers', '200'],
  ['post', '/v1/witness-requests', '200'],
  ['get', '/health', '200'],
  ['get', '/metrics', '200'],
  ['get', '/openapi.json', '200'],
]

type Operation = {
  summary?: string
  parameters?: { name: string; in: string; required?: boolean; schema: object }[]
  requestBody?: { content: Record<string, { schema: object }> }
  responses: Record<string, { content: Record<string, { schema: object }> }>
}
type Document = {
  openapi: string
  info: { title: string; version: string }
  paths: Record<string, Record<string, Operation>>
  components: { schemas: Record<string, object> }
}

async function readDocument(): Promise<Document> {
  return (await fetch(`${server.url}/openapi.json`)).json()
}

/** Every reference in a document. */
function referencesOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) =>
    key === '$ref' ? [String(item)] : referencesOf(item),
  )
}

describe('GET /openapi.json', () => {
  it('is OpenAPI 3.1, and describes every route with its answer and its errors', async () => {
    await serve()
    const document = await readDocument()
    expect(document.openapi).toMatch(/^3\.1\./)
    expect(document.info).toMatchObject({ title: 'SPB node', version: '0.1.0' })
    const described = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    )
    expect(described.sort()).toEqual(routes.map(([method, path]) => `${method} ${path}`).sort())
    for (const [method, path, status] of routes) {
      const operation = document.paths[path]?.[method]
      expect(operation?.summary, path).toMatch(/\.$/)
      expect(Object.keys(operation?.responses ?? {}), path).toEqual([status, 'default'])
      const error = operation?.responses.default?.content['application/json']?.schema
      expect(error, path).toEqual({ $ref: '#/components/schemas/Error' })
      const named = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])
      const inPath = (operation?.parameters ?? []).filter((each) => each.in === 'path')
      expect(inPath.map((each) => each.name)).toEqual(named)
      expect(inPath.every((each) => each.required === true)).toBe(true)
      expect(operation?.requestBody !== undefined, path).toBe(method === 'post')
    }
  })

  it('has every schema that it refers to, and no other', async () => {
    await serve()
    const document = await readDocument()
    const names = Object.keys(document.components.schemas)
    const referred = new Set(referencesOf(document))
    expect([...referred].sort()).toEqual(names.map((name) => `#/components/schemas/${name}`).sort())
    expect(names).toEqual(expect.arrayContaining(['CtpView', 'CtpSubmission', 'Ctp', 'NodeEvent']))
  })

  it('names every error code', async () => {
    await serve()
    const { schemas } = (await readDocument()).components
    expect(JSON.stringify(schemas.Error)).toContain(JSON.stringify(Object.keys(errorTable)))
  })

  it('describes what the node really answers', async () => {
    const node = createFakeNode()
    await serve(node)
    const { paths, components } = await readDocument()
    const { ctpId, consumer } = await node.submitCtp(fakeSubmission())
    const concrete: Record<string, string> = {
      '/v1/ctps/{key}': `/v1/ctps/${ctpId}`,
      '/v1/ctps/{key}/proof': `/v1/ctps/${ctpId}/proof`,
      '/v1/accounts/{address}': `/v1/accounts/${consumer}`,
    }
    const resolve = (value: unknown): unknown =>
      JSON.parse(JSON.stringify(value), (_key, item) =>
        typeof item?.$ref === 'string'
          ? resolve(components.schemas[item.$ref.split('/').at(-1) ?? ''])
          : item,
      )
    const read = routes.filter(([method, path]) => method === 'get' && !unread.includes(path))
    for (const [, path] of read) {
      const answer = await (await fetch(`${server.url}${concrete[path] ?? path}`)).json()
      const schema = paths[path]?.get?.responses['200']?.content['application/json']?.schema
      const check = Compile(resolve(schema) as object)
      expect([...check.Errors(answer)], path).toEqual([])
    }
    const missing = await (await fetch(`${server.url}/v1/ctps/99`)).json()
    expect(Compile(resolve(components.schemas.Error) as object).Check(missing)).toBe(true)
  })
})

/** Series of a Prometheus text, each line checked for its form. */
function parseMetrics(text: string): Map<string, number> {
  const series = new Map<string, number>()
  for (const line of text.split('\n')) {
    if (line === '' || /^# (HELP|TYPE) \w+ /.test(line)) continue
    const match = /^(\w+(?:\{(?:\w+="[^"]*",?)*\})?) (\S+)$/.exec(line)
    expect(match, line).not.toBeNull()
    series.set(match?.[1] ?? '', Number(match?.[2]))
  }
  return series
}

describe('GET /metrics', () => {
  it('gives the node’s figures and the API’s own, as Prometheus reads them', async () => {
    const node = createFakeNode()
    const { totals } = node
    node.totals = () => ({
      ...totals(),
      heldWei: wei(15n * 10n ** 17n),
      receipts: 6,
    })
    node.current = { ...node.current, liveCtps: 3, receiptsWaiting: 1 }
    await serve(node)
    await fetch(`${server.url}/v1/ctps/99`)
    await fetch(`${server.url}/v1/ctps/98`)
    await fetch(`${server.url}/elsewhere`)
    const response = await fetch(`${server.url}/metrics`)
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const series = parseMetrics(await response.text())
    const expected: Record<string, number> = {
      spb_is_voting: 1,
      spb_live_ctps: 3,
      spb_receipts_waiting: 1,
      spb_chain_head_block: 12,
      spb_chain_confirmed_block: 10,
      spb_chain_lag_blocks: 2,
      spb_held_ether: 1.5,
      spb_receipts_total: 6,
      spb_ctps_settled_total: 4,
      spb_paid_ether_total: 2,
      spb_settlement_transactions_total: 2,
      spb_settlement_gas_total: 70_000,
      'spb_refused_total{code="ctp/unknown"}': 2,
      'spb_refused_total{code="node/not-found"}': 1,
      'spb_http_request_seconds_count{method="GET",route="/v1/ctps/:key",status="404"}': 2,
      'spb_http_request_seconds_count{method="GET",route="none",status="404"}': 1,
    }
    expect(Object.fromEntries([...series].filter(([name]) => name in expected))).toEqual(expected)
    // Scraped twice, a counter that mirrors the node's stays what it was.
    const again = parseMetrics(await (await fetch(`${server.url}/metrics`)).text())
    expect(again.get('spb_ctps_settled_total')).toBe(4)
  })

  it('tells how the node is among others, and nothing of that where it is alone', async () => {
    const node = createFakeNode()
    const peers = [{ peerId: 'a', member: 2 }, { peerId: 'b' }, { peerId: 'c', member: 2 }]
    const counts = { divergence: 4, clockSkewSeconds: -3, caughtUp: false }
    const alone = node.current
    node.current = { ...alone, ...counts, peers, equivocations: [{ epoch: 1, member: 3 }] }
    await serve(node)
    const scrape = async () => parseMetrics(await (await fetch(`${server.url}/metrics`)).text())
    const expected = {
      ...{ spb_committee_members: 1, spb_peers: 3, spb_member_peers: 1, spb_is_caught_up: 0 },
      ...{ spb_divergent_blocks_total: 4, spb_equivocations: 1, spb_clock_skew_seconds: -3 },
    }
    expect(Object.fromEntries(await scrape())).toMatchObject(expected)
    node.current = { ...node.current, caughtUp: true }
    expect((await scrape()).get('spb_is_caught_up')).toBe(1)
    node.current = alone
    const names = [...(await scrape()).keys()]
    expect(names.filter((name) => /peers|caught|skew|equivocations/.test(name))).toEqual([])
  })

  it('leaves out what the node does not know', async () => {
    const node = createFakeNode()
    const { head, confirmed, ...rest } = node.current
    node.current = rest
    await serve(node)
    const series = parseMetrics(await (await fetch(`${server.url}/metrics`)).text())
    expect(head?.number).not.toBe(confirmed?.number)
    expect([...series.keys()].filter((name) => name.startsWith('spb_chain_'))).toEqual([])
  })
})

describe('the log', () => {
  it('has a line a request and no secrets', async () => {
    const lines: string[] = []
    const stream = new Writable({
      write(chunk, _encoding, done) {
        lines.push(String(chunk))
        done()
      },
    })
    const log = createLog({ level: 'debug', stream })
    server = createApiServer({ node: createFakeNode(), port: 0, log })
    await server.listen()
    await fetch(`${server.url}/v1/ctps/99`, { headers: { authorization: 'Basic c2VjcmV0' } })
    log.info({ privateKey: 'secret1', account: { password: 'secret2' } }, 'by mistake')
    const records = lines.map((line) => JSON.parse(line))
    const request = records.find((record) => record.msg === 'request')
    expect(request).toMatchObject({ route: '/v1/ctps/:key', status: 404, code: 'ctp/unknown' })
    expect(lines.join('')).not.toMatch(/secret\d|c2VjcmV0/)
    expect(records.find((record) => record.msg === 'by mistake').privateKey).toBe('[secret]')
  })
})
