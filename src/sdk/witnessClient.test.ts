import { describe, expect, it } from 'vitest'
import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import type { Fetch } from './nodeHttp.ts'
import { createWitnessClient } from './witnessClient.ts'

const meter = `0x${'11'.repeat(20)}` as const
const token = `0x${'22'.repeat(32)}` as const
const box = `0x${'33'.repeat(1024)}` as const
const requestId = `0x${'44'.repeat(32)}` as const

/** A client whose node answers with this; what it sent. */
function makeClient(answer: unknown, status = 200) {
  const calls: { url: string; init: RequestInit }[] = []
  const fetch: Fetch = async (url, init) => {
    calls.push({ url, init })
    return new Response(JSON.stringify(answer), { status })
  }
  const url = 'http://user:secret@127.0.0.1:8600'
  const client: WitnessRelayAccess = createWitnessClient({ url, fetch, retryDelaysMs: [] })
  return { client, calls }
}

const { signal } = new AbortController()

describe('a client of a node’s relay', () => {
  it('sends the token beside the credentials of a proxy', async () => {
    const { client, calls } = makeClient({ boxes: [box] })
    expect(client.name).toBe('http://127.0.0.1:8600')
    expect(await client.fetchRequests(meter, token, 25, signal)).toEqual([box])
    expect(calls[0]?.url).toBe(`http://127.0.0.1:8600/v1/witnesses/${meter}/requests?wait=25`)
    expect(calls[0]?.init.headers).toMatchObject({
      'spb-witness-token': token,
      authorization: expect.stringMatching(/^Basic /),
    })
  })

  it('sends an answer', async () => {
    const { client, calls } = makeClient({ requestId })
    await client.answer(meter, token, { requestId, box })
    expect(calls[0]?.url).toBe(`http://127.0.0.1:8600/v1/witnesses/${meter}/answers`)
    expect(JSON.parse(String(calls[0]?.init.body))).toEqual({ requestId, box })
  })

  it('asks once, and ends with its signal', async () => {
    const ending = new AbortController()
    let count = 0
    const client = createWitnessClient({
      url: 'http://127.0.0.1:8600',
      fetch: (_url, init) => {
        count++
        return new Promise((_, reject) => {
          init.signal?.addEventListener('abort', () => reject(new TypeError('ended')))
        })
      },
    })
    const asked = client.ask({ witness: meter, box }, ending.signal)
    ending.abort()
    await expect(asked).rejects.toMatchObject({ code: 'node/unreachable' })
    expect(count).toBe(1)
  })

  it('refuses an answer that is none', async () => {
    const { client } = makeClient({ boxes: ['0x12'], witnesses: [{}], box: '0x' })
    const bad = { code: 'node/bad-answer' }
    await expect(client.fetchRequests(meter, token, 0, signal)).rejects.toMatchObject(bad)
    await expect(client.list()).rejects.toMatchObject(bad)
    await expect(client.ask({ witness: meter, box }, signal)).rejects.toMatchObject(bad)
    await expect(client.identify()).rejects.toMatchObject(bad)
  })

  it('throws what the node answers', async () => {
    const error = { code: 'witness/unknown', message: 'No.', hint: 'Ask.', meta: {} }
    const { client } = makeClient({ error }, 404)
    await expect(client.ask({ witness: meter, box }, signal)).rejects.toMatchObject({
      code: 'witness/unknown',
    })
  })
})
