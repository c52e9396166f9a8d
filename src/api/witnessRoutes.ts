import { randomInt } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { NodeService } from '../node/nodeService.ts'
import { type Waiting, WitnessRelay } from '../node/witnessRelay.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { decodeAddress, decodeHex, decodeNumber } from '../protocol/decodeMessage.ts'
import { SpbError } from '../protocol/spbError.ts'
import { standingOf } from '../protocol/standing.ts'
import {
  answeredCodec,
  sealedAnswerCodec,
  sealedBoxCodec,
  sealedRequestCodec,
  witnessLimits,
  witnessMailCodec,
  witnessPageCodec,
  witnessPostCodec,
  witnessPostedCodec,
} from '../protocol/witnessCodecs.ts'
import type { ApiLimits } from './apiLimits.ts'
import { answersOf, schemaOf } from './openApi.ts'
import { tokenHeadersSchema, witnessParamsSchema, witnessQuerySchema } from './querySchemas.ts'
import type { ApiInstance } from './tradeRoutes.ts'

const tags = ['witnesses']

/** Waits until something comes, the time is over, or whoever asked is gone. */
async function awaitInTime<Value>(
  { outcome, giveUp }: Waiting<Value>,
  timeoutMs: number,
  reply: FastifyReply,
): Promise<Value> {
  const timer = setTimeout(giveUp, timeoutMs)
  reply.raw.once('close', giveUp)
  try {
    return await outcome
  } finally {
    clearTimeout(timer)
    reply.raw.off('close', giveUp)
  }
}

type Headers = Static<typeof tokenHeadersSchema>

function readAccess(params: { meter: string }, headers: Headers): [Address, Bytes32] {
  const token = decodeHex(headers['spb-witness-token'], 32, 'spb-witness-token')
  return [decodeAddress(params.meter, 'meter'), token]
}

type OwnerLimits = Pick<ApiLimits, 'witnessAsksPerMinute' | 'witnessAnswerMs'>

/** Routes of owners, who look for a witness and ask it. */
function addOwnerRoutes(app: ApiInstance, relay: WitnessRelay, limits: OwnerLimits): void {
  const count = app.createRateLimit({ max: limits.witnessAsksPerMinute, timeWindow: 60_000 })

  /** Where a request comes from, as rates are counted: an address, of IPv6 its network. */
  async function countSource(request: FastifyRequest): Promise<string> {
    const counted = await count(request)
    if (!counted.isAllowed && counted.isExceeded) throw new SpbError('node/rate-limited')
    return counted.key
  }

  app.get(
    '/v1/witnesses',
    {
      schema: {
        tags,
        summary: 'Meters that witness for others, and can be reached through this node.',
        response: answersOf(schemaOf(witnessPageCodec)),
      },
    },
    async (request) => {
      await countSource(request)
      return witnessPageCodec.encode({ witnesses: relay.list() })
    },
  )
  app.post(
    '/v1/witness-requests',
    {
      schema: {
        tags,
        summary: 'Passes a sealed request to a witness, and waits for its sealed answer.',
        body: schemaOf(sealedRequestCodec),
        response: answersOf(schemaOf(sealedBoxCodec)),
      },
    },
    async (request, reply) => {
      const sealed = sealedRequestCodec.decode(request.body, 'sealed request')
      const waiting = relay.ask(sealed, await countSource(request))
      const box = await awaitInTime(waiting, limits.witnessAnswerMs, reply)
      return sealedBoxCodec.encode({ box })
    },
  )
}

/** Routes of witnesses, who offer themselves and answer. */
function addServiceRoutes(app: ApiInstance, relay: WitnessRelay): void {
  app.post(
    '/v1/witnesses',
    {
      schema: {
        tags,
        summary: 'Offers a meter as a witness. A later post replaces an earlier one.',
        body: schemaOf(witnessPostCodec),
        response: answersOf(schemaOf(witnessPostedCodec), 201),
      },
    },
    async ({ body }, reply) => {
      const post = witnessPostCodec.decode(body, 'witness post')
      relay.post(post)
      return reply.code(201).send(witnessPostedCodec.encode(post))
    },
  )
  app.get(
    '/v1/witnesses/:meter/requests',
    {
      schema: {
        tags,
        summary: 'Waits for sealed requests to a witness.',
        params: witnessParamsSchema,
        querystring: witnessQuerySchema,
        headers: tokenHeadersSchema,
        response: answersOf(schemaOf(witnessMailCodec)),
      },
    },
    async ({ params, query, headers }, reply) => {
      const { pollSeconds } = witnessLimits
      const { wait = String(pollSeconds) } = query
      const waitSeconds = decodeNumber(Number(wait), pollSeconds, 'wait')
      const waiting = relay.fetch(...readAccess(params, headers))
      const boxes = await awaitInTime(waiting, 1000 * waitSeconds, reply)
      return witnessMailCodec.encode({ boxes })
    },
  )
  app.post(
    '/v1/witnesses/:meter/answers',
    {
      schema: {
        tags,
        summary: 'Passes a witness’s sealed answer to whoever asked.',
        params: witnessParamsSchema,
        headers: tokenHeadersSchema,
        body: schemaOf(sealedAnswerCodec),
        response: answersOf(schemaOf(answeredCodec)),
      },
    },
    ({ params, headers, body }) => {
      const answer = sealedAnswerCodec.decode(body, 'sealed answer')
      relay.answer(...readAccess(params, headers), answer)
      return answeredCodec.encode(answer)
    },
  )
}

/** Makes the relay of a node; it lives in memory, and ends with its server. */
export function createNodeRelay(node: NodeService, limits: ApiLimits): WitnessRelay {
  const { chainId, address } = node.market()
  return new WitnessRelay({
    market: { chainId, address },
    relay: node.status().memberAddress,
    readStanding: () => standingOf(node.market()),
    clock: { nowMs: () => Date.now() },
    randomBelow: (bound) => randomInt(bound),
    limits: {
      posts: limits.witnessPosts,
      asks: limits.witnessAsks,
      asksPerAddress: limits.witnessAsksPerAddress,
      polls: limits.witnessPolls,
    },
  })
}

/**
 * Adds the routes by which meters witness for each other. An owner waits `witnessAnswerMs` at
 * most. Waits end when the server closes.
 */
export function addWitnessRoutes(app: ApiInstance, relay: WitnessRelay, limits: OwnerLimits): void {
  addOwnerRoutes(app, relay, limits)
  addServiceRoutes(app, relay)
  app.addHook('preClose', async () => relay.close())
}
