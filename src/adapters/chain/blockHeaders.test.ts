import { toRlp } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesToHex, type Hex, hexToBytes, zeroAddress, zeroBytes32 } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { addressOf, signDigest } from '../../protocol/signature.ts'
import { type AnvilHandle, startAnvil } from './anvil.ts'
import { fetchHeader, isWholeHeader, type RpcHeader, readHeader } from './blockHeaders.ts'
import { connectRpc } from './rpcConnection.ts'

let anvil: AnvilHandle
beforeAll(async () => {
  anvil = await startAnvil({ chainId: 4_244 })
})
afterAll(() => anvil.stop())

const fetchOwn = async (): Promise<RpcHeader> => {
  const rpc = connectRpc({ url: anvil.url })
  return await rpc.call(() => fetchHeader(rpc, 0))
}

const key = new Uint8Array(32).fill(7)
const vanity = '5a'.repeat(32)

/** A block that a Clique signer sealed: EIP-225 hashes the header without the seal. */
function sealed(base: RpcHeader): RpcHeader {
  const plain = {
    ...base,
    ...{ miner: zeroAddress, difficulty: '0x2', mixHash: zeroBytes32, nonce: '0x0000000000000000' },
    ...{
      number: '0x1',
      gasUsed: '0x0',
      timestamp: '0x65',
      gasLimit: '0x100',
      extraData: `0x${vanity}`,
    },
  } as RpcHeader
  const fields = [
    ...[plain.parentHash, plain.sha3Uncles, plain.miner, plain.stateRoot],
    ...[plain.transactionsRoot, plain.receiptsRoot, plain.logsBloom!, '0x02', '0x01', '0x0100'],
    ...['0x', '0x65', plain.extraData, plain.mixHash, plain.nonce!],
    // One byte that is its own digits, and no later field.
    '0x07',
  ] as Hex[]
  const signature = hexToBytes(signDigest(keccak256(hexToBytes(toRlp(fields))), key))
  const recovery = signature[32]! >> 7
  signature[32]! &= 0x7f
  const seal = `${bytesToHex(signature).slice(2)}0${recovery}`
  const { withdrawalsRoot, blobGasUsed, excessBlobGas, parentBeaconBlockRoot, ...london } = plain
  const sealedData: Hex = `0x${vanity}${seal}`
  return { ...london, baseFeePerGas: '0x7', extraData: sealedData } as unknown as RpcHeader
}

describe('a header', () => {
  it('is whole if its fields give its hash', async () => {
    const header = await fetchOwn()
    expect(isWholeHeader(header)).toBe(true)
    expect(isWholeHeader({ ...header, extraData: '0x01' })).toBe(false)
    expect(isWholeHeader({ ...header, gasLimit: '0x1' })).toBe(false)
  })

  it('names its maker, where it does', async () => {
    const header = await fetchOwn()
    const miner = `0x${'AB'.repeat(20)}` as const
    expect(readHeader({ ...header, miner })).toMatchObject({ proposer: miner.toLowerCase() })
    expect(readHeader({ ...header, miner: zeroAddress }).proposer).toBeUndefined()
  })

  it('of Clique names whoever sealed it, and not the seal', async () => {
    const header = sealed(await fetchOwn())
    expect(readHeader(header)).toMatchObject({ proposer: addressOf(key), extra: `0x${vanity}` })
    const other = readHeader({ ...header, extraData: header.extraData.replace('5a', '5b') as Hex })
    expect(other.proposer).not.toBe(addressOf(key))
  })
})
