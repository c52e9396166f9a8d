import rateLimit from '@fastify/rate-limit'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import fastify from 'fastify'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { seededBytes } from '../../test/support/seededBytes.ts'
import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import { renewFromAny } from '../meter/findCoe.ts'
import { createManufacturer } from '../meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../meter/manufactureSoftwareMeter.ts'
import type { SoftwareMeter } from '../meter/softwareMeter.ts'
import { startWitnessService, type WitnessService } from '../meter/witnessService.ts'
import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import { type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { errorTable } from '../protocol/errorTable.ts'
import { createSealingKeys, requestIdOf, sealRequest } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import { standingOf } from '../protocol/standing.ts'
import { maxUint40, seconds } from '../protocol/units.ts'
import { sealedRequestCodec, witnessLimits, witnessPostCodec } from '../protocol/witnessCodecs.ts'
import { tokenHashOf } from '../protocol/witnessPost.ts'
import { createWitnessClient } from '../sdk/witnessClient.ts'
import { type ApiLimits, defaultApiLimits } from './apiLimits.ts'
import { type ApiServer, createApiServer } from './apiServer.ts'
import { createFakeNode, type FakeNode, fakeKey, fakeMarket } from './fakeNode.ts'
import { addWitnessRoutes, createNodeRelay } from './witnessRoutes.ts'

const randomBytes = seededBytes('witness routes')
const nowSeconds = seconds(Math.floor(Date.now() / 1000))
const manufacturer = createManufacturer(fakeKey(9))
const token: Bytes32 = `0x${'7a'.repeat(32)}`

let node: FakeNode
let server: ApiServer
let relay: WitnessRelayAccess
const services: WitnessService[] = []

async function serve(limits: Partial<ApiLimits> = {}): Promise<void> {
  const manufacturers = [{ manufacturer: manufacturer.address, endsSeconds: seconds(maxUint40) }]
  const plain = createFakeNode()
  const market = { ...plain.market(), manufacturers, revokedMeters: [] }
  node = createFakeNode({ market: () => market })
  server = createApiServer({ node, port: 0, limits })
  await server.listen()
  // The client is what the meter's port asks for.
  relay = createWitnessClient({ url: server.url, retryDelaysMs: [] })
}

beforeEach(() => serve())

afterEach(async () => {
  await Promise.all(services.splice(0).map((service) => service.close()))
  await server.close()
})

function makeMeter(fill: number): SoftwareMeter {
  const options = { name: `m${fill}`, seed: new Uint8Array(32).fill(fill), manufacturer }
  const notAfterSeconds = seconds(nowSeconds + 31_536_000)
  return manufactureSoftwareMeter({ ...options, notAfterSeconds, treeHeight: 2 }, openMeterMemory())
}

const standing = () => standingOf(node.market())

/** A witness that listens at the server. */
async function offer(meter: SoftwareMeter): Promise<WitnessService> {
  const service = startWitnessService({
    ...{ meter, market: fakeMarket, relays: [relay], randomBytes },
    clock: { nowMs: () => Date.now() },
    readStanding: async () => standing(),
  })
  services.push(service)
  await expect.poll(() => relay.list()).not.toEqual([])
  return service
}

/** A post made by hand, with a token that the test knows. */
async function postByHand(meter: SoftwareMeter) {
  const keys = createSealingKeys(randomBytes(32))
  const post = meter.announce(fakeMarket, {
    relay: node.status().memberAddress,
    sealingKey: keys.publicKey,
    tokenHash: bytesToHex(tokenHashOf(token)),
    notAfterSeconds: seconds(nowSeconds + 3600),
  })
  await relay.post(post)
  return { keys, post }
}

async function read(path: string, init?: RequestInit) {
  const response = await fetch(`${server.url}${path}`, init)
  return { status: response.status, body: await response.json() }
}

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(body),
})

function sealTo(meter: SoftwareMeter, sealingKey: Bytes32) {
  const { box } = sealRequest(
    Uint8Array.of(1),
    { witness: meter.identity, sealingKey },
    randomBytes,
  )
  return sealedRequestCodec.encode({ witness: meter.identity, box })
}

describe('witnessing through a node over HTTP', () => {
  it('gets a meter its CoE from another one', async () => {
    const witness = makeMeter(2)
    const service = await offer(witness)
    const meter = makeMeter(1)
    const signed = await renewFromAny(meter, fakeMarket, [relay], {
      ...{ nowSeconds, standing: standing(), randomBytes },
    })
    expect(signed.witness.meter).toBe(witness.identity)
    expect(service.counts).toEqual({ signed: 1, refused: 0, dropped: 0 })
    expect(meter.keysLeft(seconds(nowSeconds + 3600))).toBe(4)
    await service.close()
    expect([...service.states.values()]).toEqual([{ kind: 'ended' }])
  })

  it('says who a node is, and which witnesses it lists', async () => {
    const meter = makeMeter(2)
    await offer(meter)
    expect(relay.name).toBe(server.url)
    expect(await relay.identify()).toBe(node.status().memberAddress)
    const { status, body } = await read('/v1/witnesses')
    expect(status).toBe(200)
    expect(body.witnesses).toMatchObject([{ certificate: { meter: meter.identity } }])
  })

  it('ends the wait of a witness with nothing, and its requests when it goes', async () => {
    const meter = makeMeter(2)
    const { keys } = await postByHand(meter)
    const signal = new AbortController().signal
    expect(await relay.fetchRequests(meter.identity, token, 0, signal)).toEqual([])
    // Gone before its time: what comes then waits for the next connection.
    const leaving = new AbortController()
    const left = relay.fetchRequests(meter.identity, token, 25, leaving.signal)
    leaving.abort()
    await expect(left).rejects.toMatchObject({ code: 'node/unreachable' })
    const asked = read('/v1/witness-requests', post(sealTo(meter, keys.publicKey)))
    await expect.poll(() => relay.fetchRequests(meter.identity, token, 0, signal)).toHaveLength(1)
    await server.close()
    expect(await asked).toMatchObject({ body: { error: { code: 'meter/witness-silent' } } })
  })

  it('says that a witness is silent when its time is over', async () => {
    await server.close()
    await serve({ witnessAnswerMs: 50 })
    const meter = makeMeter(2)
    const { keys } = await postByHand(meter)
    await relay.fetchRequests(meter.identity, token, 0, new AbortController().signal)
    const asked = await read('/v1/witness-requests', post(sealTo(meter, keys.publicKey)))
    expect(asked).toMatchObject({ status: 503, body: { error: { code: 'meter/witness-silent' } } })
  })

  it('takes one post as often as it is sent', async () => {
    const { post: posted } = await postByHand(makeMeter(2))
    const again = await read('/v1/witnesses', post(witnessPostCodec.encode(posted)))
    expect(again).toEqual({ status: 201, body: { notAfterSeconds: nowSeconds + 3600 } })
  })
})

describe('a flood of one source', () => {
  /** Requests that wait, and the way to have their connections go. */
  async function fillMailbox(meter: SoftwareMeter, sealingKey: Bytes32) {
    const { signal } = new AbortController()
    await relay.fetchRequests(meter.identity, token, 0, signal)
    const leaving = new AbortController()
    const ask = (signal?: AbortSignal) =>
      read('/v1/witness-requests', {
        ...post(sealTo(meter, sealingKey)),
        ...(signal && { signal }),
      })
    const asked = Array.from({ length: 16 }, () => ask(leaving.signal))
    let fetched = 0
    await expect
      .poll(async () => {
        fetched += (await relay.fetchRequests(meter.identity, token, 0, signal)).length
        return fetched
      })
      .toBe(16)
    return { ask, leave: () => leaving.abort(), asked: Promise.allSettled(asked) }
  }

  it('frees the places of owners as soon as their connections go', async () => {
    await server.close()
    await serve({ drainMs: 50 })
    const meter = makeMeter(2)
    const { keys } = await postByHand(meter)
    const { ask, leave, asked } = await fillMailbox(meter, keys.publicKey)
    expect(await ask()).toMatchObject({ body: { error: { code: 'meter/witness-busy' } } })
    leave()
    await asked
    const { signal } = new AbortController()
    const late: Promise<unknown>[] = []
    await expect
      .poll(async () => {
        late.push(ask())
        return await relay.fetchRequests(meter.identity, token, 0, signal)
      })
      .toHaveLength(1)
    await server.close()
    await Promise.all(late)
  })

  it('is bounded in a minute, also where each request is given up at once', async () => {
    await server.close()
    await serve({ witnessAsksPerMinute: 2 })
    const { body: list } = await read('/v1/witnesses')
    expect(list).toEqual({ witnesses: [] })
    const request = post(sealTo(makeMeter(2), createSealingKeys(randomBytes(32)).publicKey))
    const codes: string[] = []
    for (let count = 0; count < 2; count++) {
      codes.push((await read('/v1/witness-requests', request)).body.error.code)
    }
    expect(codes).toEqual(['witness/unknown', 'node/rate-limited'])
    expect((await read('/v1/witnesses')).body.error.code).toBe('node/rate-limited')
    // Witnesses and households are not hindered.
    await postByHand(makeMeter(2))
    expect((await read('/v1/status')).status).toBe(200)
  })

  it('leaves room for others in each mailbox', () => {
    const { witnessAsksPerAddress } = defaultApiLimits(false)
    expect(witnessAsksPerAddress).toBeLessThan(witnessLimits.mailboxRequests)
  })

  it('is one source, whatever address of its IPv6 network it takes', async () => {
    const app = fastify().withTypeProvider<TypeBoxTypeProvider>()
    await app.register(rateLimit, { ipv6Subnet: 64 })
    const witnessRelay = createNodeRelay(node, defaultApiLimits(false))
    const sources: string[] = []
    const noting = Object.assign(witnessRelay, {
      ask: (_request: unknown, from: string) => {
        sources.push(from)
        return { outcome: Promise.reject(new SpbError('meter/witness-silent')), giveUp() {} }
      },
    })
    addWitnessRoutes(app, noting, defaultApiLimits(false))
    const sealed = sealTo(makeMeter(2), createSealingKeys(randomBytes(32)).publicKey)
    const payload = JSON.stringify(sealed)
    const headers = { 'content-type': 'application/json' }
    const addresses = [
      '2001:db8:1:2::a',
      '2001:db8:1:2:ffff::b',
      '2001:db8:1:3::a',
      '::ffff:1.2.3.4',
    ]
    for (const remoteAddress of [...addresses, '1.2.3.4']) {
      await app.inject({
        method: 'POST',
        url: '/v1/witness-requests',
        payload,
        headers,
        remoteAddress,
      })
    }
    await app.close()
    expect(new Set(sources).size).toBe(3)
    expect(sources[0]).toBe(sources[1])
    expect(sources[3]).toBe(sources[4])
  })
})

describe('what a node refuses of owners and witnesses', () => {
  const meter = makeMeter(2)
  const other: Bytes32 = `0x${'7b'.repeat(32)}`
  const requests = `/v1/witnesses/${meter.identity}/requests`
  const answers = `/v1/witnesses/${meter.identity}/answers`
  const withToken = (value: string): RequestInit => ({ headers: { 'spb-witness-token': value } })
  const answer = { requestId: `0x${'11'.repeat(32)}`, box: `0x01${'00'.repeat(1023)}` }

  it.each<[string, keyof typeof errorTable, string, RequestInit?]>([
    ['a fetch without a token', 'input/shape', requests],
    ['a malformed token', 'input/hex', requests, withToken('0x12')],
    ['a wrong token', 'witness/wrong-token', requests, withToken(other)],
    ['a wait of more than 25 s', 'input/number', `${requests}?wait=26`, withToken(token)],
    ['a wait that is no number', 'input/number', `${requests}?wait=x`, withToken(token)],
    ['a meter that is no address', 'input/address', '/v1/witnesses/ann/requests', withToken(token)],
    [
      'an unknown witness',
      'witness/unknown',
      `/v1/witnesses/${makeMeter(3).identity}/requests`,
      withToken(token),
    ],
    [
      'an answer with a wrong token',
      'witness/wrong-token',
      answers,
      post(answer, { 'spb-witness-token': other }),
    ],
    [
      'an answer that nobody waits for',
      'witness/not-asked',
      answers,
      post(answer, { 'spb-witness-token': token }),
    ],
    [
      'an answer of another size',
      'input/hex',
      answers,
      post({ ...answer, box: '0x01' }, { 'spb-witness-token': token }),
    ],
    [
      'a request of another size',
      'input/hex',
      '/v1/witness-requests',
      post({
        witness: meter.identity,
        box: `0x01${'00'.repeat(1024)}`,
      }),
    ],
    [
      'a request in no version',
      'witness/box-invalid',
      '/v1/witness-requests',
      post({
        witness: meter.identity,
        box: `0x02${'00'.repeat(1023)}`,
      }),
    ],
    [
      'an oversized body',
      'input/too-large',
      '/v1/witness-requests',
      post({
        box: '0'.repeat(70_000),
      }),
    ],
    ['a post with a field too many', 'input/shape', '/v1/witnesses', post({ a: 1 })],
  ])('%s: %s', async (_name, code, path, init) => {
    await postByHand(meter)
    const { status, body } = await read(path, init)
    expect(body.error.code).toBe(code)
    expect(status).toBe(errorTable[code].http)
  })

  it('a forged post, and a post for another node', async () => {
    const { post: posted } = await postByHand(meter)
    const forged = { ...posted, sealingKey: other, notAfterSeconds: seconds(nowSeconds + 3700) }
    const elsewhere = { ...posted, relay: makeMeter(3).identity }
    for (const each of [forged, elsewhere]) {
      const { status, body } = await read('/v1/witnesses', post(witnessPostCodec.encode(each)))
      expect([status, body.error.code]).toEqual([409, 'witness/post-invalid'])
    }
  })

  it('a request to a witness with a full mailbox, and one shown again', async () => {
    const { keys } = await postByHand(meter)
    const { signal } = new AbortController()
    await relay.fetchRequests(meter.identity, token, 0, signal)
    const bodies = Array.from({ length: 16 }, () => sealTo(meter, keys.publicKey))
    const waiting = bodies.map((body) => read('/v1/witness-requests', post(body)))
    const full = async () => {
      const { status, body } = await read(
        '/v1/witness-requests',
        post(sealTo(meter, keys.publicKey)),
      )
      return [status, body.error.code]
    }
    // All sixteen are there once the witness has been given them.
    const boxes: string[] = []
    await expect
      .poll(async () => {
        boxes.push(...(await relay.fetchRequests(meter.identity, token, 0, signal)))
        return boxes.length
      })
      .toBe(16)
    expect(await full()).toEqual([429, 'meter/witness-busy'])
    const again = await read('/v1/witness-requests', post(bodies[0]))
    expect([again.status, again.body.error.code]).toEqual([409, 'witness/repeated'])
    expect(new Set(boxes.map((box) => requestIdOf(box as `0x${string}`))).size).toBe(16)
    await server.close()
    for (const { body } of await Promise.all(waiting)) {
      expect(body.error.code).toBe('meter/witness-silent')
    }
  })
})
