import type { Codec } from '../protocol/codec.ts'
import { type ErrorCode, isErrorCode } from '../protocol/errorTable.ts'
import { type ErrorMeta, SpbError } from '../protocol/spbError.ts'
import { parseNodeUrl } from './nodeUrl.ts'

/** What is used of the platform’s `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>

/** Where a node is, and how patiently to ask it. */
export type NodeHttpOptions = {
  url: string
  /** The platform's own unless given. */
  fetch?: Fetch | undefined
  /** Time for one try, its whole answer included. */
  timeoutMs?: number | undefined
  /** Waits before each further try: their number bounds the tries. */
  retryDelaysMs?: readonly number[] | undefined
}

/** One request to a node. */
export type NodeRequest = {
  method: 'GET' | 'POST'
  path: string
  body?: unknown
  headers?: Readonly<Record<string, string>>
  /** Ends a try before its time. */
  signal?: AbortSignal
  /** True where sending it twice does the same as sending it once. */
  isRepeatable: boolean
}

/** Sends requests to a node. */
export type NodeHttp = {
  /** Without credentials. */
  base: string
  /** The answer's JSON, not checked yet. Throws what the node answers, or `node/*`. */
  send(request: NodeRequest): Promise<unknown>
}

/** Bytes of the largest answer that is read: a full page of CTPs takes about a fifth. */
const mostAnswerBytes = 8_388_608
/** The longest wait that a node may ask for; above it the caller shall decide. */
const longestWaitMs = 5000
/** Refusals that say nothing about the request itself. */
const passingCodes: readonly ErrorCode[] = [
  'node/unreachable',
  'node/rate-limited',
  'node/overloaded',
]

/** What one try came to; `waitMs` is how long the node asks to wait. */
type Outcome = { json: unknown } | { error: SpbError; waitMs: number }

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  const decoder = new TextDecoder()
  let text = ''
  let bytes = 0
  for (;;) {
    const chunk = await reader?.read()
    if (chunk === undefined || chunk.done) return text + decoder.decode()
    bytes += chunk.value.length
    if (bytes > mostAnswerBytes) {
      await reader?.cancel()
      throw new SpbError('node/bad-answer', 'The node’s answer is too large.')
    }
    text += decoder.decode(chunk.value, { stream: true })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const isText = (value: unknown): value is string => typeof value === 'string' && value.length < 1000

function isMeta(value: unknown): value is ErrorMeta {
  const isPlain = (each: unknown) =>
    each === null || isText(each) || typeof each === 'number' || typeof each === 'boolean'
  return isRecord(value) && Object.values(value).every(isPlain)
}

/** The error that a node answered with; one of ours whatever it answered. */
function decodeFailure(status: number, json: unknown): SpbError {
  const error = isRecord(json) ? json.error : undefined
  if (isRecord(error)) {
    const { code, message, hint, meta } = error
    if (isErrorCode(code) && isText(message) && isText(hint) && isMeta(meta)) {
      return new SpbError(code, message, { hint, meta })
    }
  }
  // What a proxy says of a node that it cannot reach.
  const code = [502, 503, 504].includes(status) ? 'node/unreachable' : 'node/bad-answer'
  return new SpbError(code, undefined, { meta: { status } })
}

function describeNetworkFailure(base: string, timeoutMs: number, cause: unknown): SpbError {
  if (cause instanceof SpbError) return cause
  const isLate = cause instanceof Error && cause.name === 'TimeoutError'
  const message = isLate
    ? `The node at ${base} did not answer within ${timeoutMs} ms.`
    : `No node answers at ${base}.`
  return new SpbError('node/unreachable', message, { cause, meta: { url: base } })
}

/**
 * Makes a sender of requests. A repeatable one is tried again, a bounded number of times, where
 * the network failed or the node had no time; every failure is an `SpbError`.
 */
export function createNodeHttp(options: NodeHttpOptions): NodeHttp {
  const { timeoutMs = 35_000, retryDelaysMs = [100, 400, 1600] } = options
  const { base, authorization } = parseNodeUrl(options.url)
  const fetchNow = options.fetch ?? ((url, init) => fetch(url, init))

  async function attempt({ method, path, body, ...rest }: NodeRequest): Promise<Outcome> {
    const headers: Record<string, string> = { ...rest.headers, accept: 'application/json' }
    if (authorization !== undefined) headers.authorization = authorization
    if (body !== undefined) headers['content-type'] = 'application/json'
    const timeout = AbortSignal.timeout(timeoutMs)
    const init: RequestInit = {
      method,
      headers,
      signal: rest.signal === undefined ? timeout : AbortSignal.any([timeout, rest.signal]),
      // A node does not redirect; whoever does must not get what was meant for it.
      redirect: 'error',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    }
    let response: Response
    let text: string
    try {
      response = await fetchNow(`${base}${path}`, init)
      text = await readText(response)
    } catch (cause) {
      return { error: describeNetworkFailure(base, timeoutMs, cause), waitMs: 0 }
    }
    const json = parseJson(text)
    if (response.ok && json !== undefined) return { json }
    const waitMs = 1000 * Number(response.headers.get('retry-after') ?? 0)
    const error = decodeFailure(response.status, json)
    return { error, waitMs: Number.isFinite(waitMs) ? waitMs : 0 }
  }

  return {
    base,
    async send(request) {
      for (let tries = 0; ; tries++) {
        const outcome = await attempt(request)
        if ('json' in outcome) return outcome.json
        const { error, waitMs } = outcome
        const delayMs = retryDelaysMs[tries]
        const isPassing = passingCodes.includes(error.code) && waitMs <= longestWaitMs
        if (!request.isRepeatable || !isPassing || delayMs === undefined) throw error
        await new Promise((resolve) => setTimeout(resolve, Math.max(delayMs, waitMs)))
      }
    },
  }
}

/** Asks a node, and reads its answer. Throws as `send`, and `node/bad-answer`. */
export async function requestView<View>(
  http: NodeHttp,
  codec: Codec<View>,
  request: NodeRequest,
): Promise<View> {
  const json = await http.send(request)
  try {
    return codec.decode(json, 'answer')
  } catch (cause) {
    if (!(cause instanceof SpbError)) throw cause
    const message = `The node’s answer is not understood: ${cause.message}`
    throw new SpbError('node/bad-answer', message, { cause, meta: { url: http.base } })
  }
}
