import { once } from 'node:events'
import { afterEach, describe, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import { seconds } from '../protocol/units.ts'
import { nodeEventCodec } from '../protocol/viewCodecs.ts'
import type { NodeEvent } from '../protocol/views.ts'
import type { ApiLimits } from './apiLimits.ts'
import { type ApiServer, createApiServer } from './apiServer.ts'
import { eventCloseCodes } from './eventHub.ts'
import {
  consumer,
  createFakeNode,
  type FakeNode,
  fakeOffer,
  fakeSubmission,
  producer,
} from './fakeNode.ts'

let server: ApiServer
let node: FakeNode
const sockets = new Set<WebSocket>()

afterEach(async () => {
  for (const socket of sockets) socket.terminate()
  sockets.clear()
  await server.close()
})

async function serve(limits: Partial<ApiLimits> = {}): Promise<void> {
  node = createFakeNode()
  server = createApiServer({ node, port: 0, limits })
  await server.listen()
}

async function follow(query = '', options: object = {}) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/events${query}`, options)
  sockets.add(socket)
  const events: NodeEvent[] = []
  socket.on('message', (data) =>
    events.push(nodeEventCodec.decode(JSON.parse(String(data)), 'event')),
  )
  await once(socket, 'open')
  return { socket, events }
}

/** What a refused upgrade is answered with. */
async function refusal(query: string, options: object = {}) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/events${query}`, options)
  sockets.add(socket)
  socket.on('error', () => {})
  const [, response] = await once(socket, 'unexpected-response')
  const chunks: Buffer[] = await response.toArray()
  const body = JSON.parse(Buffer.concat(chunks).toString())
  return { status: response.statusCode, code: body.error.code }
}

const block = (number: number): NodeEvent => ({
  kind: 'block',
  number,
  timeSeconds: seconds(1_800_000_000),
})

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`)).text()
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
}

describe('GET /v1/events', () => {
  it('tells every event, in order', async () => {
    await serve()
    const { events } = await follow()
    const ctp = await node.submitCtp(fakeSubmission())
    const published: NodeEvent[] = [
      block(1),
      { kind: 'ctp', ctp },
      { kind: 'offer', offer: fakeOffer },
      { kind: 'status', status: node.current },
      block(2),
    ]
    for (const event of published) node.publish(event)
    await expect.poll(() => events).toEqual(published)
  })

  it('tells an account only its own CTPs and offers, and every block', async () => {
    await serve()
    const stranger = `0x${'77'.repeat(20)}`
    const seen = {
      consumer: await follow(`?account=${consumer}`),
      producer: await follow(`?account=0x${producer.slice(2).toUpperCase()}`),
      stranger: await follow(`?account=${stranger}`),
    }
    const ctp = await node.submitCtp(fakeSubmission())
    node.publish({ kind: 'ctp', ctp })
    node.publish({ kind: 'offer', offer: fakeOffer })
    node.publish(block(9))
    const kinds = (events: NodeEvent[]) => events.map((event) => event.kind)
    await expect.poll(() => kinds(seen.consumer.events)).toEqual(['ctp', 'block'])
    await expect.poll(() => kinds(seen.producer.events)).toEqual(['ctp', 'offer', 'block'])
    await expect.poll(() => kinds(seen.stranger.events)).toEqual(['block'])
  })

  it('refuses wrong filters, other sites’ pages and too many clients', async () => {
    await serve({ eventClients: 1 })
    expect(await refusal('?account=me')).toEqual({ status: 400, code: 'input/address' })
    const zero = `0x${'00'.repeat(20)}`
    expect(await refusal(`?account=${zero}`)).toEqual({ status: 400, code: 'input/address' })
    const evil = { origin: 'https://evil.example' }
    expect(await refusal('', evil)).toEqual({ status: 421, code: 'node/wrong-host' })
    const { socket } = await follow()
    expect(await refusal('')).toEqual({ status: 429, code: 'node/overloaded' })
    socket.terminate()
    await expect.poll(() => metric('spb_event_clients')).toBe(0)
    await follow()
  })

  it('ends a client that talks back', async () => {
    await serve()
    const { socket } = await follow()
    socket.send('hello')
    const [code] = await once(socket, 'close')
    expect(code).toBe(eventCloseCodes.unexpectedMessage)
  })

  it('ends a client whose message is huge', async () => {
    await serve()
    const { socket } = await follow()
    socket.on('error', () => {})
    socket.send('x'.repeat(100_000))
    await once(socket, 'close')
    await expect.poll(() => metric('spb_event_clients')).toBe(0)
  })

  it('cuts a slow reader off, and no other', async () => {
    await serve({ eventQueueBytes: 65_536 })
    const slow = await follow()
    slow.socket.pause()
    const quick = await follow()
    const event: NodeEvent = { kind: 'status', status: node.current }
    // Until the system's own buffers are full, the node cannot tell slow from quick.
    while ((await metric('spb_event_clients_dropped_total')) === 0) {
      for (let i = 0; i < 50; i++) node.publish(event)
    }
    expect(await metric('spb_event_clients')).toBe(1)
    slow.socket.resume()
    const [code] = await once(slow.socket, 'close')
    // The close frame comes last, after all that was sent, unless its reader was too slow for it.
    expect([eventCloseCodes.slowReader, 1006]).toContain(code)
    node.publish(block(5))
    await expect.poll(() => quick.events.at(-1)).toEqual(block(5))
  })

  it('cuts a client off that answers no ping, and keeps one that does', async () => {
    await serve({ pingMs: 40 })
    const silent = await follow('', { autoPong: false })
    const lively = await follow()
    const [code] = await once(silent.socket, 'close')
    expect(code).toBe(eventCloseCodes.silent)
    expect(lively.socket.readyState).toBe(WebSocket.OPEN)
  })

  it('says that it is going away when the server closes', async () => {
    await serve()
    const { socket } = await follow()
    const closed = once(socket, 'close')
    await server.close()
    expect((await closed)[0]).toBe(eventCloseCodes.goingAway)
    expect(node.listenerCount()).toBe(0)
  })

  it('keeps the node running when an event cannot be told', async () => {
    await serve()
    const { events } = await follow()
    node.publish({ kind: 'ctp', ctp: undefined as never })
    node.publish(block(6))
    await expect.poll(() => events).toEqual([block(6)])
  })
})
