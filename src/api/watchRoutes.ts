import { Type } from 'typebox'
import type { NodeService } from '../node/nodeService.ts'
import { decodeAddress } from '../protocol/decodeMessage.ts'
import { SpbError } from '../protocol/spbError.ts'
import { nodeEventCodec } from '../protocol/viewCodecs.ts'
import type { EventHub } from './eventHub.ts'
import type { NodeMetrics } from './nodeMetrics.ts'
import { answersOf, finishOpenApi, schemaOf } from './openApi.ts'
import { eventQuerySchema } from './querySchemas.ts'
import type { ApiInstance } from './tradeRoutes.ts'

/** The one path that speaks WebSocket. */
export const eventPath = '/v1/events'

const healthSchema = Type.Object(
  { isVoting: Type.Literal(true) },
  { title: 'Health', description: 'The node votes.' },
)
const textSchema = Type.String({ description: 'Prometheus text.' })
const documentSchema = Type.Unsafe<unknown>({ type: 'object', description: 'This document.' })

/** Adds the stream of events: a WebSocket that the node alone writes to. */
function addEventRoute(app: ApiInstance, hub: EventHub, mostClients: number): void {
  app.route({
    method: 'GET',
    url: eventPath,
    schema: {
      tags: ['events'],
      summary: 'A WebSocket: what happens, one JSON event a message.',
      querystring: eventQuerySchema,
      response: answersOf(schemaOf(nodeEventCodec, 'A message of the WebSocket.')),
    },
    // Before the upgrade, so that a refusal is an HTTP answer with a code.
    preHandler: async (request) => {
      const { account } = request.query
      if (account !== undefined) decodeAddress(account, 'account')
      if (!request.ws) {
        throw new SpbError('node/not-found', 'This path speaks WebSocket only.')
      }
      if (hub.clientCount() >= mostClients) {
        throw new SpbError('node/overloaded', 'Too many programs follow events.')
      }
    },
    handler: () => {
      throw new SpbError('node/not-found')
    },
    wsHandler: (socket, request) => {
      const { account } = request.query as { account?: string }
      hub.add(socket, account === undefined ? undefined : decodeAddress(account, 'account'))
    },
  })
}

/** Adds the routes that watch a node: its health, metrics, events, and the API's description. */
export function addWatchRoutes(
  app: ApiInstance,
  { node, hub, metrics }: { node: NodeService; hub: EventHub; metrics: NodeMetrics },
  mostClients: number,
): void {
  const tags = ['node']
  let description: object | undefined
  app.get(
    '/health',
    { schema: { tags, summary: 'Whether the node votes.', response: answersOf(healthSchema) } },
    () => {
      const { isVoting, reason } = node.status()
      if (isVoting) return { isVoting }
      throw new SpbError('node/not-voting', undefined, { meta: { reason: reason ?? null } })
    },
  )
  app.get(
    '/metrics',
    { schema: { tags, summary: 'Metrics for Prometheus.', response: answersOf(textSchema) } },
    async (_request, reply) => {
      const text = await metrics.render()
      return reply.type(metrics.contentType).serializer(String).send(text)
    },
  )
  app.get(
    '/openapi.json',
    { schema: { tags, summary: 'This document.', response: answersOf(documentSchema) } },
    () => (description ??= finishOpenApi(app.swagger())),
  )
  addEventRoute(app, hub, mostClients)
}
