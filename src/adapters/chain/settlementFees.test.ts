import { afterEach, expect, test } from 'vitest'
import type { SpbError } from '../../protocol/spbError.ts'
import { RpcRefusal, startFakeRpc } from './fakeRpc.ts'
import { connectRpc } from './rpcConnection.ts'
import { type FeePolicy, type Fees, readFees, replacementFees } from './settlementFees.ts'

const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

type Prices = { base?: number; tip?: number; gas?: number }

async function feesAt({ base, tip, gas }: Prices, policy: FeePolicy = {}): Promise<Fees> {
  const { url, close } = await startFakeRpc((method) => {
    if (method === 'eth_getBlockByNumber') {
      const block = { number: '0x1', timestamp: '0x1', transactions: [] }
      return base === undefined ? block : { ...block, baseFeePerGas: `0x${base.toString(16)}` }
    }
    const price = method === 'eth_gasPrice' ? gas : tip
    if (price === undefined) throw new RpcRefusal(-32_601, 'the method does not exist')
    return `0x${price.toString(16)}`
  })
  cleanUps.push(close)
  return await readFees(connectRpc({ url }), policy)
}

const eip1559 = (maxFeePerGas: bigint, maxPriorityFeePerGas: bigint): Fees => ({
  kind: 'eip1559',
  maxFeePerGas,
  maxPriorityFeePerGas,
})

test('offers twice the base fee and the tip that the client suggests', async () => {
  expect(await feesAt({ base: 1_000, tip: 30 })).toEqual(eip1559(2_030n, 30n))
})

test('takes the tip from the gas price where the client suggests none', async () => {
  expect(await feesAt({ base: 1_000, gas: 1_070 })).toEqual(eip1559(2_070n, 70n))
  expect(await feesAt({ base: 1_000, gas: 900 })).toEqual(eip1559(1_000_002_000n, 1_000_000_000n))
})

test('offers the gas price where the chain has no base fee', async () => {
  expect(await feesAt({ gas: 77 })).toEqual({ kind: 'legacy', gasPrice: 77n })
})

test('never offers more than the cap, and nothing where the cap is too low', async () => {
  expect(await feesAt({ base: 1_000, tip: 30 }, { capWei: 1_100n })).toEqual(eip1559(1_100n, 30n))
  const tooLow = feesAt({ base: 1_000, tip: 30 }, { capWei: 1_029n })
  await expect(tooLow).rejects.toMatchObject({
    code: 'chain/fee-cap',
    meta: { neededWei: '1030', capWei: '1029' },
  })
  const legacy = feesAt({ gas: 77 }, { capWei: 76n })
  await expect(legacy).rejects.toMatchObject({ code: 'chain/fee-cap', isRetryable: true })
})

test('replaces with at least an eighth more of everything', () => {
  const replaced = replacementFees(eip1559(1_000n, 10n), eip1559(1_000n, 16n), {})
  expect(replaced).toEqual(eip1559(1_126n, 19n))
  const grown = replacementFees(eip1559(9_000n, 500n), eip1559(1_000n, 16n), {})
  expect(grown).toEqual(eip1559(9_000n, 500n))
  const legacy = { kind: 'legacy', gasPrice: 8n } as const
  expect(replacementFees(legacy, legacy, {})).toEqual({ kind: 'legacy', gasPrice: 10n })
  expect(replacementFees(eip1559(5n, 1n), legacy, {})).toEqual(eip1559(10n, 10n))
})

test('does not replace above the cap', () => {
  const fees = eip1559(1_000n, 10n)
  const refusal = (() => {
    try {
      return replacementFees(fees, fees, { capWei: 1_125n })
    } catch (error) {
      return error as SpbError
    }
  })()
  expect(refusal).toMatchObject({ code: 'chain/fee-cap' })
})
