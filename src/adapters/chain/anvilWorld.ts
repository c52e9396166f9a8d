import { decodeFunctionData } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { getTransactionCount, sendRawTransaction, simulateContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import {
  type ChainWorld,
  complianceOptions,
  members,
  type Party,
  parties,
} from '../../ports/chainWorld.ts'
import type { MarketAction } from '../../ports/marketAction.ts'
import { bytesToHex, zeroBytes32 } from '../../protocol/bytes.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { type AnvilHandle, type AnvilOptions, startAnvil } from './anvil.ts'
import { dropTransactions, mineAt, reorg, setAutomine, setBalance } from './anvilControl.ts'
import { deployMarket } from './deployMarket.ts'
import { encodeAction } from './encodeAction.ts'
import { governanceEncoders } from './encodeGovernance.ts'
import { createEthereumChain, type EthereumChain } from './ethereumChain.ts'
import { connectRpc } from './rpcConnection.ts'

/** A world on a real anvil, for tests; `close` ends it. */
export type AnvilWorld = ChainWorld & {
  chain: EthereumChain
  anvil: AnvilHandle
  close(): Promise<void>
}

const ether = 10n ** 18n
const actionGas = 500_000n

/** Opens a market on an anvil that makes blocks only when asked for. */
export async function openAnvilWorld(options: Partial<AnvilOptions> = {}): Promise<AnvilWorld> {
  const timeSeconds = seconds(1_700_000_000)
  const start = { chainId: 4_242, isManual: true, timestampSeconds: timeSeconds }
  const anvil = await startAnvil({ ...start, ...options })
  const { url, chainId } = anvil
  const rpc = connectRpc({ url })
  const nonces = new Map<string, number>()

  async function send(from: Party, to: `0x${string}`, call: ReturnType<typeof encodeAction>) {
    const account = privateKeyToAccount(bytesToHex(from.privateKey))
    const { address } = account
    const counted = await getTransactionCount(rpc.client, { address, blockTag: 'pending' })
    // Several may be sent at once: each takes the next nonce before any other reads it.
    const nonce = Math.max(counted, (nonces.get(address) ?? -1) + 1)
    nonces.set(address, nonce)
    const fees = { maxFeePerGas: 10n ** 11n, maxPriorityFeePerGas: 10n ** 9n }
    const terms = { ...call, ...fees, to, chainId, nonce, gas: actionGas, type: 'eip1559' } as const
    const serializedTransaction = await account.signTransaction(terms)
    return await sendRawTransaction(rpc.client, { serializedTransaction })
  }

  for (const { address } of Object.values(parties)) await setBalance(anvil, address, 10n * ether)
  await setAutomine(anvil, true)
  const facts = await deployMarket({
    url,
    deployerKey: bytesToHex(parties.alice.privateKey),
    members: members.map(({ address }) => address),
    authorities: [parties.authority.address],
    manufacturers: [parties.manufacturer.address],
    options: complianceOptions,
    salt: zeroBytes32,
  })
  await setAutomine(anvil, false)
  const senderKey = bytesToHex(parties.sender.privateKey)
  const chain = createEthereumChain({ url, market: facts, senderKey })

  async function tryOut(from: Party, action: MarketAction, timeSeconds: Seconds) {
    const { data, value } = encodeAction(action)
    const { functionName, args } = decodeFunctionData({ abi: marketAbi, data })
    const call = { abi: marketAbi, address: facts.address, functionName, args, value } as const
    const blockOverrides = { time: BigInt(timeSeconds) }
    await rpc.call(() =>
      simulateContract(rpc.client, { ...call, account: from.address, blockOverrides } as never),
    )
  }

  return {
    chain,
    facts,
    anvil,
    act: (from, action) => send(from, facts.address, encodeAction(action)),
    mine: (time) => mineAt(anvil, time),
    reorg: (depth) => reorg(anvil, depth),
    dropTransactions: () => dropTransactions(anvil),
    impoverish: (address) => setBalance(anvil, address, 0n),
    ...governanceEncoders,
    tryOut,
    async close() {
      chain.close()
      rpc.close()
      await anvil.stop()
    },
  }
}
