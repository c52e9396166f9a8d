/** Bounds of a node's HTTP server; docs/limits.md explains each. */
export type ApiLimits = {
  /** Bytes of a request's body. */
  bodyBytes: number
  /** Characters of a request's path and query. */
  urlLength: number
  /** Bytes of a request's line and headers together. */
  headerBytes: number
  /** Objects and lists inside each other in a body. */
  jsonDepth: number
  /** Requests of one address in a second (of one /64 network, with IPv6). */
  requestsPerSecond: number
  /** Open connections, WebSockets included. */
  connections: number
  /** Time for a request's headers, and for all of it, to arrive. */
  headersTimeoutMs: number
  requestTimeoutMs: number
  /** Time for the node to answer. */
  handlerTimeoutMs: number
  keepAliveTimeoutMs: number
  /** WebSockets that follow events. */
  eventClients: number
  /** Bytes that wait for one WebSocket's reader before it is cut off. */
  eventQueueBytes: number
  /** Meters that offer themselves as witnesses. */
  witnessPosts: number
  /** Requests that wait for witnesses, of all owners and of one address. */
  witnessAsks: number
  witnessAsksPerAddress: number
  /** Lists and requests of one address's owners in a minute, also those that are given up. */
  witnessAsksPerMinute: number
  /** Witnesses that wait for requests; further ones are answered at once. */
  witnessPolls: number
  /** Time for a witness to answer. */
  witnessAnswerMs: number
  /** Time between pings; who has not answered the last one is cut off. */
  pingMs: number
  /** Time for requests in flight to end when the server closes. */
  drainMs: number
}

/** On loopback a house's own programs call, elsewhere anybody does. */
const requestsPerSecond = { loopback: 1000, elsewhere: 100 } as const

/** What holds unless told otherwise. */
export function defaultApiLimits(isLoopback: boolean): ApiLimits {
  return {
    bodyBytes: 65_536,
    urlLength: 2048,
    headerBytes: 16_384,
    jsonDepth: 16,
    requestsPerSecond: isLoopback ? requestsPerSecond.loopback : requestsPerSecond.elsewhere,
    connections: 512,
    headersTimeoutMs: 5000,
    requestTimeoutMs: 10_000,
    handlerTimeoutMs: 30_000,
    keepAliveTimeoutMs: 5000,
    eventClients: 64,
    eventQueueBytes: 1_048_576,
    witnessPosts: 4096,
    witnessAsks: 128,
    // Less than a mailbox has, so that nobody alone keeps others from a witness.
    witnessAsksPerAddress: isLoopback ? 128 : 8,
    witnessAsksPerMinute: isLoopback ? 6000 : 60,
    witnessPolls: 192,
    witnessAnswerMs: 15_000,
    pingMs: 30_000,
    drainMs: 5000,
  }
}
