import type { IncomingMessage, ServerResponse } from 'node:http'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { NodeService } from '../node/nodeService.ts'
import { decodeCtpSubmission } from '../protocol/ctpSubmission.ts'
import { decodeAddress, decodeHex } from '../protocol/decodeMessage.ts'
import {
  ctpSubmissionCodec,
  signedCtpCodec,
  signedErcCodec,
  voidCertificateCodec,
} from '../protocol/messageCodecs.ts'
import { decodeSignedErc } from '../protocol/signedErc.ts'
import {
  accountViewCodec,
  ctpDossierCodec,
  ctpPageCodec,
  ctpViewCodec,
  ercViewCodec,
  marketViewCodec,
  nodeStatusCodec,
  nodeTotalsCodec,
  offerPageCodec,
  proofViewCodec,
} from '../protocol/viewCodecs.ts'
import { answerInTime } from './answerInTime.ts'
import { answersOf, schemaOf } from './openApi.ts'
import {
  accountParamsSchema,
  ctpIdParamsSchema,
  ctpKeyParamsSchema,
  ctpQuerySchema,
  decodeCtpKey,
  decodeCtpQuery,
  decodeOfferQuery,
  offerQuerySchema,
} from './querySchemas.ts'

/** The framework, with types of requests taken from their schemas. */
export type ApiInstance = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>

/** Routes that read the node. */
function addReadRoutes(app: ApiInstance, node: NodeService): void {
  const tags = ['node']
  app.get(
    '/v1/status',
    {
      schema: { tags, summary: 'How the node is.', response: answersOf(schemaOf(nodeStatusCodec)) },
    },
    () => nodeStatusCodec.encode(node.status()),
  )
  app.get(
    '/v1/market',
    { schema: { tags, summary: 'The market.', response: answersOf(schemaOf(marketViewCodec)) } },
    () => marketViewCodec.encode(node.market()),
  )
  app.get(
    '/v1/totals',
    { schema: { tags, summary: 'Sums so far.', response: answersOf(schemaOf(nodeTotalsCodec)) } },
    () => nodeTotalsCodec.encode(node.totals()),
  )
  app.get(
    '/v1/accounts/:address',
    {
      schema: {
        tags: ['accounts'],
        summary: 'An account: its balance, and what holds it.',
        params: accountParamsSchema,
        response: answersOf(schemaOf(accountViewCodec)),
      },
    },
    ({ params }) => accountViewCodec.encode(node.account(decodeAddress(params.address, 'address'))),
  )
  app.get(
    '/v1/offers',
    {
      schema: {
        tags: ['offers'],
        summary: 'Offers, cheapest first.',
        querystring: offerQuerySchema,
        response: answersOf(schemaOf(offerPageCodec)),
      },
    },
    ({ query }) => offerPageCodec.encode({ offers: node.offers(decodeOfferQuery(query)) }),
  )
}

/** Routes that read CTPs. */
function addCtpRoutes(app: ApiInstance, node: NodeService): void {
  const tags = ['ctps']
  app.get(
    '/v1/ctps',
    {
      schema: {
        tags,
        summary: 'CTPs, newest first.',
        querystring: ctpQuerySchema,
        response: answersOf(schemaOf(ctpPageCodec)),
      },
    },
    ({ query }) => ctpPageCodec.encode({ ctps: node.ctps(decodeCtpQuery(query)) }),
  )
  app.get(
    '/v1/ctps/:key',
    {
      schema: {
        tags,
        summary: 'A CTP with all that proves it, by id or number.',
        params: ctpKeyParamsSchema,
        response: answersOf(schemaOf(ctpDossierCodec)),
      },
    },
    ({ params }) => ctpDossierCodec.encode(node.ctp(decodeCtpKey(params.key))),
  )
  app.get(
    '/v1/ctps/:key/proof',
    {
      schema: {
        tags,
        summary: 'A proof that a CTP, by id, is live or is not.',
        params: ctpIdParamsSchema,
        response: answersOf(schemaOf(proofViewCodec)),
      },
    },
    ({ params }) => proofViewCodec.encode(node.proof(decodeHex(params.key, 32, 'id'))),
  )
}

/**
 * Routes that change something. Bodies are parsed by the protocol's own decoders, whose codes are
 * stable; the schemas here only document them.
 */
function addMessageRoutes(app: ApiInstance, node: NodeService, timeoutMs: number): void {
  app.post(
    '/v1/ctps',
    {
      schema: {
        tags: ['ctps'],
        summary: 'Puts money on hold. The same CTP again has the same answer.',
        body: schemaOf(ctpSubmissionCodec),
        response: answersOf(schemaOf(ctpViewCodec), 201),
      },
    },
    async ({ body }, reply) => {
      const answer = node.submitCtp(decodeCtpSubmission(body))
      const view = await answerInTime(answer, timeoutMs)
      return reply.code(201).send(ctpViewCodec.encode(view))
    },
  )
  app.post(
    '/v1/receipts',
    {
      schema: {
        tags: ['ctps'],
        summary: 'Says how much energy came.',
        body: schemaOf(signedErcCodec),
        response: answersOf(schemaOf(ercViewCodec)),
      },
    },
    async ({ body }) => {
      const answer = node.submitErc(decodeSignedErc(body))
      return ercViewCodec.encode(await answerInTime(answer, timeoutMs))
    },
  )
  app.post(
    '/v1/voids',
    {
      schema: {
        tags: ['ctps'],
        summary: 'Closes a nonce that got stuck; shows a CTP that was signed at it.',
        body: schemaOf(signedCtpCodec),
        response: answersOf(schemaOf(voidCertificateCodec)),
      },
    },
    async ({ body }) => {
      const signed = signedCtpCodec.decode(body, 'signed CTP')
      return voidCertificateCodec.encode(await answerInTime(node.voidNonce(signed), timeoutMs))
    },
  )
}

/** Adds the routes under /v1 that ask the node something once; it has `timeoutMs` to answer. */
export function addTradeRoutes(app: ApiInstance, node: NodeService, timeoutMs: number): void {
  addReadRoutes(app, node)
  addCtpRoutes(app, node)
  addMessageRoutes(app, node, timeoutMs)
}
