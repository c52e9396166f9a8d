import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { openModbus } from './modbusConnection.ts'

const endings: (() => void)[] = []
afterEach(() => {
  vi.useRealTimers()
  for (const end of endings.splice(0)) end()
})

const connect = (port: number, { signal } = new AbortController()) =>
  openModbus({ host: '127.0.0.1', port }, 1, signal)

/** A device that answers each request with these bytes after its transaction's number. */
async function startDevice(
  answer: (request: Buffer, socket: Socket) => number[] | undefined,
): Promise<number> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (request) => {
      const bytes = answer(request, socket)
      if (bytes === undefined) return
      socket.write(Buffer.from([...request.subarray(0, 4), 0, bytes.length, ...bytes]))
    })
    endings.push(() => socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  endings.push(() => server.close())
  return (server.address() as { port: number }).port
}

describe('openModbus', () => {
  it('refuses an answer of fewer registers than were asked for', async () => {
    const port = await startDevice(() => [1, 3, 2, 0, 5, 0, 6])
    const connection = await connect(port)
    await expect(connection.read(0, 2)).rejects.toMatchObject({ code: 'source/lost' })
    connection.close()
  })

  it('refuses an answer that makes no sense', async () => {
    const port = await startDevice(() => [9, 9, 9, 9])
    const connection = await connect(port)
    await expect(connection.read(0, 2)).rejects.toMatchObject({ code: 'source/lost' })
    connection.close()
  })

  it('gives up an answer that does not come after 3 s', async () => {
    let asked: () => void = () => undefined
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const port = await startDevice(() => void asked())
    const connection = await connect(port)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const answer = expect(connection.read(0, 2)).rejects.toMatchObject({ code: 'source/silent' })
    await isAsked
    vi.advanceTimersByTime(3_000)
    await answer
    connection.close()
  })

  it('says at once that the device reset the connection', async () => {
    const port = await startDevice((_, socket) => void socket.resetAndDestroy())
    const connection = await connect(port)
    const lost = { code: 'source/lost', meta: { reason: 'ECONNRESET' } }
    await expect(connection.read(0, 2)).rejects.toMatchObject(lost)
    await expect(connection.read(0, 2)).rejects.toMatchObject(lost)
    connection.close()
  })

  it('is cut while it comes about, and while it waits for an answer', async () => {
    const early = new AbortController()
    const opening = connect(await startDevice(() => undefined), early)
    early.abort()
    await expect(opening).rejects.toMatchObject({ code: 'source/unreachable' })
    const late = new AbortController()
    const connection = await connect(await startDevice(() => void late.abort()), late)
    await expect(connection.read(0, 2)).rejects.toMatchObject({ code: 'source/lost' })
    connection.close()
  })

  it('is not cut for being idle', async () => {
    const port = await startDevice(() => [1, 3, 2, 0, 5])
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const connection = await connect(port)
    vi.advanceTimersByTime(3_600_000)
    expect(await connection.read(0, 1)).toEqual([5])
    connection.close()
  })
})
