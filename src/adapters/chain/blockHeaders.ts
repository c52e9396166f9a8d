import { numberToHex, type RpcBlock, toRlp } from 'viem'
import type { BlockHeader } from '../../ports/chain.ts'
import {
  type Address,
  bytesToHex,
  type Hex,
  hexToBytes,
  zeroAddress,
  zeroBytes32,
} from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { recoverSigner } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { RpcConnection } from './rpcConnection.ts'

/** Blocks that are asked for at once. */
const headersPerRequest = 100

/** Clique (EIP-225): what a signer may say, then at most the signers' list, then its signature. */
const vanityBytes = 32
const sealBytes = 65

/** A header as JSON-RPC gives it; numbers are hexadecimal without leading zeros. */
export type RpcHeader = Omit<RpcBlock<'latest', false>, 'transactions' | 'number' | 'hash'> & {
  number: Hex
  hash: Hex
}

/** A number as RLP has it: no leading zeros, nothing for zero. */
function quantity(value: Hex): Hex {
  const digits = BigInt(value).toString(16)
  if (digits === '0') return '0x'
  return `0x${digits.length % 2 === 0 ? '' : '0'}${digits}`
}

/** A header's fields in the order in which they are hashed; later rules added some at the end. */
function fieldsOf(header: RpcHeader, extraData: Hex): Hex[] {
  const { baseFeePerGas, withdrawalsRoot, blobGasUsed, excessBlobGas } = header
  const fields = [
    ...[header.parentHash, header.sha3Uncles, header.miner, header.stateRoot],
    ...[header.transactionsRoot, header.receiptsRoot, header.logsBloom!],
    ...[header.difficulty, header.number, header.gasLimit, header.gasUsed, header.timestamp].map(
      quantity,
    ),
    ...[extraData, header.mixHash, header.nonce!],
  ]
  if (baseFeePerGas) fields.push(quantity(baseFeePerGas))
  if (withdrawalsRoot) fields.push(withdrawalsRoot)
  if (blobGasUsed) fields.push(quantity(blobGasUsed))
  if (excessBlobGas) fields.push(quantity(excessBlobGas))
  if (header.parentBeaconBlockRoot) fields.push(header.parentBeaconBlockRoot)
  const { requestsHash } = header as { requestsHash?: Hex }
  if (requestsHash) fields.push(requestsHash)
  return fields
}

/** True where a header's fields give its hash, so that none was altered. */
export function isWholeHeader(header: RpcHeader): boolean {
  const bytes = hexToBytes(toRlp(fieldsOf(header, header.extraData)))
  return bytesToHex(keccak256(bytes)) === header.hash
}

/** Only Clique has a signature's length, no mix hash and a difficulty of 1 or 2. */
function isSealed({ extraData, mixHash, difficulty }: RpcHeader): boolean {
  const length = (extraData.length - 2) / 2
  const isEasy = difficulty === '0x1' || difficulty === '0x2'
  return length >= vanityBytes + sealBytes && mixHash === zeroBytes32 && isEasy
}

/** Who sealed a Clique block; undefined where nobody can have. */
function recoverSealer(header: RpcHeader): Address | undefined {
  const { extraData } = header
  const end = extraData.length - 2 * sealBytes
  const unsealed = toRlp(fieldsOf(header, extraData.slice(0, end) as Hex))
  const seal = hexToBytes(`0x${extraData.slice(end)}`)
  const compact = seal.slice(0, 64)
  if (seal[64] === 1) compact[32]! |= 0x80
  return recoverSigner(keccak256(hexToBytes(unsealed)), bytesToHex(compact))
}

/** What a header says of its proposer's database, and who that is. */
export function readHeader(header: RpcHeader): BlockHeader {
  const place = { number: Number(header.number), hash: header.hash }
  if (isSealed(header)) {
    const extra = header.extraData.slice(0, 2 + 2 * vanityBytes) as Hex
    return { ...place, proposer: recoverSealer(header), extra }
  }
  const miner = header.miner.toLowerCase() as Address
  const proposer = miner === zeroAddress ? undefined : miner
  return { ...place, proposer, extra: header.extraData }
}

/** A header as the client has it; throws `chain/unreachable` where it has none. */
export async function fetchHeader({ client }: RpcConnection, number: number): Promise<RpcHeader> {
  const parameters: [Hex, boolean] = [numberToHex(number), false]
  const header = (await client.request({
    method: 'eth_getBlockByNumber',
    params: parameters,
  } as never)) as RpcHeader | null
  if (header !== null) return header
  throw new SpbError('chain/unreachable', `The Ethereum client does not have block ${number}.`)
}

/** Headers of blocks `from` to `to`, both included. Throws `chain/unreachable` as the port says. */
export async function readHeaders(
  rpc: RpcConnection,
  from: number,
  to: number,
): Promise<BlockHeader[]> {
  const headers: BlockHeader[] = []
  if (from > to) return headers
  // The last one first: a client that is behind need not be asked for all the others.
  const last = await fetchHeader(rpc, to)
  for (let next = from; next < to; next += headersPerRequest) {
    const count = Math.min(headersPerRequest, to - next)
    const numbers = Array.from({ length: count }, (_, at) => next + at)
    const found = await Promise.all(numbers.map((number) => fetchHeader(rpc, number)))
    headers.push(...found.map(readHeader))
  }
  headers.push(readHeader(last))
  return headers
}
