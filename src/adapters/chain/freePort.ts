import { createServer } from 'node:net'
import { SpbError } from '../../protocol/spbError.ts'

/** Binds a port of 127.0.0.1 (0: any free one) for a moment, and returns its number. */
function tryPort(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : port))
    })
  })
}

/** A port of 127.0.0.1 that is free at this moment. */
export function findFreePort(): Promise<number> {
  return tryPort(0)
}

/** Throws `node/port-in-use` where another program listens on the port. */
export async function requireFreePort(port: number): Promise<void> {
  try {
    await tryPort(port)
  } catch (cause) {
    throw new SpbError('node/port-in-use', `Port ${port} is in use.`, { meta: { port }, cause })
  }
}
