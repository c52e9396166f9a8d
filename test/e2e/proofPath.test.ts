import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnvilHandle, startAnvil } from '../../src/adapters/chain/anvil.ts'
import { setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { requestAnvil } from '../../src/adapters/chain/anvilRpc.ts'
import type { Address } from '../../src/protocol/bytes.ts'
import {
  boundMs,
  type Json,
  type LongCommand,
  openCommandLine,
  type StartedCommand,
  until,
} from '../support/commandLine.ts'

const oneEther = 10n ** 18n
const commands = openCommandLine('proof-path')
const { folder, data, spb, fail } = commands

const up = (words = '') => commands.startLong(`up --port 0 --confirmations 0 ${words}`.trim())

let anvil: AnvilHandle
let market: string
let node: LongCommand
let watch: StartedCommand

/** What the watch said last of a CTP. */
function lastOf(number: number): Json | undefined {
  const whole = watch.stdout().slice(0, watch.stdout().lastIndexOf('\n') + 1)
  const lines = whole.split('\n').filter((line) => line !== '')
  const news = lines.map((line) => JSON.parse(line) as { kind: string; trade?: Json })
  return news.findLast(({ trade }) => trade?.number === number)?.trade
}

const adviceOf = (number: number) => (lastOf(number)?.advice as Json | undefined)?.kind
const stateIs = (state: string) => (trade: Json) => trade.state === state

async function makeAccount(name: string): Promise<void> {
  const { address } = await spb(`account new ${name}`)
  await setBalance(anvil, address as Address, 10n * oneEther)
}

beforeAll(async () => {
  anvil = await startAnvil({ chainId: 4_243, blockTimeSeconds: 1 })
  for (const name of ['alice', 'bob']) await makeAccount(name)
  const terms = '--grace 120s --longest-life 2h --withdrawal-delay 3h'
  const created = await spb(`market create --chain ${anvil.url} --account bob ${terms}`)
  market = String(created.address)
  // Its member has no ether for gas: this node certifies, and cannot settle.
  node = await up(`--chain ${anvil.url} --market ${market}`)
  await spb('account deposit alice 5')
  await spb('energy open bob')
  await spb('energy add bob 10kWh --price 0.0002')
  await spb('meter new alice')
}, boundMs)

afterAll(async () => {
  commands.close()
  await anvil?.stop()
}, boundMs)

describe('P3: a producer is paid with every node stopped', { timeout: boundMs }, () => {
  it('watches his trades, and keeps their proofs', async () => {
    watch = commands.start('producer watch --account bob')
    await spb('ctp bob 0.0003 1500 --expiry 1h --account alice')
    await until(
      () => adviceOf(1),
      (kind) => kind === 'send',
    )
    await spb('erc 1 1500')
    await spb('ctp bob 0.0002 1000 --expiry 5m --account alice')
    await spb('erc 2 400')
    await until(
      () => [lastOf(1)?.receiptedWh, lastOf(2)?.receiptedWh].join(),
      (found) => found === '1500,400',
    )
    expect(lastOf(1)).toMatchObject({
      ...{ certificate: { verdict: 'passed' }, meter: { verdict: 'passed' } },
      settleByProof: { fromSeconds: 0 },
    })
    const file = String(lastOf(2)?.proofFile)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(await spb('receipt export 2')).toMatchObject({ number: 2, settlement: null })
  })

  it('is told to settle by proof when the last node is gone', async () => {
    expect(await node.stop()).toBe(0)
    expect(existsSync(join(data, 'endpoint.json'))).toBe(false)
    await until(
      () => adviceOf(1),
      (kind) => kind === 'settle',
    )
    expect(watch.stdout()).toContain('{"kind":"reach","node":false,"chain":true')
    expect(lastOf(1)?.advice).toMatchObject({
      text: 'settle by proof now: spb settle --proof 1',
    })
  })

  it('is paid for the whole at once, for a part from its expiry on, each once', async () => {
    const paid = await spb('settle --proof 1')
    expect(paid).toMatchObject({ paymentWei: '300000000000000', deliveredWh: 1500, account: 'bob' })
    expect(Number(paid.gasUsed)).toBeLessThan(100_000)
    expect(await fail('settle --proof 1')).toEqual([3, 'proof/nonce-used'])
    expect(await fail('settle --proof 2')).toEqual([3, 'proof/too-early'])
    await requestAnvil(anvil.port, 'evm_increaseTime', [300])
    await until(
      () => adviceOf(2),
      (kind) => kind === 'settle',
    )
    expect(await spb('settle --proof 2')).toMatchObject({
      ...{ paymentWei: '80000000000000', deliveredWh: 400 },
    })
    await until(
      () => [adviceOf(1), adviceOf(2)].join(),
      (found) => found === 'done,done',
    )
  })

  it('can show both payments to anyone who has a chain endpoint', async () => {
    const against = `--chain ${anvil.url} --market ${market}`
    const elsewhere = join(folder, 'elsewhere')
    for (const number of [1, 2]) {
      const file = String(lastOf(number)?.proofFile)
      const verified = await spb(`receipt verify ${file} ${against} --data ${elsewhere}`)
      const { checks } = verified as { checks: { verdict: string }[] }
      expect(checks.filter(({ verdict }) => verdict !== 'passed')).toEqual([])
      expect(verified.verdict).toBe('paid')
    }
    expect(existsSync(elsewhere)).toBe(false)
    expect(await spb(`receipt verify receipt-2.json ${against}`)).toMatchObject({
      verdict: 'valid',
    })
  })

  it('ends at Ctrl-C; a node that comes back knows that both are settled', async () => {
    expect(await watch.stop()).toBe(0)
    node = await up()
    for (const number of [1, 2]) {
      await until(() => spb(`trade ${number}`), stateIs('settled'))
    }
    expect(await spb('account show bob')).toMatchObject({ balanceWei: '380000000000000' })
    const held = await spb('ctp bob 0.0002 1000 --expiry 5m --account alice')
    await spb(`decline ${held.number}`)
    await until(() => spb(`trade ${held.number}`), stateIs('declined'))
    expect(await spb('account show alice')).toMatchObject({ heldWei: '0' })
    expect(await node.stop()).toBe(0)
  })
})
