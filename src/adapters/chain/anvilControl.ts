import type { Address, Hex } from '../../protocol/bytes.ts'
import { withChainErrors } from '../../protocol/ethereumFailure.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import type { AnvilHandle } from './anvil.ts'
import { requestAnvil } from './anvilRpc.ts'

/** Where to find the anvil that is to be controlled. */
export type AnvilTarget = Pick<AnvilHandle, 'port'>

const longestRequestMs = 60_000

const hexOf = (value: bigint | number): Hex => `0x${value.toString(16)}`

function request(anvil: AnvilTarget, method: string, ...params: unknown[]): Promise<unknown> {
  return withChainErrors(`http://127.0.0.1:${anvil.port}`, () =>
    requestAnvil(anvil.port, method, params, longestRequestMs),
  )
}

/** Gives an address this much ether. */
export async function setBalance(anvil: AnvilTarget, address: Address, wei: bigint) {
  await request(anvil, 'anvil_setBalance', address, hexOf(wei))
}

/** Makes blocks, `intervalSeconds` apart; those transactions that wait come into the first. */
export async function mine(anvil: AnvilTarget, blocks = 1, intervalSeconds = 1) {
  await request(anvil, 'anvil_mine', hexOf(blocks), hexOf(intervalSeconds))
}

/** Makes one block of that time, which must not be before the last one's. */
export async function mineAt(anvil: AnvilTarget, timeSeconds: Seconds) {
  await request(anvil, 'evm_mine', { timestamp: timeSeconds, blocks: 1 })
}

/** Makes a block for each transaction as it comes, or not. */
export async function setAutomine(anvil: AnvilTarget, isOn: boolean) {
  await request(anvil, 'evm_setAutomine', isOn)
}

/** What a unit of gas costs at least in the next block, in wei. */
export async function setNextBaseFee(anvil: AnvilTarget, wei: bigint) {
  await request(anvil, 'anvil_setNextBlockBaseFeePerGas', hexOf(wei))
}

/** Forgets transactions that wait, as a client does that has too many. */
export async function dropTransactions(anvil: AnvilTarget) {
  await request(anvil, 'anvil_dropAllTransactions')
}

type Block = { number: string; timestamp: string }

async function timeOf(anvil: AnvilTarget, number: number): Promise<number> {
  const block = (await request(anvil, 'eth_getBlockByNumber', hexOf(number), false)) as Block
  return Number(block.timestamp)
}

/** Replaces the last `depth` blocks by as many empty, later ones; their transactions are lost. */
export async function reorg(anvil: AnvilTarget, depth: number) {
  const head = Number(await request(anvil, 'eth_blockNumber'))
  const first = head - depth + 1
  const times: number[] = []
  for (let number = first; number <= head; number++) times.push(await timeOf(anvil, number))
  await request(anvil, 'anvil_rollback', depth)
  for (const time of times) await mineAt(anvil, seconds(time + 1))
}
