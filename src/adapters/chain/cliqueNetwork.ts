import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { privateKeyToAccount } from 'viem/accounts'
import { getBlockNumber } from 'viem/actions'
import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { makeCliqueGenesis } from './cliqueGenesis.ts'
import { findFreePort } from './freePort.ts'
import { findGethBinary } from './gethBinary.ts'
import { createGethClient, type GethClient } from './gethClient.ts'
import { connectRpc, readBlock } from './rpcConnection.ts'

const pollMs = 200
/** A client looks for a longer chain every ten seconds. */
const longestMeetingMs = 90_000

/** A network of geths that take turns to make blocks (Clique), on 127.0.0.1. */
export type CliqueOptions = {
  /** Of its own; a network that is in it goes on. */
  folder: string
  chainId: number
  /** Private keys, 32 bytes each, of those who make blocks: one geth each. */
  signerKeys: readonly Uint8Array[]
  /** A block every so many seconds. */
  periodSeconds: number
  /** Ether that is there from the beginning, in wei. */
  funds: Readonly<Record<Address, bigint>>
  /** Of each geth, on 127.0.0.1; free ones where left out. */
  ports?: readonly CliquePorts[]
  /** A geth that seals Clique blocks; found by `findGethBinary` where left out. */
  binary?: string
}

/** Where a geth answers, and where its peers find it. */
export type CliquePorts = { http: number; peer: number }

/** The clients of a network; each can be started, ended and killed by itself. */
export type CliqueNetwork = {
  clients: readonly GethClient[]
  /** Resolves when all answer; nothing runs where one does not. */
  start(): Promise<void>
  stop(): Promise<void>
  /** Resolves when all have a block in common. Throws `chain/stalled`. */
  waitUntilAgreed(signal?: AbortSignal): Promise<void>
}

/** A key under which peers know a client: made from its signing key, which it must not repeat. */
const peerKeyOf = (signerKey: Uint8Array): Uint8Array =>
  createHash('sha256').update('spb geth peer').update(signerKey).digest()

function enodeOf(peerKey: Uint8Array, port: number): string {
  const { publicKey } = privateKeyToAccount(bytesToHex(peerKey))
  return `enode://${publicKey.slice(4)}@127.0.0.1:${port}?discport=0`
}

async function findPorts(count: number): Promise<CliquePorts[]> {
  const ports = new Set<number>()
  while (ports.size < 2 * count) ports.add(await findFreePort())
  const found = [...ports]
  return Array.from({ length: count }, (_, at) => ({
    ...{ http: found[2 * at]!, peer: found[2 * at + 1]! },
  }))
}

/**
 * Waits until the clients have a block in common: until their first meeting each goes its own way.
 * Throws `chain/stalled` where they do not meet.
 */
async function waitUntilAgreed(urls: readonly string[], signal?: AbortSignal): Promise<void> {
  const rpcs = urls.map((url) => connectRpc({ url }))
  try {
    const endMs = Date.now() + longestMeetingMs
    while (Date.now() < endMs) {
      signal?.throwIfAborted()
      const heads = await Promise.all(rpcs.map(({ client }) => getBlockNumber(client)))
      const number = Math.min(...heads.map(Number)) - 1
      if (number > 0) {
        const blocks = await Promise.all(rpcs.map((rpc) => readBlock(rpc, number)))
        if (blocks.every((block) => block && block.hash === blocks[0]?.hash)) return
      }
      await delay(pollMs)
    }
  } finally {
    for (const rpc of rpcs) rpc.close()
  }
  throw new SpbError('chain/stalled', 'The Ethereum clients do not agree on a chain.')
}

/**
 * Lays out a Clique network (EIP-225); nothing runs before `start`. It makes blocks while more than
 * half of its clients run and reach each other.
 *
 * Throws `chain/no-binary`; its `start` `chain/died`, `node/port-in-use`.
 */
export async function createCliqueNetwork(options: CliqueOptions): Promise<CliqueNetwork> {
  const { chainId, signerKeys, periodSeconds, funds } = options
  const binary = options.binary ?? findGethBinary()
  const signers = signerKeys.map(addressOf)
  const genesis = makeCliqueGenesis({ chainId, signers, periodSeconds, funds })
  const ports = options.ports ?? (await findPorts(signerKeys.length))
  const peers = signerKeys.map((signerKey, at) => {
    const { http: httpPort, peer: peerPort } = ports[at]!
    const peerKey = peerKeyOf(signerKey)
    return { signerKey, peerKey, httpPort, peerPort, enode: enodeOf(peerKey, peerPort) }
  })
  const clients = peers.map(({ enode, ...peer }, at) =>
    createGethClient({
      ...{ ...peer, binary, chainId, genesis },
      folder: join(resolve(options.folder), `geth${at}`),
      enodes: peers.map((other) => other.enode).filter((other) => other !== enode),
    }),
  )
  const stop = async () => void (await Promise.all(clients.map((client) => client.stop())))
  return {
    clients,
    stop,
    waitUntilAgreed: (signal) =>
      waitUntilAgreed(
        clients.map(({ url }) => url),
        signal,
      ),
    async start() {
      const started = await Promise.allSettled(clients.map((client) => client.start()))
      const failure = started.find((each) => each.status === 'rejected')
      if (failure === undefined) return
      await stop()
      throw failure.reason
    },
  }
}
