import type { WebSocket } from 'ws'
import type { Address } from '../protocol/bytes.ts'
import { nodeEventCodec } from '../protocol/viewCodecs.ts'
import type { NodeEvent } from '../protocol/views.ts'
import type { ApiLimits } from './apiLimits.ts'

/** Why a node ends a WebSocket. */
export const eventCloseCodes = {
  /** The server is closing. */
  goingAway: 1001,
  /** The client sent something: this stream goes one way. */
  unexpectedMessage: 1008,
  /** Too many bytes waited for this reader: connect again, and read the lists for what was lost. */
  slowReader: 4001,
  /** The client did not answer a ping. */
  silent: 4002,
} as const

/** Time for a closing handshake; then the socket is cut. */
const closeGraceMs = 1000

/** Sends a node's events to many WebSockets. */
export type EventHub = {
  /** Sends a client every event from now on: of one account, blocks and status if it is given. */
  add(socket: WebSocket, account?: Address): void
  publish(event: NodeEvent): void
  clientCount(): number
  /** Clients that were cut off because they read too slowly or fell silent. */
  droppedCount(): number
  close(): void
}

type Client = { account: Address | undefined; isAlive: boolean }

function concerns(event: NodeEvent, account: Address): boolean {
  switch (event.kind) {
    case 'ctp':
      return event.ctp.consumer === account || event.ctp.ctp.producer === account
    case 'offer':
      return event.offer.producer === account
    default:
      return true
  }
}

/**
 * Starts a hub. An event is encoded once for all clients. What a client has not read waits in a
 * bounded queue; a client that overflows it is disconnected instead of losing single events, since
 * a gap that it cannot see would be worse than one that it can.
 */
export function createEventHub(limits: Pick<ApiLimits, 'eventQueueBytes' | 'pingMs'>): EventHub {
  const clients = new Map<WebSocket, Client>()
  let dropped = 0

  function end(socket: WebSocket, code: number, reason: string): void {
    clients.delete(socket)
    socket.close(code, reason)
    setTimeout(() => socket.terminate(), closeGraceMs).unref()
  }

  function drop(socket: WebSocket, code: number, reason: string): void {
    dropped++
    end(socket, code, reason)
  }

  const pinging = setInterval(() => {
    for (const [socket, client] of clients) {
      if (client.isAlive) {
        client.isAlive = false
        socket.ping()
      } else {
        drop(socket, eventCloseCodes.silent, 'silent')
      }
    }
  }, limits.pingMs).unref()

  return {
    add(socket, account) {
      const client: Client = { account, isAlive: true }
      clients.set(socket, client)
      socket.on('pong', () => {
        client.isAlive = true
      })
      socket.on('message', () => end(socket, eventCloseCodes.unexpectedMessage, 'one way'))
      socket.on('close', () => clients.delete(socket))
    },
    publish(event) {
      if (clients.size === 0) return
      const text = JSON.stringify(nodeEventCodec.encode(event))
      for (const [socket, { account }] of clients) {
        if (account !== undefined && !concerns(event, account)) continue
        if (socket.bufferedAmount + text.length > limits.eventQueueBytes) {
          drop(socket, eventCloseCodes.slowReader, 'slow reader')
        } else {
          socket.send(text)
        }
      }
    },
    clientCount: () => clients.size,
    droppedCount: () => dropped,
    close() {
      clearInterval(pinging)
      for (const socket of clients.keys()) end(socket, eventCloseCodes.goingAway, 'closing')
    },
  }
}
