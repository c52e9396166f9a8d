import { encodeDeployData, parseEventLogs, type TransactionReceipt } from 'viem'
import { type PrivateKeyAccount, privateKeyToAccount } from 'viem/accounts'
import {
  deployContract,
  getCode,
  simulateContract,
  waitForTransactionReceipt,
  writeContract,
} from 'viem/actions'
import { marketBytecode, marketFactoryBytecode } from '../../abi/bytecode.ts'
import { marketAbi } from '../../abi/market.ts'
import { marketFactoryAbi } from '../../abi/marketFactory.ts'
import type { MarketFacts, MarketOptions } from '../../ports/chain.ts'
import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds, wei } from '../../protocol/units.ts'
import { lowerCase } from './marketEvents.ts'
import { connectRpc, type RpcConnection, type RpcOptions, requireChainId } from './rpcConnection.ts'

const hour = 3600

/**
 * What a market has unless told otherwise: a CTP may span a day, and a withdrawal outlasts every
 * hold that was there when it was requested.
 */
export const defaultMarketOptions: MarketOptions = {
  longestLifeSeconds: seconds(26 * hour),
  graceSeconds: seconds(600),
  withdrawalDelaySeconds: seconds(48 * hour),
  minimumAmountWei: wei(1_000_000_000n),
  feeWei: wei(0n),
  burnWei: wei(10_000_000_000_000_000n),
}

/** What market to deploy, and who pays. */
export type DeployMarketOptions = RpcOptions & {
  /** Private key of the account that pays for the deployment. */
  deployerKey: Hex
  /** Signing addresses of the first committee: 3f + 1. */
  members: readonly Address[]
  /** Whose certificates open energy accounts; none by default. */
  authorities?: readonly Address[]
  /** Whose meters are genuine, until governance says otherwise; none by default. */
  manufacturers?: readonly Address[]
  options?: Partial<MarketOptions>
  /** Random: two chains with one id must not hold markets of one address. */
  salt: Bytes32
  /** A factory that is there already; else one is deployed. */
  factory?: Address
  /** Longest wait for each of the two transactions; 60 s by default. */
  receiptTimeoutMs?: number
}

const defaultReceiptTimeoutMs = 60_000

const pollingInterval = 100

type Deployer = { rpc: RpcConnection; account: PrivateKeyAccount; receiptTimeoutMs: number }

async function waitFor({ rpc, receiptTimeoutMs: timeout }: Deployer, hash: Bytes32) {
  let receipt: TransactionReceipt
  try {
    receipt = await waitForTransactionReceipt(rpc.client, { hash, timeout, pollingInterval })
  } catch (error) {
    throw new SpbError('chain/not-included', `Transaction ${hash} was not in a block in time.`, {
      meta: { transactionHash: hash },
      cause: rpc.explain(error),
    })
  }
  if (receipt.status === 'success') return receipt
  throw new SpbError('chain/reverted', `The deployment ${hash} failed.`)
}

async function deployFactory(deployer: Deployer): Promise<Address> {
  const { rpc, account } = deployer
  const hash = await rpc.call(() =>
    deployContract(rpc.client, {
      account,
      abi: marketFactoryAbi,
      bytecode: marketFactoryBytecode,
      chain: null,
    }),
  )
  const { contractAddress } = await waitFor(deployer, hash)
  if (contractAddress) return lowerCase(contractAddress)
  throw new SpbError('chain/reverted', 'The factory was not deployed.')
}

async function deployThrough(
  deployer: Deployer,
  factory: Address,
  salt: Bytes32,
  initCode: Hex,
): Promise<{ address: Address; deploymentBlock: number }> {
  const { rpc, account } = deployer
  const { client } = rpc
  const hash = await rpc.call(async () => {
    const { request } = await simulateContract(client, {
      address: factory,
      // The factory hands on what the market's constructor says.
      abi: [...marketFactoryAbi, ...marketAbi.filter(({ type }) => type === 'error')],
      functionName: 'deploy',
      args: [salt, initCode],
      account,
    })
    return await writeContract(client, { ...request, chain: null })
  })
  const receipt = await waitFor(deployer, hash)
  const logs = parseEventLogs({ abi: marketFactoryAbi, logs: receipt.logs, eventName: 'Deployed' })
  const address = lowerCase(logs[0]?.args.market ?? '0x')
  const code = await rpc.call(() => getCode(client, { address }))
  if (code === undefined) throw new SpbError('chain/no-contract', 'The market has no code.')
  return { address, deploymentBlock: Number(receipt.blockNumber) }
}

/**
 * Deploys a market, by CREATE2 through a factory of its own or a given one.
 *
 * Needs a chain that makes blocks by itself. Throws `chain/reverted` (options, members),
 * `chain/insufficient-funds`, `chain/not-included`, `chain/unreachable`.
 */
export async function deployMarket(given: DeployMarketOptions): Promise<MarketFacts> {
  const rpc = connectRpc(given)
  try {
    const chainId = await requireChainId(rpc)
    const options = { ...defaultMarketOptions, ...given.options }
    const { receiptTimeoutMs = defaultReceiptTimeoutMs } = given
    const account = privateKeyToAccount(given.deployerKey)
    const deployer: Deployer = { rpc, account, receiptTimeoutMs }
    const factory = given.factory ?? (await deployFactory(deployer))
    const initCode = encodeDeployData({
      abi: marketAbi,
      bytecode: marketBytecode,
      args: [options, given.members, given.authorities ?? [], given.manufacturers ?? []],
    })
    const market = await deployThrough(deployer, factory, given.salt, initCode)
    return { chainId, options, ...market }
  } finally {
    rpc.close()
  }
}
