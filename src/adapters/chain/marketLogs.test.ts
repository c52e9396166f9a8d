import { afterEach, expect, test } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { type RpcHandler, RpcRefusal, startFakeRpc } from './fakeRpc.ts'
import { createMarketLogs } from './marketLogs.ts'
import { connectRpc } from './rpcConnection.ts'

const market = `0x${'ab'.repeat(20)}` as const
const head = 5_000
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

type Filter = { fromBlock: string; toBlock: string }

/** A client with one log in each block, that answers for at most `most` blocks at once. */
async function openLogs(most: number, refusal: RpcRefusal) {
  const ranges: [number, number][] = []
  const handle: RpcHandler = (method, [first]) => {
    if (method === 'eth_getBlockByNumber') return blockOf(String(first))
    const { fromBlock, toBlock } = first as Filter
    const [from, to] = [Number(fromBlock), Number(toBlock)]
    ranges.push([from, to])
    if (to - from + 1 > most) throw refusal
    return Array.from({ length: to - from + 1 }, (_, at) => logOf(from + at))
  }
  const { url, close } = await startFakeRpc(handle)
  cleanUps.push(close)
  return { read: createMarketLogs(connectRpc({ url }), market), ranges }
}

const hex = (value: number) => `0x${value.toString(16)}`
const blockOf = (tag: string) =>
  Number(tag) > head ? null : { number: tag, timestamp: '0x1', hash: market, transactions: [] }
const logOf = (number: number) => ({
  address: market,
  topics: [],
  data: '0x',
  blockNumber: hex(number),
  transactionHash: `0x${'11'.repeat(32)}`,
  logIndex: '0x0',
  removed: number === 7,
})

const numbersOf = (logs: { blockNumber: bigint | null }[]) =>
  logs.map(({ blockNumber }) => Number(blockNumber))

test('asks for a thousand blocks at once', async () => {
  const { read, ranges } = await openLogs(1_000, new RpcRefusal(-1, 'unused'))
  const logs = await read(1_001, 3_500)
  expect(numbersOf(logs)).toEqual(Array.from({ length: 2_500 }, (_, at) => 1_001 + at))
  expect(ranges).toEqual([
    [1_001, 2_000],
    [2_001, 3_000],
    [3_001, 3_500],
  ])
})

test.each([
  new RpcRefusal(-32_005, 'query returned more than 10000 results'),
  new RpcRefusal(-32_602, 'exceed maximum block range: 300'),
  new RpcRefusal(-32_000, 'eth_getLogs is limited to a 300 range'),
])('halves the range until the server takes it: $message', async (refusal) => {
  const { read, ranges } = await openLogs(300, refusal)
  const logs = await read(1, 700)
  expect(numbersOf(logs)).toEqual(
    Array.from({ length: 700 }, (_, at) => 1 + at).filter((number) => number !== 7),
  )
  expect(ranges.slice(0, 4)).toEqual([
    [1, 700],
    [1, 350],
    [1, 175],
    [176, 525],
  ])
})

test('gives up on a block that the server refuses alone', async () => {
  const { read } = await openLogs(0, new RpcRefusal(-32_005, 'too many results'))
  const error = await read(1, 4).catch((found) => found)
  expect(error).toBeInstanceOf(SpbError)
  expect(error).toMatchObject({ code: 'chain/unreachable' })
})

test('does not halve for a failure that has nothing to do with size', async () => {
  const { read, ranges } = await openLogs(0, new RpcRefusal(-32_603, 'database is closed'))
  const error = await read(1, 4).catch((found) => found)
  expect(error).toMatchObject({ code: 'chain/unreachable' })
  expect(ranges).toEqual([[1, 4]])
})

test('gives nothing for an empty range, and refuses blocks that are not there', async () => {
  const { read, ranges } = await openLogs(1_000, new RpcRefusal(-1, 'unused'))
  expect(await read(5, 4)).toEqual([])
  await expect(read(1, head + 1)).rejects.toMatchObject({ code: 'chain/unreachable' })
  expect(ranges).toEqual([])
})
