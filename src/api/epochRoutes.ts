import { timingSafeEqual } from 'node:crypto'
import type { FastifyRequest } from 'fastify'
import { type EpochView, epochViewCodec } from '../protocol/epochView.ts'
import { SpbError } from '../protocol/spbError.ts'
import { answerInTime } from './answerInTime.ts'
import { answersOf, schemaOf } from './openApi.ts'
import type { ApiInstance } from './tradeRoutes.ts'

/** What a node says and does about its epochs. */
export type EpochService = {
  epoch(): EpochView
  /** Resolves once the member's last word is on disk. */
  endEpoch(): Promise<EpochView>
}

/** What the routes of epochs serve, and for whom. */
export type EpochRoutesOptions = {
  service: EpochService
  /** Whoever shows it is the node's operator: 16 characters at least. */
  operatorToken: string
  timeoutMs: number
}

/** Refuses everyone who does not show the token; says nothing of how wrong it was. */
function requireOperator({ headers }: FastifyRequest, token: string): void {
  const given = Buffer.from(headers.authorization ?? '')
  const expected = Buffer.from(`Bearer ${token}`)
  if (given.length === expected.length && timingSafeEqual(given, expected)) return
  throw new SpbError('epoch/not-operator')
}

/** Adds the routes of the committee's epochs. */
export function addEpochRoutes(app: ApiInstance, options: EpochRoutesOptions): void {
  const { service, operatorToken, timeoutMs } = options
  const tags = ['committee']
  const response = answersOf(schemaOf(epochViewCodec))
  app.get(
    '/v1/epoch',
    { schema: { tags, summary: 'The epoch: its members, and who of them ended it.', response } },
    () => epochViewCodec.encode(service.epoch()),
  )
  app.post(
    '/v1/epoch/end',
    {
      schema: {
        tags,
        summary:
          'Ends the epoch for this node’s member, which votes no more in it: operators only.',
        response,
      },
    },
    async (request) => {
      requireOperator(request, operatorToken)
      return epochViewCodec.encode(await answerInTime(service.endEpoch(), timeoutMs))
    },
  )
}
