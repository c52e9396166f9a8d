import { encodeAbiParameters, encodeEventTopics, type Log } from 'viem'
import { expect, test } from 'vitest'
import { marketAbi } from '../../abi/market.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { decodeMarketLog } from './marketEvents.ts'

const account = `0x${'Ab'.repeat(20)}` as const
const hash = `0x${'11'.repeat(32)}` as const
const topics = encodeEventTopics({
  abi: marketAbi,
  eventName: 'Deposited',
  args: { account: account.toLowerCase() as Hex, from: account.toLowerCase() as Hex },
}) as [Hex, ...Hex[]]
const amount = encodeAbiParameters([{ type: 'uint96' }], [5n])

const logOf = (change: Partial<Log>): Log => ({
  address: account,
  blockHash: hash,
  blockNumber: 9n,
  data: amount,
  logIndex: 0,
  transactionHash: hash,
  transactionIndex: 0,
  removed: false,
  topics,
  ...change,
})

test('decodes a log, with addresses in lower case', () => {
  expect(decodeMarketLog(logOf({}), new Map())).toEqual({
    kind: 'Deposited',
    blockNumber: 9,
    transactionHash: hash,
    account: account.toLowerCase(),
    from: account.toLowerCase(),
    amountWei: 5n,
  })
})

test.each<[string, Partial<Log>]>([
  ['an event that no market has', { topics: [hash] }],
  ['no topics', { topics: [] }],
  ['too few topics', { topics: [topics[0], topics[1]!] }],
  ['too little data', { data: '0x00' }],
])('takes no log with %s', (_, change) => {
  expect(() => decodeMarketLog(logOf(change), new Map())).toThrow(
    expect.objectContaining({ code: 'chain/no-contract' }),
  )
})

test('takes no log without its block, and no settlement without its transaction', () => {
  const unreachable = expect.objectContaining({ code: 'chain/unreachable' })
  expect(() => decodeMarketLog(logOf({ blockNumber: null }), new Map())).toThrow(unreachable)
  const settled = encodeEventTopics({
    abi: marketAbi,
    eventName: 'Settled',
    args: { epoch: 1, sequence: 2n },
  }) as [Hex, ...Hex[]]
  const types = ['address', 'bytes32', 'uint256', 'bytes32'].map((type) => ({ type }))
  const data = encodeAbiParameters(types, [account.toLowerCase(), hash, 1n, hash])
  expect(() => decodeMarketLog(logOf({ topics: settled, data }), new Map())).toThrow(unreachable)
  const lowered = account.toLowerCase() as Hex
  const proven = encodeEventTopics({
    abi: marketAbi,
    eventName: 'SettledWithProof',
    args: { ctpId: hash, consumer: lowered, producer: lowered },
  }) as [Hex, ...Hex[]]
  const words = ['uint64', 'uint32', 'uint32', 'uint96'].map((type) => ({ type }))
  const proof = logOf({ topics: proven, data: encodeAbiParameters(words, [1n, 2, 3, 4n]) })
  expect(() => decodeMarketLog(proof, new Map())).toThrow(unreachable)
  const context = { gasUsed: 9n, calldataBytes: 8, items: '0x' as const }
  expect(decodeMarketLog(proof, new Map([[hash, context]]))).toEqual({
    ...{ kind: 'SettledWithProof', blockNumber: 9, transactionHash: hash, ctpId: hash },
    ...{ consumer: lowered, producer: lowered, offerId: 1n, nonce: 2 },
    ...{ deliveredWh: 3, paymentWei: 4n, gasUsed: 9n },
  })
})
