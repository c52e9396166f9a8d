import { isIPv6, type Socket } from 'node:net'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import swagger from '@fastify/swagger'
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import websocket from '@fastify/websocket'
import fastify, { type FastifyBaseLogger, LogController } from 'fastify'
import type { TSchema } from 'typebox'
import type { NodeService } from '../node/nodeService.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import { type ApiLimits, defaultApiLimits } from './apiLimits.ts'
import { createLog } from './apiLog.ts'
import { addEpochRoutes, type EpochService } from './epochRoutes.ts'
import { createEventHub, type EventHub } from './eventHub.ts'
import { createHostGuard, isLoopbackHost, toUrlHost } from './hostGuard.ts'
import { createNodeMetrics, type NodeMetrics } from './nodeMetrics.ts'
import { openApiOptions } from './openApi.ts'
import { compileParameters } from './querySchemas.ts'
import { answerClientError, refuseUnroutable, sendError, toSpbError } from './requestErrors.ts'
import { parseStrictJson } from './strictJson.ts'
import { type ApiInstance, addTradeRoutes } from './tradeRoutes.ts'
import { addWatchRoutes, eventPath } from './watchRoutes.ts'
import { addWitnessRoutes, createNodeRelay } from './witnessRoutes.ts'

/** What a server serves, where, and within which bounds. */
export type ApiServerOptions = {
  node: NodeService
  /** Address to bind; loopback unless told otherwise. */
  host?: string
  /** 0 takes any free port. */
  port: number
  log?: FastifyBaseLogger
  limits?: Partial<ApiLimits>
  /** Further host names by which the node may be called, and whose pages may call it. */
  allowedHosts?: readonly string[]
  /** Left out: nothing is served about epochs. */
  epochs?: { service: EpochService; operatorToken: string }
}

/** A node's HTTP and WebSocket server. */
export type ApiServer = {
  /** Throws `node/port-in-use`, and `input/option` for an address that cannot be bound. */
  listen(): Promise<void>
  /** Ends it: requests in flight get `drainMs`, then whatever is open is cut. */
  close(): Promise<void>
  /** Where it listens, such as `http://127.0.0.1:8600`; only while it does. */
  readonly url: string
}

function createApp(limits: ApiLimits, log: FastifyBaseLogger): ApiInstance {
  const app = fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: limits.bodyBytes,
    connectionTimeout: 0,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.keepAliveTimeoutMs,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: refuseUnroutable,
    http: {
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersTimeoutMs,
      // How often the two timeouts are looked at; Node's default of 30 s would stretch them.
      connectionsCheckingInterval: Math.max(50, limits.headersTimeoutMs / 5),
    },
  }).withTypeProvider<TypeBoxTypeProvider>()
  app.server.maxConnections = limits.connections
  app.decorateRequest('errorCode', '')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_: unknown, body: string) => parseStrictJson(body, limits.jsonDepth),
  )
  app.setValidatorCompiler<TSchema>(({ schema, httpPart }) =>
    httpPart === 'body' ? () => true : compileParameters(schema),
  )
  // Views are encoded by their codecs, exactly: a second serializer could only differ.
  app.setSerializerCompiler(() => JSON.stringify)
  app.setErrorHandler(sendError)
  return app
}

function addRequestHooks(
  app: ApiInstance,
  metrics: NodeMetrics,
  limits: ApiLimits,
  checkHost: ReturnType<typeof createHostGuard>,
): void {
  app.addHook('onRequest', async (request) => {
    if (request.url.length > limits.urlLength) {
      throw new SpbError('input/too-large', `The URL has over ${limits.urlLength} characters.`)
    }
    checkHost(request)
    if (request.ws && request.routeOptions.url !== eventPath) throw new SpbError('node/not-found')
  })
  app.addHook('onResponse', async (request, reply) => {
    const { method, errorCode: code } = request
    const route = request.routeOptions.url ?? 'none'
    const status = reply.statusCode
    const seconds = reply.elapsedTime / 1000
    metrics.observeRequest({ method, route, status, seconds, code })
    request.log.debug({ method, route, status, code, ms: reply.elapsedTime }, 'request')
  })
}

async function addPlugins(app: ApiInstance, node: NodeService, limits: ApiLimits): Promise<void> {
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { 'default-src': ["'none'"] } },
    strictTransportSecurity: false,
  })
  await app.register(rateLimit, {
    max: limits.requestsPerSecond,
    timeWindow: 1000,
    // Whoever has one IPv6 address has all of its network.
    ipv6Subnet: 64,
    errorResponseBuilder: () => new SpbError('node/rate-limited'),
  })
  await app.register(swagger, openApiOptions(node.status().version))
  await app.register(websocket, {
    options: { maxPayload: 1024, perMessageDeflate: false },
    errorHandler: (_error, socket) => socket.terminate(),
  })
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (request, reply) =>
    sendError(new SpbError('node/not-found'), request, reply),
  )
}

/** Binds, and says why if that fails. */
async function bind(app: ApiInstance, host: string, port: number): Promise<void> {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    const meta = { host, port }
    if (code === 'EADDRINUSE') {
      throw new SpbError('node/port-in-use', `Port ${port} is in use.`, { cause, meta })
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      const message = `The node cannot listen on ${toUrlHost(host)}:${port}.`
      throw new SpbError('input/option', message, { cause, meta })
    }
    throw cause
  }
}

/** Everything of a running server that has to end with it. */
type Running = { app: ApiInstance; hub: EventHub; sockets: Set<Socket>; unsubscribe: () => void }

/** All open connections: HTTP's own list forgets those that were upgraded. */
function trackSockets(app: ApiInstance): Set<Socket> {
  const sockets = new Set<Socket>()
  app.server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  return sockets
}

async function stop({ app, hub, sockets, unsubscribe }: Running, drainMs: number): Promise<void> {
  unsubscribe()
  hub.close()
  const cutting = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, drainMs)
  try {
    await app.close()
  } finally {
    clearTimeout(cutting)
  }
}

/**
 * Makes the HTTP and WebSocket server of a node: see docs/api.md for its routes.
 *
 * Whatever goes wrong is answered as `{error: {code, message, hint, meta}}`, with the status of the
 * error table.
 */
export function createApiServer(options: ApiServerOptions): ApiServer {
  const { node, host = '127.0.0.1', port, allowedHosts = [] } = options
  const log = options.log ?? createLog({ level: 'silent' })
  const limits = { ...defaultApiLimits(isLoopbackHost(host)), ...options.limits }
  let running: Running | undefined

  async function start(): Promise<Running> {
    const hub = createEventHub(limits)
    const metrics = createNodeMetrics(node, hub)
    const app = createApp(limits, log)
    const sockets = trackSockets(app)
    await addPlugins(app, node, limits)
    // After the plugins: a refused upgrade is closed by a hook of theirs that must have begun.
    addRequestHooks(app, metrics, limits, createHostGuard(host, allowedHosts))
    addTradeRoutes(app, node, limits.handlerTimeoutMs)
    if (options.epochs !== undefined) {
      addEpochRoutes(app, { ...options.epochs, timeoutMs: limits.handlerTimeoutMs })
    }
    addWatchRoutes(app, { node, hub, metrics }, limits.eventClients)
    addWitnessRoutes(app, createNodeRelay(node, limits), limits)
    try {
      await bind(app, host, port)
    } catch (error) {
      hub.close()
      await app.close()
      throw error
    }
    const unsubscribe = node.subscribe((event) => {
      try {
        hub.publish(event)
      } catch (error) {
        // The node's own work must not fail because an event could not be told.
        log.error({ err: error, code: toSpbError(error).code }, 'event not sent')
      }
    })
    return { app, hub, sockets, unsubscribe }
  }

  return {
    async listen() {
      assert(running === undefined, 'a server listens once')
      running = await start()
    },
    async close() {
      const ending = running
      running = undefined
      if (ending !== undefined) await stop(ending, limits.drainMs)
    },
    get url() {
      const address = running?.app.server.address()
      assert(typeof address === 'object' && address !== null, 'the server listens')
      const shown = isIPv6(address.address) ? toUrlHost(address.address) : address.address
      return `http://${shown}:${address.port}`
    },
  }
}
