import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fakeEvidence, fakeMeterKey } from '../../api/fakeNode.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint32, maxUint40, seconds, wh } from '../../protocol/units.ts'
import { createNodeHttp } from '../../sdk/nodeHttp.ts'
import { askMeter } from './householdMeter.ts'
import { type MeterAgent, type MeterCallHandlers, startMeterAgent } from './meterAgent.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const folder = mkdtempSync(join(tmpdir(), 'spb-agent-'))
const runPath = join(folder, 'alice.run')
const ctpId = `0x${'c1'.repeat(32)}` as const
const signature = `0x${'5e'.repeat(64)}` as const
const meterKey = addressOf(fakeMeterKey)
const consumer = addressOf(new Uint8Array(32).fill(7))
const erc = { ctpId, deliveredWh: wh(7), measuredAtSeconds: seconds(9) }
let agent: MeterAgent
let asked: unknown[]

const handlers: MeterCallHandlers = {
  describe: () => ({ keysLeft: 3, isMeasuring: true }),
  takeKey(question) {
    asked.push(question)
    return { meterKey, keysLeft: 2 }
  },
  bind: () => ({ meterReadySignature: signature, evidence: fakeEvidence }),
  receipt(question) {
    asked.push(question)
    return { erc, signature }
  },
  acknowledge: () => ({}),
  release() {
    throw new SpbError('erc/unknown-ctp', 'No CTP of this id.', { meta: { ctpId } })
  },
  async renew() {
    throw new TypeError('the secret of this bug')
  },
  status: () => ({
    ...{ isStale: false, droppedReadings: 1, refusedReadings: 2, receiptsWaiting: 3 },
    ...{ renewal: 'failed', renewalFailure: 'No witness.', source: 'p1:tcp://meter:23' },
  }),
}

const readUrl = (): string => JSON.parse(readFileSync(runPath, 'utf8')).url
const connect = (url = readUrl()) => createNodeHttp({ url, retryDelaysMs: [] })

/** Sends what a program of the household would not; with the password. */
async function post(path: string, body: string, contentType = 'application/json') {
  const { username, password } = new URL(readUrl())
  const authorization = `Basic ${btoa(`${username}:${password}`)}`
  const headers = { authorization, 'content-type': contentType }
  const response = await fetch(`${agent.url}${path}`, { method: 'POST', headers, body })
  return { status: response.status, text: await response.text() }
}

/** What `takeKey` is asked, with an expiry as it stands here, and more fields. */
const takeBody = (expiry: string, more = '') =>
  `{"expirySeconds":${expiry},"consumer":"${consumer}"${more}}`

beforeEach(async () => {
  asked = []
  agent = await startMeterAgent(runPath, handlers)
})
afterEach(() => agent.close())
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('a running meter’s server', () => {
  it('answers the household’s programs, each call in its own form', async () => {
    const http = connect()
    expect(await askMeter(http, 'describe', { expirySeconds: seconds(1) })).toEqual({
      keysLeft: 3,
      isMeasuring: true,
    })
    const taken = await askMeter(http, 'takeKey', { expirySeconds: seconds(maxUint40), consumer })
    expect(taken).toEqual({ meterKey, keysLeft: 2 })
    const question = { ctpId, deliveredWh: wh(maxUint32), measuredAtSeconds: seconds(0) }
    expect(await askMeter(http, 'receipt', question)).toEqual({ erc, signature })
    expect(asked).toEqual([{ expirySeconds: maxUint40, consumer }, question])
    expect(await askMeter(http, 'status', {})).toMatchObject({
      ...{ renewal: 'failed', renewalFailure: 'No witness.', receiptsWaiting: 3 },
    })
  })

  it('keeps the codes of what the meter refuses, and the secrets of bugs', async () => {
    const http = connect()
    const released = askMeter(http, 'release', { ctpId })
    await expect(released).rejects.toMatchObject({
      ...{ code: 'erc/unknown-ctp', message: 'No CTP of this id.', meta: { ctpId } },
    })
    const renewed = askMeter(http, 'renew', {})
    await expect(renewed).rejects.toMatchObject({ code: 'node/internal' })
    expect((await post('/v1/renew', '{}')).text).not.toContain('secret')
  })

  it.each([
    ['no password', (url: URL) => Object.assign(url, { username: '', password: '' })],
    ['another password', (url: URL) => Object.assign(url, { password: 'f'.repeat(48) })],
    ['a shorter password', (url: URL) => Object.assign(url, { password: 'f' })],
    ['another name', (url: URL) => Object.assign(url, { username: 'Meter' })],
  ])('refuses whoever has %s, before it looks at what is asked', async (_name, change) => {
    const url = change(new URL(readUrl())).href
    const taken = askMeter(connect(url), 'takeKey', { expirySeconds: seconds(1), consumer })
    await expect(taken).rejects.toEqual(refusal('meter/locked'))
    for (const path of ['/v1/takeKey', '/v1/nothing', '/']) {
      const response = await fetch(`${agent.url}${path}`, { method: 'POST', body: '{' })
      expect((await response.json()).error.code).toBe('meter/locked')
    }
    expect(asked).toEqual([])
  })

  it.each<[string, string, ErrorCode, string?]>([
    ['no JSON', '{', 'input/shape'],
    ['nothing', '', 'input/shape'],
    ['another type', 'expirySeconds=1', 'input/media-type', 'text/plain'],
    ['a list', '[]', 'input/shape'],
    ['null', 'null', 'input/shape'],
    ['a field too few', '{"expirySeconds":1}', 'input/shape'],
    ['no address', '{"expirySeconds":1,"consumer":"bob"}', 'input/address'],
    ['a field too many', takeBody('1', ',"to":2'), 'input/shape'],
    ['a field twice', takeBody('1', ',"expirySeconds":2'), 'input/shape'],
    ['a key of the prototype', takeBody('1', ',"__proto__":{}'), 'input/shape'],
    ['text for a number', takeBody('"1"'), 'input/number'],
    ['a negative number', takeBody('-1'), 'input/number'],
    ['a fraction', takeBody('1.5'), 'input/number'],
    ['too large a number', takeBody('1099511627776'), 'input/number'],
    ['a deep body', takeBody(`${'['.repeat(20)}${']'.repeat(20)}`), 'input/shape'],
    ['a large body', takeBody(`"${'1'.repeat(65_536)}"`), 'input/too-large'],
  ])('refuses %s', async (_name, body, code, contentType) => {
    const { text } = await post('/v1/takeKey', body, contentType)
    expect(JSON.parse(text).error.code).toBe(code)
    expect(asked).toEqual([])
  })

  it('has no other routes', async () => {
    const { status, text } = await post('/v1/seed', '{}')
    expect([status, JSON.parse(text).error.code]).toEqual([404, 'node/not-found'])
  })

  it('tells its address and password in a file for its owner only, while it runs', async () => {
    expect(statSync(runPath).mode & 0o777).toBe(0o600)
    expect(new URL(readUrl()).hostname).toBe('127.0.0.1')
    expect(agent.url).not.toContain('@')
    const before = readUrl()
    await agent.close()
    expect(existsSync(runPath)).toBe(false)
    agent = await startMeterAgent(runPath, handlers)
    expect(new URL(readUrl()).password).not.toBe(new URL(before).password)
  })

  it('does not run where it cannot say so', async () => {
    const blocked = join(folder, 'blocked.run')
    mkdirSync(blocked)
    const started = startMeterAgent(blocked, handlers)
    await expect(started).rejects.toEqual(refusal('store/failed'))
  })
})
