import { type Client, createClient, http, type Transport, webSocket } from 'viem'
import { getBlock, getChainId } from 'viem/actions'
import { ipc } from 'viem/node'
import { explainEthereumFailure, withChainErrors } from '../../protocol/ethereumFailure.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** How to reach an Ethereum client. */
export type RpcOptions = {
  /** `http(s)://`, `ws(s)://`, or the path of an IPC socket. May hold credentials. */
  url: string
  /** Longest wait for one request; 10 s by default. */
  timeoutMs?: number
  /** Most requests in one HTTP request; 1 where the server takes no batches; 100 by default. */
  batchSize?: number
}

/** An open connection to an Ethereum client. */
export type RpcConnection = {
  client: Client<Transport>
  /** Runs calls and throws their failures as `SpbError`s without the URL. */
  call<Result>(work: () => Promise<Result>): Promise<Result>
  /** What a failure means; see `explainEthereumFailure`. */
  explain(error: unknown): unknown
  /** Ends sockets, where there are some. */
  close(): void
}

const socketReconnect = { attempts: 5, delay: 500 }

function transportOf({ url, timeoutMs = 10_000, batchSize = 100 }: RpcOptions): Transport {
  // Retrying is the caller's, who knows when it is worth it.
  const shared = { retryCount: 0, timeout: timeoutMs }
  if (/^https?:/.test(url)) {
    return http(url, { ...shared, batch: batchSize > 1 ? { batchSize } : false })
  }
  if (/^wss?:/.test(url)) return webSocket(url, { ...shared, reconnect: socketReconnect })
  if (url === '' || /^\w+:\/\//.test(url)) {
    throw new SpbError('input/option', 'The Ethereum client’s URL is not understood.', {
      hint: 'Give http://…, https://…, ws://…, wss://… or the path of an IPC socket.',
    })
  }
  return ipc(url, { ...shared, reconnect: socketReconnect })
}

type SocketTransport = { getRpcClient?: () => Promise<{ close(): void }> }

/** Connects to an Ethereum client; nothing is sent before the first call. */
export function connectRpc(options: RpcOptions): RpcConnection {
  const client = createClient({ transport: transportOf(options), cacheTime: 0 })
  const call: RpcConnection['call'] = (work) => withChainErrors(options.url, work)
  const explain = (error: unknown) => explainEthereumFailure(error, options.url)
  const close = () => {
    const { getRpcClient } = client.transport as SocketTransport
    // A socket that cannot be had needs no closing.
    getRpcClient?.().then(
      (socket) => socket.close(),
      () => undefined,
    )
  }
  return { client, call, explain, close }
}

/** The client's chain id. Throws `chain/wrong-chain-id` where it is not the expected one. */
export async function requireChainId(
  { client, call }: RpcConnection,
  expected?: number,
): Promise<number> {
  const found = await call(() => getChainId(client))
  if (expected === undefined || found === expected) return found
  throw new SpbError(
    'chain/wrong-chain-id',
    `The Ethereum client is on chain ${found}, the market is on chain ${expected}.`,
    { meta: { found, expected } },
  )
}

/** The block of that number, or undefined above the client's head. */
export async function readBlock({ client }: RpcConnection, number: number) {
  try {
    return await getBlock(client, { blockNumber: BigInt(number) })
  } catch (error) {
    if (error instanceof Error && error.name === 'BlockNotFoundError') return undefined
    throw error
  }
}
