import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

type Request = { id: number; method: string; params?: unknown[] }

/** What a fake Ethereum client answers to one request; a thrown `RpcRefusal` is an RPC error. */
export type RpcHandler = (method: string, params: unknown[]) => unknown

/** An error that the fake client answers with. */
export class RpcRefusal extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

async function answerOne({ id, method, params = [] }: Request, handle: RpcHandler) {
  try {
    return { jsonrpc: '2.0', id, result: await handle(method, params) }
  } catch (error) {
    const { code, message } = error as RpcRefusal
    return { jsonrpc: '2.0', id, error: { code, message } }
  }
}

/** An Ethereum client of a test's own making, on a free port of 127.0.0.1. */
export async function startFakeRpc(handle: RpcHandler) {
  const server = createServer(async (request, response) => {
    const body = JSON.parse(await readBody(request)) as Request | Request[]
    const answer = Array.isArray(body)
      ? await Promise.all(body.map((one) => answerOne(one, handle)))
      : await answerOne(body, handle)
    response.setHeader('content-type', 'application/json').end(JSON.stringify(answer))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  }
  return { url: `http://127.0.0.1:${port}`, close }
}
