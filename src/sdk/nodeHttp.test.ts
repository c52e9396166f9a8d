import { describe, expect, it } from 'vitest'
import { SpbError } from '../protocol/spbError.ts'
import { createNodeHttp, type Fetch, type NodeRequest } from './nodeHttp.ts'
import { parseNodeUrl } from './nodeUrl.ts'

const get: NodeRequest = { method: 'GET', path: '/v1/status', isRepeatable: true }
const once: NodeRequest = { method: 'POST', path: '/v1/receipts', body: {}, isRepeatable: false }

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers })
const refusal = (status: number, code: string, headers: Record<string, string> = {}) =>
  json(status, { error: { code, message: 'No.', hint: 'Wait.', meta: { a: 1 } } }, headers)

/** A node that answers with these, one after the other; the last one goes on. */
function script(...answers: (() => Response | Error)[]) {
  const calls: { url: string; init: RequestInit }[] = []
  const fetch: Fetch = async (url, init) => {
    calls.push({ url, init })
    const answer = answers[Math.min(calls.length, answers.length) - 1]!()
    if (answer instanceof Error) throw answer
    return answer
  }
  return { fetch, calls }
}

function send(fetch: Fetch, request: NodeRequest, url = 'http://127.0.0.1:8600') {
  return createNodeHttp({ url, fetch, retryDelaysMs: [1, 1] }).send(request)
}

const broken = () => new TypeError('fetch failed')

describe('tries', () => {
  it('repeats what is repeatable until the network works', async () => {
    const { fetch, calls } = script(broken, broken, () => json(200, { ok: 1 }))
    expect(await send(fetch, get)).toEqual({ ok: 1 })
    expect(calls).toHaveLength(3)
  })

  it('gives up after its last try', async () => {
    const { fetch, calls } = script(broken)
    await expect(send(fetch, get)).rejects.toMatchObject({
      code: 'node/unreachable',
      isRetryable: true,
    })
    expect(calls).toHaveLength(3)
  })

  it('never repeats what is not repeatable', async () => {
    const { fetch, calls } = script(broken)
    await expect(send(fetch, once)).rejects.toMatchObject({ code: 'node/unreachable' })
    expect(calls).toHaveLength(1)
  })

  it.each([
    [429, 'node/rate-limited', 3],
    [429, 'node/overloaded', 3],
    [409, 'ctp/nonce-skipped', 1],
    [404, 'ctp/unknown', 1],
    [500, 'node/internal', 1],
  ])('after %i %s tries %i times in all', async (status, code, times) => {
    const { fetch, calls } = script(() => refusal(status, code))
    await expect(send(fetch, get)).rejects.toMatchObject({ code, hint: 'Wait.', meta: { a: 1 } })
    expect(calls).toHaveLength(times)
  })

  it('does not wait for longer than it should, whatever the node asks', async () => {
    const { fetch, calls } = script(() =>
      refusal(429, 'node/rate-limited', { 'retry-after': '60' }),
    )
    await expect(send(fetch, get)).rejects.toMatchObject({ code: 'node/rate-limited' })
    expect(calls).toHaveLength(1)
  })
})

describe('answers', () => {
  const strange: [what: string, answer: () => Response, code: string][] = [
    ['a page instead of JSON', () => new Response('<html>'), 'node/bad-answer'],
    ['a code that is not known', () => refusal(400, 'new/code'), 'node/bad-answer'],
    ['an inherited name as a code', () => refusal(400, 'toString'), 'node/bad-answer'],
    ['an error of another shape', () => json(400, { error: 'x' }), 'node/bad-answer'],
    [
      'facts that are no plain values',
      () => json(400, { error: { code: 'ctp/unknown', message: '', hint: '', meta: { a: {} } } }),
      'node/bad-answer',
    ],
    ['a proxy’s page', () => new Response('<html>', { status: 502 }), 'node/unreachable'],
    ['more than can be read', () => new Response('x'.repeat(9_000_000)), 'node/bad-answer'],
  ]

  it.each(strange)('turns %s into an error of ours', async (_what, answer, code) => {
    const { fetch } = script(answer)
    const failure = await send(fetch, get).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SpbError)
    expect(failure).toMatchObject({ code })
  })

  it('says so when the node takes too long', async () => {
    const fetch: Fetch = (_url, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
    const http = createNodeHttp({ url: 'http://127.0.0.1:1', fetch, timeoutMs: 5 })
    await expect(http.send(once)).rejects.toMatchObject({
      code: 'node/unreachable',
      message: 'The node at http://127.0.0.1:1 did not answer within 5 ms.',
    })
  })

  it('does not follow a redirect', async () => {
    const { fetch, calls } = script(() => json(200, {}))
    await send(fetch, get)
    expect(calls[0]?.init.redirect).toBe('error')
  })
})

describe('URLs', () => {
  it('sends credentials as a header, and shows them nowhere', async () => {
    const { fetch, calls } = script(broken)
    const url = 'http://ann:s%C3%A9cret@127.0.0.1:8600/node/'
    const failure = await send(fetch, once, url).catch((error: unknown) => error)
    expect(calls[0]?.url).toBe('http://127.0.0.1:8600/node/v1/receipts')
    const authorization = new Headers(calls[0]?.init.headers).get('authorization')
    const token = authorization?.replace('Basic ', '') ?? ''
    expect(Buffer.from(token, 'base64').toString()).toBe('ann:sécret')
    expect(failure).toMatchObject({ meta: { url: 'http://127.0.0.1:8600/node' } })
    expect(JSON.stringify(failure) + String(failure)).not.toMatch(/cret/)
  })

  it('takes credentials that are not encoded as they are', () => {
    expect(parseNodeUrl('http://a:%zz@b').authorization).toBe(`Basic ${btoa('a:%zz')}`)
    expect(parseNodeUrl('http://b').authorization).toBeUndefined()
  })

  it.each([['node'], ['ftp://b'], ['javascript:x'], ['http://user:pw@'], ['']])(
    'refuses %s without repeating it',
    (url) => {
      expect(() => createNodeHttp({ url })).toThrowError(
        expect.objectContaining({
          code: 'input/option',
          message: 'The node’s URL is not understood.',
        }),
      )
    },
  )
})
