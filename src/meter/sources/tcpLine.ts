import { connect } from 'node:net'
import type { ByteLine, ByteLineEvents } from './byteLine.ts'
import { refuseConnection, reportLost } from './connectionFailure.ts'
import { sourceLimits } from './sourceLimits.ts'
import { formatHostAndPort, type HostAndPort } from './sourceSpec.ts'

const keepAliveMs = 30_000

/** Opens a line over TCP. Loses it with `source/unreachable` or `source/lost`. */
export function openTcpLine(place: HostAndPort, events: ByteLineEvents): ByteLine {
  const name = formatHostAndPort(place)
  const socket = connect({ ...place, keepAlive: true, keepAliveInitialDelay: keepAliveMs })
  let isConnected = false
  let isOver = false
  let failure: unknown
  // For the connection only: a line may be quiet for long.
  socket.setTimeout(sourceLimits.connectMs, () => {
    socket.destroy(Object.assign(new Error('No connection in time'), { code: 'ETIMEDOUT' }))
  })
  socket.on('connect', () => {
    isConnected = true
    socket.setTimeout(0)
  })
  socket.on('data', (chunk) => {
    if (!isOver) events.onBytes(chunk)
  })
  socket.on('error', (error) => {
    failure = error
  })
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      resolve()
      if (isOver) return
      isOver = true
      events.onLost(isConnected ? reportLost(name, failure) : refuseConnection(name, failure))
    })
  })
  return {
    close() {
      isOver = true
      socket.destroy()
      return closed
    },
  }
}
