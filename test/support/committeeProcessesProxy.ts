import { connect, createServer, type Socket } from 'node:net'

/** How an Ethereum client behaves: answers, is gone, or takes requests and says nothing. */
export type ClientConduct = 'answers' | 'gone' | 'silent'

/** A way to an Ethereum client, for one node alone, that can be cut. */
export type CommitteeProcessesProxy = {
  url: string
  set(conduct: ClientConduct): void
  close(): void
}

/** Opens a way to the client at a port of 127.0.0.1. */
export async function openCommitteeProcessesProxy(port: number): Promise<CommitteeProcessesProxy> {
  const sockets = new Set<Socket>()
  let conduct: ClientConduct = 'answers'
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  }
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  const server = createServer((from) => {
    keep(from)
    if (conduct === 'gone') from.destroy()
    if (conduct === 'silent') from.resume()
    if (conduct !== 'answers') return
    const to = connect(port, '127.0.0.1')
    keep(to)
    from.pipe(to).pipe(from)
    from.once('close', () => to.destroy())
    to.once('close', () => from.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${own}`,
    set(wanted) {
      conduct = wanted
      cut()
    },
    close() {
      cut()
      server.close()
    },
  }
}
