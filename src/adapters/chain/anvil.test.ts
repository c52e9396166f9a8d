import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import type { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import { type AnvilHandle, type AnvilOptions, startAnvil } from './anvil.ts'
import { findAnvilBinary } from './anvilBinary.ts'
import { mine, mineAt, reorg, setBalance } from './anvilControl.ts'
import { isOurAnvil, readRecord, recordPathOf, writeRecord } from './anvilRecord.ts'
import { requestAnvil } from './anvilRpc.ts'
import { backUpState } from './anvilState.ts'

const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

async function start(options: Partial<AnvilOptions> = {}): Promise<AnvilHandle> {
  const anvil = await startAnvil({ chainId: 4242, isManual: true, ...options })
  cleanUps.push(anvil.stop)
  return anvil
}

function makeFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'spb-anvil-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => 'no error',
    (error: SpbError) => error.code,
  )

const account = `0x${'a1'.repeat(20)}` as const
const headOf = async ({ port }: AnvilHandle) => Number(await requestAnvil(port, 'eth_blockNumber'))
const balanceAt = async ({ port }: AnvilHandle, block: number) =>
  BigInt(
    (await requestAnvil(port, 'eth_getBalance', [account, `0x${block.toString(16)}`])) as string,
  )
const timeOf = async ({ port }: AnvilHandle, block: number | 'latest') => {
  const tag = block === 'latest' ? block : `0x${block.toString(16)}`
  const found = await requestAnvil(port, 'eth_getBlockByNumber', [tag, false])
  return Number((found as { timestamp: string }).timestamp)
}

test('starts on a free port with the chain id asked for, and stops', async () => {
  const anvil = await start({ timestampSeconds: seconds(1_700_000_000) })
  expect(Number(await requestAnvil(anvil.port, 'eth_chainId'))).toBe(4242)
  expect(await timeOf(anvil, 0)).toBe(1_700_000_000)
  expect(anvil.isAdopted).toBe(false)
  await anvil.stop()
  expect(await anvil.ended).toMatchObject({ isExpected: true })
  await expect(requestAnvil(anvil.port, 'eth_chainId')).rejects.toThrow()
})

test('makes blocks of the times asked for, and replaces them', async () => {
  const anvil = await start({ timestampSeconds: seconds(1_700_000_000) })
  await mineAt(anvil, seconds(1_700_000_100))
  await mine(anvil, 3, 10)
  expect(await headOf(anvil)).toBe(4)
  expect(await timeOf(anvil, 'latest')).toBe(1_700_000_130)
  await reorg(anvil, 2)
  expect(await headOf(anvil)).toBe(4)
  expect(await timeOf(anvil, 2)).toBe(1_700_000_110)
  expect(await timeOf(anvil, 3)).toBe(1_700_000_121)
  expect(await timeOf(anvil, 4)).toBe(1_700_000_131)
})

test('goes on from its state file: blocks, old states, time', async () => {
  const statePath = join(makeFolder(), 'chain', 'state.json')
  const first = await start({ statePath, timestampSeconds: seconds(1_700_000_000) })
  expect(readRecord(statePath)).toEqual({ pid: first.pid, port: first.port, chainId: 4242 })
  await setBalance(first, account, 5n)
  await mine(first, 2, 10)
  await setBalance(first, account, 7n)
  await mine(first, 2, 10)
  await first.stop()
  expect(existsSync(recordPathOf(statePath))).toBe(false)

  const second = await start({ statePath, timestampSeconds: seconds(1) })
  expect(await headOf(second)).toBe(4)
  expect(await balanceAt(second, 1)).toBe(5n)
  expect(await balanceAt(second, 4)).toBe(7n)
  expect(await timeOf(second, 4)).toBe(1_700_000_040)
  await mineAt(second, seconds(1_700_000_050))
  expect(await headOf(second)).toBe(5)
})

test('never lets the time of blocks go back, even ahead of the time of day', async () => {
  const statePath = join(makeFolder(), 'state.json')
  const first = await start({ statePath, timestampSeconds: seconds(4_000_000_000) })
  await mine(first, 1, 10)
  await first.stop()
  const second = await start({ statePath, isManual: false, blockTimeSeconds: 0.2 })
  while ((await headOf(second)) < 2) await delay(20)
  expect(await timeOf(second, 2)).toBeGreaterThanOrEqual(4_000_000_010)
})

test('takes over an anvil that was left behind, and ends it with its state written', async () => {
  const statePath = join(makeFolder(), 'state.json')
  const source = `
    const { startAnvil } = await import(${JSON.stringify(join(import.meta.dirname, 'anvil.ts'))})
    const statePath = ${JSON.stringify(statePath)}
    const { port } = await startAnvil({ chainId: 4242, isManual: true, statePath })
    console.log(port)
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', source])
  const port = await new Promise((found) => {
    parent.stdout.once('data', (text) => found(Number(text)))
  })
  parent.kill('SIGKILL')
  await new Promise((gone) => parent.once('close', gone))

  const adopted = await start({ statePath })
  expect(adopted).toMatchObject({ isAdopted: true, port })
  expect(await codeOf(startAnvil({ chainId: 1, statePath }))).toBe('chain/wrong-chain-id')
  await mine(adopted, 3)
  await adopted.stop()
  expect(await adopted.ended).toMatchObject({ isExpected: true })
  const again = await start({ statePath })
  expect(again.isAdopted).toBe(false)
  expect(await headOf(again)).toBe(3)
})

test('leaves processes alone that a stale record names', async () => {
  const statePath = join(makeFolder(), 'state.json')
  const stranger = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'])
  cleanUps.push(() => stranger.kill())
  writeRecord(statePath, { pid: stranger.pid!, port: 1, chainId: 4242 })
  expect(isOurAnvil(stranger.pid!, statePath)).toBe(false)
  const anvil = await start({ statePath })
  expect(anvil.isAdopted).toBe(false)
  expect(stranger.exitCode).toBe(null)
  expect(stranger.signalCode).toBe(null)
  await anvil.stop()
  writeFileSync(recordPathOf(statePath), 'nonsense')
  expect((await start({ statePath })).isAdopted).toBe(false)
})

test('tells when it ended without being asked', async () => {
  const anvil = await start()
  process.kill(anvil.pid, 'SIGKILL')
  expect(await anvil.ended).toMatchObject({ isExpected: false, signal: 'SIGKILL' })
})

test('says that a port is in use', async () => {
  const server = createServer()
  const port = await new Promise<number>((found) => {
    server.listen(0, '127.0.0.1', () => found((server.address() as { port: number }).port))
  })
  cleanUps.push(() => server.close())
  expect(await codeOf(start({ port }))).toBe('node/port-in-use')
})

test('goes on from its backup where its state file was cut off', async () => {
  const statePath = join(makeFolder(), 'state.json')
  const first = await start({ statePath })
  await mine(first, 3)
  await first.stop()
  await backUpState(statePath)
  truncateSync(statePath, readFileSync(statePath).length - 5)
  await backUpState(statePath)
  const second = await start({ statePath })
  expect(await headOf(second)).toBe(3)
})

test('backs its state up while it runs', async () => {
  const statePath = join(makeFolder(), 'state.json')
  const anvil = await start({ statePath, stateIntervalSeconds: 1 })
  while (!existsSync(`${statePath}.backup`)) await delay(50)
  process.kill(anvil.pid, 'SIGKILL')
  await anvil.ended
  writeFileSync(statePath, '')
  expect(await headOf(await start({ statePath }))).toBe(0)
})

test('does not start on a state file that was cut off and has no backup', async () => {
  const statePath = join(makeFolder(), 'state.json')
  await (await start({ statePath })).stop()
  truncateSync(statePath, readFileSync(statePath).length - 5)
  expect(await codeOf(start({ statePath }))).toBe('store/corrupt')
})

test('says why it did not start', async () => {
  const statePath = join(makeFolder(), 'state.json')
  writeFileSync(statePath, '{"not":[]}')
  expect(await codeOf(start({ statePath }))).toBe('chain/died')
  expect(existsSync(recordPathOf(statePath))).toBe(false)
})

test('finds the program that npm installed, else one on PATH', () => {
  const binary = findAnvilBinary({ path: '' })
  expect(execFileSync(binary, ['--version'], { encoding: 'utf8' })).toContain('anvil')
  const elsewhere = { platform: 'plan9', path: [makeFolder(), dirname(binary)].join(delimiter) }
  expect(findAnvilBinary(elsewhere)).toBe(binary)
  const nowhere = { platform: 'plan9', path: makeFolder() }
  expect(() => findAnvilBinary(nowhere)).toThrow(
    expect.objectContaining({ code: 'chain/no-binary' }),
  )
})
