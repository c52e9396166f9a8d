import type { Socket } from 'node:net'
import type { ConnectionError, FastifyReply, FastifyRequest } from 'fastify'
import { type ErrorCode, errorTable } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'

/** What the HTTP framework refuses, as our codes. */
const frameworkCodes: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'input/too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'input/media-type',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'input/shape',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'input/shape',
  FST_ERR_BAD_URL: 'input/shape',
  FST_ERR_MAX_PARAM_LENGTH: 'node/not-found',
  HPE_HEADER_OVERFLOW: 'input/too-large',
  ERR_HTTP_REQUEST_TIMEOUT: 'input/too-slow',
}

function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/**
 * Any error as one of ours. Whatever is not known becomes `node/internal` and says nothing of what
 * it was: that is for the log alone.
 */
export function toSpbError(error: unknown): SpbError {
  if (error instanceof SpbError) return error
  const code = frameworkCodes[codeOf(error) ?? '']
  return new SpbError(code ?? 'node/internal', undefined, { cause: error })
}

/** The body of every answer that is not a success. */
export type ErrorBody = { error: ReturnType<SpbError['toJSON']> }

/** When to try again where the node did not say: a queue is worked off by then. */
const usualRetrySeconds = 2
const longestRetrySeconds = 3600

/** After how many seconds the same request may do better; undefined where waiting is no help. */
function retryAfterOf({ code, meta }: SpbError): number | undefined {
  const { retryAfterSeconds } = meta
  if (typeof retryAfterSeconds === 'number' && retryAfterSeconds > 0) {
    return Math.min(Math.ceil(retryAfterSeconds), longestRetrySeconds)
  }
  return code === 'node/overloaded' ? usualRetrySeconds : undefined
}

/** An error's answer. */
export type ErrorAnswer = {
  status: number
  /** For the Retry-After header; its facts say the same. */
  retryAfterSeconds?: number
  body: ErrorBody
}

/** Status, header and body of an error's answer. */
export function describeError(error: SpbError): ErrorAnswer {
  const status = errorTable[error.code].http
  const json = error.toJSON()
  const retryAfterSeconds = retryAfterOf(error)
  if (retryAfterSeconds === undefined) return { status, body: { error: json } }
  const meta = { ...json.meta, retryAfterSeconds }
  return { status, retryAfterSeconds, body: { error: { ...json, meta } } }
}

/** Answers a request with an error, and logs it where it is the node's own fault. */
export function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  const known = toSpbError(error)
  const { status, body, retryAfterSeconds } = describeError(known)
  if (retryAfterSeconds !== undefined) reply.header('retry-after', String(retryAfterSeconds))
  if (status >= 500 && status !== 503) {
    request.log.error({ err: error, code: known.code }, 'request failed')
  }
  request.errorCode = known.code
  reply.code(status).type('application/json; charset=utf-8').send(body)
}

/** Answers a request that no route can have, and ends its connection. */
export function refuseUnroutable(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): void {
  // An upgrade that fails before its hooks run would stay open: nobody else owns its socket.
  reply.raw.once('finish', () => request.raw.socket.destroySoon())
  sendError(error, request, reply)
}

/** Answers what is not even HTTP, and ends the connection. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  const code = frameworkCodes[error.code] ?? 'input/shape'
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const { status, body } = describeError(new SpbError(code))
  const text = JSON.stringify(body)
  socket.end(
    `HTTP/1.1 ${status} Refused\r\ncontent-type: application/json; charset=utf-8\r\n` +
      `content-length: ${text.length}\r\nconnection: close\r\n\r\n${text}`,
  )
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The code with which the request was refused; empty if it was not. */
    errorCode: ErrorCode | ''
  }
}
