import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { writeP1Telegram } from './p1TelegramText.ts'
import type { SimulatedMeter } from './simulatedMeter.ts'

/** A simulated P1 port behind a serial-to-TCP adapter. */
export type P1Server = SimulatedMeter & {
  /** Sends any bytes to everybody who is connected. */
  send(bytes: string | Uint8Array): Promise<void>
  /** Cuts everybody off. */
  drop(): void
}

/**
 * Starts a meter's P1 port on a free port of loopback. Whoever connects gets the last telegram, and
 * everybody gets one after each change.
 */
export async function startP1Server({ serial = 'SIM-P1-1' } = {}): Promise<P1Server> {
  const sockets = new Set<Socket>()
  let telegram: string | undefined
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    if (telegram !== undefined) socket.write(telegram)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const send = async (bytes: string | Uint8Array) => {
    const sendTo = (socket: Socket) =>
      new Promise<void>((resolve) => socket.write(bytes, () => resolve()))
    await Promise.all([...sockets].map(sendTo))
    // P1 has no answers: a whole turn of the event loop, in which listeners of this process read.
    await nextTurn()
    await nextTurn()
  }
  const drop = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    port,
    spec: `p1:tcp://127.0.0.1:${port}`,
    send,
    drop,
    async set(registers) {
      telegram = writeP1Telegram(registers, serial)
      await send(telegram)
    },
    async close() {
      server.close()
      drop()
      await once(server, 'close')
    },
  }
}
