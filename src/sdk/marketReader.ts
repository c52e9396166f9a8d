import { type Client, TransactionReceiptNotFoundError, type Transport } from 'viem'
import {
  getBlock,
  getChainId,
  getTransaction,
  getTransactionReceipt,
  readContract,
} from 'viem/actions'
import { marketAbi } from '../abi/market.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import type { Committee } from '../protocol/committee.ts'
import { domainSeparator, type Market } from '../protocol/digest.ts'
import { explainEthereumFailure, withChainErrors } from '../protocol/ethereumFailure.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds, type Wei, wei } from '../protocol/units.ts'
import type { BlockView } from '../protocol/views.ts'

/** An Ethereum client to read from. */
export type ChainReader = {
  client: Client<Transport>
  /** The client's URL, for messages: only its host is ever shown. */
  endpoint: string
}

/** A market on the chain that a client serves. A `MarketClient` is one. */
export type MarketReader = ChainReader & { market: Market }

/** An account's nonce. */
export type AccountNonce = { account: Address; nonce: number }

/** Of a transaction: what shows whom it paid. */
export type TransactionView = {
  isSuccess: boolean
  blockNumber: number
  to: Address | undefined
  input: Hex
  /** The market's own logs. */
  logs: Awaited<ReturnType<typeof getTransactionReceipt>>['logs']
}

const lowerCase = (address: string): Address => address.toLowerCase() as Address

/**
 * Makes sure that the client's chain holds this market. Throws `chain/wrong-chain-id`,
 * `chain/no-contract`, `chain/unreachable`.
 */
export async function requireMarketOnChain(reader: MarketReader): Promise<void> {
  const { client, endpoint, market } = reader
  const chainId = await withChainErrors(endpoint, () => getChainId(client))
  if (chainId !== market.chainId) {
    const message = `The Ethereum client is on chain ${chainId}, not on ${market.chainId}.`
    throw new SpbError('chain/wrong-chain-id', message, {
      meta: { found: chainId, expected: market.chainId },
    })
  }
  const contract = { address: market.address, abi: marketAbi } as const
  const separator = await readContract(client, {
    ...contract,
    functionName: 'domainSeparator',
  }).catch((error) => {
    const explained = explainEthereumFailure(error, endpoint)
    // A contract without such a function refuses to answer.
    const isRefusal = explained instanceof SpbError && explained.code === 'chain/reverted'
    throw isRefusal ? new SpbError('chain/no-contract') : explained
  })
  if (separator !== bytesToHex(domainSeparator(market))) throw new SpbError('chain/no-contract')
}

/** The newest block. Throws `chain/unreachable`. */
export async function readHead({ client, endpoint }: ChainReader): Promise<BlockView> {
  const block = await withChainErrors(endpoint, () => getBlock(client))
  return { number: Number(block.number), timeSeconds: seconds(Number(block.timestamp)) }
}

/** What of a market's terms decides over payment by proof. Throws `chain/*`. */
export async function readProofTerms({
  client,
  endpoint,
  market: { address },
}: MarketReader): Promise<{ graceSeconds: Seconds; feeWei: Wei }> {
  const contract = { address, abi: marketAbi, functionName: 'options' } as const
  const options = await withChainErrors(endpoint, () => readContract(client, contract))
  return { graceSeconds: seconds(options.graceSeconds), feeWei: wei(options.feeWei) }
}

/** The committee of an epoch; without members where there was none. Throws `chain/*`. */
export async function readCommittee(
  { client, endpoint, market: { address } }: MarketReader,
  epoch: number,
): Promise<Committee> {
  const contract = { address, abi: marketAbi, functionName: 'committeeOf', args: [epoch] } as const
  const [members] = await withChainErrors(endpoint, () => readContract(client, contract))
  return { epoch, members: members.map(lowerCase) }
}

/** When a manufacturer's standing ends; 0 where it was never trusted. Throws `chain/*`. */
export async function readManufacturerEnd(
  { client, endpoint, market: { address } }: MarketReader,
  manufacturer: Address,
): Promise<Seconds> {
  const call = { functionName: 'manufacturerEnds', args: [manufacturer] } as const
  const contract = { address, abi: marketAbi, ...call } as const
  return seconds(await withChainErrors(endpoint, () => readContract(client, contract)))
}

/** When a revoked meter's standing ends; 0 where it is not revoked. Throws `chain/*`. */
export async function readMeterEnd(
  { client, endpoint, market: { address } }: MarketReader,
  meter: Address,
): Promise<Seconds> {
  const contract = { address, abi: marketAbi, functionName: 'meterEnds', args: [meter] } as const
  return seconds(await withChainErrors(endpoint, () => readContract(client, contract)))
}

/** Whether each nonce is used: settled, declined, or below its window. Throws `chain/*`. */
export async function readUsedNonces(
  { client, endpoint, market: { address } }: MarketReader,
  nonces: readonly AccountNonce[],
): Promise<boolean[]> {
  if (nonces.length === 0) return []
  const accounts = nonces.map(({ account }) => account)
  const call = { functionName: 'accountStates', args: [accounts] } as const
  const contract = { address, abi: marketAbi, ...call } as const
  const states = await withChainErrors(endpoint, () => readContract(client, contract))
  return nonces.map(({ nonce }, at) => {
    const { nonceBase, nonceBitmap } = states[at]!
    if (nonce < nonceBase) return true
    return ((nonceBitmap >> BigInt(nonce - nonceBase)) & 1n) === 1n
  })
}

/** A transaction that is in a block; undefined where none of that hash is. Throws `chain/*`. */
export async function readTransaction(
  { client, endpoint, market }: MarketReader,
  hash: Bytes32,
): Promise<TransactionView | undefined> {
  return await withChainErrors(endpoint, async () => {
    const receipt = await getTransactionReceipt(client, { hash }).catch((error) => {
      if (error instanceof TransactionReceiptNotFoundError) return undefined
      throw error
    })
    if (receipt === undefined) return undefined
    const { to, input } = await getTransaction(client, { hash })
    return {
      isSuccess: receipt.status === 'success',
      blockNumber: Number(receipt.blockNumber),
      to: to === null ? undefined : lowerCase(to),
      input,
      logs: receipt.logs.filter((log) => lowerCase(log.address) === market.address),
    }
  })
}
