import { afterEach, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../api/apiServer.ts'
import { consumer, createFakeNode, type FakeNode, fakeSubmission } from '../api/fakeNode.ts'
import { seconds } from '../protocol/units.ts'
import type { NodeEvent } from '../protocol/views.ts'
import { type EventOptions, type EventSubscription, receiveEvents } from './receiveEvents.ts'

let server: ApiServer | undefined
let subscription: EventSubscription | undefined

afterEach(async () => {
  subscription?.close()
  await server?.close()
  server = undefined
})

async function serve(node: FakeNode, port = 0): Promise<ApiServer> {
  server = createApiServer({ node, port })
  await server.listen()
  return server
}

const block = (number: number): NodeEvent => ({ kind: 'block', number, timeSeconds: seconds(1) })

/** Follows events and notes all that happens. */
function follow(options: Pick<EventOptions, 'url'> & Partial<EventOptions>) {
  const events: NodeEvent[] = []
  const failures: string[] = []
  const seen = { events, failures, connects: 0 }
  subscription = receiveEvents({
    onEvent: (event) => events.push(event),
    onConnect: () => {
      seen.connects++
    },
    onDisconnect: (error) => failures.push(error.code),
    retryDelaysMs: [20],
    ...options,
  })
  return seen
}

describe('receiveEvents', () => {
  it('hears of an account’s CTPs and of blocks, as the node has them', async () => {
    const node = createFakeNode()
    const { url } = await serve(node)
    const seen = follow({ url, account: consumer })
    await expect.poll(() => seen.connects).toBe(1)
    const ctp = await node.submitCtp(fakeSubmission())
    node.publish({ kind: 'ctp', ctp })
    node.publish(block(1))
    await expect.poll(() => seen.events).toEqual([{ kind: 'ctp', ctp }, block(1)])
  })

  it('connects again after the node was away, and says so', async () => {
    const node = createFakeNode()
    const first = await serve(node)
    const { url } = first
    const seen = follow({ url })
    await expect.poll(() => seen.connects).toBe(1)
    await first.close()
    await expect.poll(() => seen.failures.length).toBeGreaterThan(1)
    expect(new Set(seen.failures)).toEqual(new Set(['node/unreachable']))
    await serve(node, Number(new URL(url).port))
    await expect.poll(() => seen.connects).toBe(2)
    node.publish(block(2))
    await expect.poll(() => seen.events).toEqual([block(2)])
  })

  it('hears nothing after it is closed', async () => {
    const node = createFakeNode()
    const { url } = await serve(node)
    const seen = follow({ url })
    await expect.poll(() => seen.connects).toBe(1)
    subscription?.close()
    node.publish(block(3))
    await server?.close()
    expect(seen.events).toEqual([])
    expect(seen.failures).toEqual([])
  })

  it('leaves a connection on which nothing comes', async () => {
    const { url } = await serve(createFakeNode())
    const seen = follow({ url, idleMs: 30 })
    await expect.poll(() => seen.connects).toBeGreaterThan(1)
    expect(seen.failures[0]).toBe('node/unreachable')
  })

  it('leaves a node whose events are not understood, and waits longer each time', async () => {
    const delays: number[] = []
    const opened: string[] = []
    class Babbler extends EventTarget {
      constructor(url: string) {
        super()
        opened.push(url)
        queueMicrotask(() => {
          this.dispatchEvent(new Event('open'))
          this.dispatchEvent(new MessageEvent('message', { data: '{"kind":"news"}' }))
          this.dispatchEvent(new MessageEvent('message', { data: JSON.stringify(block(1)) }))
        })
      }
      close(): void {
        this.dispatchEvent(new Event('close'))
      }
    }
    const done = Promise.withResolvers<void>()
    const seen = follow({
      url: 'https://ann:pw@node.example/a/',
      WebSocket: Babbler as never,
      retryDelaysMs: [4, 16, 64],
      onDisconnect: (error, delayMs) => {
        expect(error.code).toBe('node/bad-answer')
        delays.push(delayMs)
        if (delays.length === 4) done.resolve()
      },
    })
    await done.promise
    expect(seen.events).toEqual([])
    expect(opened[0]).toBe('wss://node.example/a/v1/events')
    for (const [at, least] of [4, 16, 64, 64].entries()) {
      expect(delays[at]).toBeGreaterThanOrEqual(least)
      expect(delays[at]).toBeLessThanOrEqual(least * 1.25)
    }
  })

  it('refuses what is no URL', () => {
    expect(() => receiveEvents({ url: 'x', onEvent: () => {} })).toThrowError(
      expect.objectContaining({ code: 'input/option' }),
    )
  })
})
