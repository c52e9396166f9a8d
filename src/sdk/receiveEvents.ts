import type { Address } from '../protocol/bytes.ts'
import { SpbError } from '../protocol/spbError.ts'
import { nodeEventCodec } from '../protocol/viewCodecs.ts'
import type { NodeEvent } from '../protocol/views.ts'
import { parseNodeUrl } from './nodeUrl.ts'

/** What to follow, and whom to tell. */
export type EventOptions = {
  url: string
  /** Only this account's CTPs and offers; blocks and status always. */
  account?: Address
  onEvent: (event: NodeEvent) => void
  /**
   * Connected, also again: what happened in between was not told, so read what matters anew.
   */
  onConnect?: () => void
  /** The connection is lost or was refused; another is tried after `delayMs`. */
  onDisconnect?: (error: SpbError, delayMs: number) => void
  /** The platform's own unless given. */
  WebSocket?: new (
    url: string,
  ) => WebSocket
  /** Waits between tries; the last one goes on. A little chance is added to each. */
  retryDelaysMs?: readonly number[]
  /** A connection on which nothing came for so long is taken as dead. */
  idleMs?: number
}

/** A running subscription. */
export type EventSubscription = {
  /** No event comes after this. */
  close(): void
}

function decodeEvent(data: unknown): NodeEvent | undefined {
  try {
    return nodeEventCodec.decode(JSON.parse(String(data)), 'event')
  } catch {
    return undefined
  }
}

/**
 * Follows a node's events, and connects again whenever the connection is lost. Throws
 * `input/option` for a URL that is not one; `onDisconnect` gets `node/unreachable`, and
 * `node/bad-answer` where an event is not understood.
 */
export function receiveEvents(options: EventOptions): EventSubscription {
  const { onEvent, account, retryDelaysMs = [250, 1000, 4000, 15_000], idleMs = 120_000 } = options
  const Socket = options.WebSocket ?? WebSocket
  // A browser gives a WebSocket no headers, so credentials cannot go along.
  const { base } = parseNodeUrl(options.url)
  const query = account === undefined ? '' : `?account=${account}`
  const url = `${base.replace(/^http/, 'ws')}/v1/events${query}`
  let tries = 0
  let isClosed = false
  let timer: ReturnType<typeof setTimeout> | undefined
  let socket: WebSocket | undefined

  function restartTimer(action: () => void, delayMs: number): void {
    clearTimeout(timer)
    timer = setTimeout(action, delayMs)
  }

  /** Leaves a connection, of which nothing is heard any more, and tries the next one later. */
  function leave(left: WebSocket, error: SpbError): void {
    if (isClosed || socket !== left) return
    socket = undefined
    left.close()
    const most = retryDelaysMs[Math.min(tries++, retryDelaysMs.length - 1)] ?? 0
    const delayMs = Math.round(most * (1 + Math.random() / 4))
    restartTimer(connect, delayMs)
    options.onDisconnect?.(error, delayMs)
  }

  function connect(): void {
    const opened = new Socket(url)
    socket = opened
    const unreachable = () => leave(opened, new SpbError('node/unreachable'))
    restartTimer(unreachable, idleMs)
    opened.addEventListener('open', () => {
      if (socket !== opened) return
      restartTimer(unreachable, idleMs)
      options.onConnect?.()
    })
    opened.addEventListener('close', unreachable)
    opened.addEventListener('error', unreachable)
    opened.addEventListener('message', ({ data }) => {
      if (socket !== opened) return
      const event = decodeEvent(data)
      if (event === undefined) return leave(opened, new SpbError('node/bad-answer'))
      // Only what came shows that the node is there: one that accepts and drops is backed off from.
      tries = 0
      restartTimer(unreachable, idleMs)
      onEvent(event)
    })
  }

  connect()
  return {
    close() {
      isClosed = true
      clearTimeout(timer)
      socket?.close()
      socket = undefined
    },
  }
}
