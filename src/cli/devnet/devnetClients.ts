import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startAnvil } from '../../adapters/chain/anvil.ts'
import { setBalance } from '../../adapters/chain/anvilControl.ts'
import { createCliqueNetwork } from '../../adapters/chain/cliqueNetwork.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { ClosingStack } from '../up/closingStack.ts'
import { clientsFolder, type DevnetRecord } from './devnetFolder.ts'

/** The Ethereum clients of a devnet: whose URL each member uses. */
export type DevnetClients = { urls: string[] }

/** Whom a new chain gives ether, and who makes its blocks. */
export type DevnetFunds = { signerKeys: Uint8Array[]; funds: Record<Address, bigint> }

/** What a start needs besides its record. */
export type DevnetContext = {
  path: string
  stack: ClosingStack
  /** For a person: what goes on. */
  say(line: string): void
  /** The person wants to end already. */
  signal: AbortSignal
}

/** What is lost of the embedded chain at most, if the machine goes down. */
const stateIntervalSeconds = 5

async function startAnvilForAll(
  { path, stack, say }: DevnetContext,
  { chainId, blockTimeSeconds, nodes }: DevnetRecord,
  { funds }: DevnetFunds,
): Promise<DevnetClients> {
  const anvil = await startAnvil({
    ...{ chainId, blockTimeSeconds, stateIntervalSeconds, port: nodes[0]!.rpc },
    statePath: join(clientsFolder(path), 'state.json'),
  })
  stack.push(() => anvil.stop())
  anvil.ended.then(({ isExpected }) => {
    if (!isExpected) say('anvil, the Ethereum client of all members, has ended.')
  })
  for (const [address, wei] of Object.entries(funds)) {
    await setBalance(anvil, address as Address, wei)
  }
  return { urls: nodes.map(() => anvil.url) }
}

async function startGeths(
  { path, stack, say, signal }: DevnetContext,
  { chainId, blockTimeSeconds, nodes }: DevnetRecord,
  { signerKeys, funds }: DevnetFunds,
): Promise<DevnetClients> {
  const folder = clientsFolder(path)
  mkdirSync(folder, { recursive: true })
  const network = await createCliqueNetwork({
    ...{ folder, chainId, signerKeys, periodSeconds: blockTimeSeconds, funds },
    ports: nodes.map(({ rpc, peer }) => ({ http: rpc, peer })),
  })
  stack.push(() => network.stop())
  for (const [at, client] of network.clients.entries()) {
    client.onDeath(({ exitCode, signal: by }) => {
      const how = by ?? `exit code ${exitCode}`
      say(`geth ${at} at ${client.url} has ended (${how}); its log: ${client.logPath}`)
    })
  }
  await network.start()
  signal.throwIfAborted()
  say('Waiting for the Ethereum clients to find each other.')
  await network.waitUntilAgreed(signal)
  return { urls: network.clients.map(({ url }) => url) }
}

/**
 * Starts a devnet's Ethereum clients. Throws `chain/no-binary`, `chain/died`, `chain/stalled`,
 * `node/port-in-use`.
 */
export async function startClients(
  context: DevnetContext,
  record: DevnetRecord,
  funds: DevnetFunds,
): Promise<DevnetClients> {
  const start = record.chain === 'geth' ? startGeths : startAnvilForAll
  return await start(context, record, funds)
}
