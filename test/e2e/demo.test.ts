import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { SceneReport } from '../../src/cli/demo/demoScene.ts'
import type { NeighbourhoodReport } from '../../src/cli/demo/neighbourhoodReport.ts'

// Much more than any demonstration takes on a machine that has nothing else to do.
vi.setConfig({ testTimeout: 120_000 })

const root = fileURLToPath(new URL('../../', import.meta.url))
const realData = join(root, '../shared/data/households')
const folder = mkdtempSync(join(tmpdir(), 'spb-demo-'))
const temporary = join(folder, 'tmp')
mkdirSync(temporary)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A document as it was printed: sums are decimal strings. */
type Printed<Value> = Value extends bigint
  ? string
  : Value extends object
    ? { [Key in keyof Value]: Printed<Value[Key]> }
    : Value

type Ended = { exitCode: number | null; out: string; err: string }

/** Runs `spb demo` as a process of its own; `onStart` may look after it. */
function runDemo(words: readonly string[], onStart?: (pid: number) => void): Promise<Ended> {
  const child = spawn(process.execPath, ['tools/spb.mjs', 'demo', ...words], {
    ...{ cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
    env: { ...process.env, TMPDIR: temporary },
  })
  const ended: Ended = { exitCode: null, out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    ended.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    ended.err += text
  })
  onStart?.(child.pid!)
  return new Promise((resolve) => {
    child.once('close', (exitCode) => resolve({ ...ended, exitCode }))
  })
}

async function runJson<Report>(...words: string[]): Promise<Printed<Report>> {
  const { exitCode, out, err } = await runDemo([...words, '--json'])
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  return JSON.parse(out) as Printed<Report>
}

const sum = (values: readonly (number | string)[]): bigint =>
  values.reduce((total, value) => total + BigInt(value), 0n)

describe('spb demo reliable', () => {
  it('holds, delivers, receipts and pays, step by step', async () => {
    const report = await runJson<SceneReport>('reliable')
    const { steps, ...whole } = report
    expect(whole).toMatchObject({
      ...{ scene: 'reliable', receiptedWh: 1_500, freedWei: '0', settlementTransactions: 1 },
      ...{ heldWei: '150000000000000', paidWei: '150000000000000', etherConserved: true },
      ...{ consumer: { name: 'Ash' }, producer: { name: 'Birch' }, chain: { kind: 'anvil' } },
    })
    expect(steps.map(({ title, transactions }) => [title, transactions])).toEqual([
      ['Offer', 2],
      ['Deposit', 1],
      ['Commit to pay (CTP)', 0],
      ['Energy and receipt (ERC)', 0],
      ['Settlement', 1],
    ])
    expect(steps[2]?.accounts[0]).toMatchObject({
      heldWei: { before: '0', after: '150000000000000' },
      freeWei: { before: '10000000000000000', after: '9850000000000000' },
    })
    expect(steps[4]?.accounts.map(({ balanceWei }) => balanceWei)).toEqual([
      { before: '10000000000000000', after: '9850000000000000' },
      { before: '0', after: '150000000000000' },
    ])
  })
})

describe('spb demo unreliable', () => {
  it('frees money without a transaction, and pays for a part', async () => {
    const { steps, ...whole } = await runJson<SceneReport>('unreliable')
    expect(whole).toMatchObject({
      ...{ paidWei: '80000000000000', freedWei: '270000000000000', receiptedWh: 800 },
      ...{ settlementTransactions: 1, etherConserved: true },
    })
    const late = steps.find(({ title }) => title === 'No energy, no receipt')
    expect(late).toMatchObject({ freedWei: '0', transactions: 0 })
    const freed = steps.find(({ title }) => title === 'Money free again')
    expect(freed).toMatchObject({ freedWei: '150000000000000', paidWei: '0', transactions: 0 })
    expect(freed?.accounts[0]?.heldWei).toEqual({ before: '150000000000000', after: '0' })
    expect(steps.at(-1)).toMatchObject({
      ...{ paidWei: '80000000000000', freedWei: '120000000000000', transactions: 1 },
    })
  })
})

describe('spb demo neighbourhood', () => {
  const words = ['neighbourhood', '--households', '5', '--unreliable', '0.3']

  it('prints every field, conserves every wei and Wh, and repeats itself', async () => {
    const [first, second, other] = await Promise.all([
      runJson<NeighbourhoodReport>(...words),
      runJson<NeighbourhoodReport>(...words),
      runJson<NeighbourhoodReport>(...words, '--seed', '2'),
    ])
    const timeless = { seconds: 0, tradesPerSecond: 0 }
    expect({ ...first, ...timeless }).toEqual({ ...second, ...timeless })
    expect(first.paidWei).not.toBe(other.paidWei)
    for (const report of [first, other]) expectSound(report)
    expect(first).toMatchObject({
      ...{ intervals: 96, days: 1, seed: 1, refused: 0, skippedRows: [], profiles: 'simulated' },
      chain: { kind: 'anvil', chainId: 31_337, startSeconds: 1_777_852_800 },
      seconds: expect.any(Number),
    })
    expect(first.households).toHaveLength(5)
  })

  function expectSound(report: Printed<NeighbourhoodReport>): void {
    const { households, settled, expired, ctps, receiptedWh, paidWei } = report
    expect(report.etherConserved).toBe(true)
    expect(Object.values(report.checks)).toEqual([true, true, true, true, true])
    expect(settled).toBeGreaterThan(20)
    expect(expired).toBeGreaterThan(0)
    expect(settled + expired).toBe(ctps)
    expect(sum(households.map(({ boughtWh }) => boughtWh))).toBe(BigInt(receiptedWh))
    expect(sum(households.map(({ soldWh }) => soldWh))).toBe(BigInt(receiptedWh))
    expect(sum(households.map(({ spentWei }) => spentWei))).toBe(BigInt(paidWei))
    expect(sum(households.map(({ earnedWei }) => earnedWei))).toBe(BigInt(paidWei))
    for (const { depositWei, earnedWei, spentWei, balanceWei } of households) {
      expect(BigInt(depositWei) + BigInt(earnedWei) - BigInt(spentWei)).toBe(BigInt(balanceWei))
    }
    expect(sum(report.pairs.map(({ energyWh }) => energyWh))).toBe(BigInt(receiptedWh))
    expect(report.gasPerTrade).toBe(Math.round(Number(report.settlementGas) / settled))
    expect(report.settlementCalldataBytes).toBeGreaterThan(141 * settled)
    const { offerTransactions, settlementTransactions } = report
    expect(report.onChainTransactions).toBe(offerTransactions + settlementTransactions)
    expect(report.unreliableProducers.length).toBe(1)
  }

  it('trades from a households file, and shows what was not traded', async () => {
    const rows = Array.from({ length: 14 }, (_, step) => {
      const time = 1_613_350_800 + step * 900
      return `${time},${step === 3 ? -5 : 2_000},400,${1_500 + step}`
    })
    writeFileSync(join(folder, 'homes.csv'), ['timestamp,pv,a,b', ...rows].join('\n'))
    const load = (column: string) => ({ file: 'homes.csv', column, unit: 'W' })
    const homes = [
      { name: 'Sunny', load: load('a'), pv: load('pv') },
      { name: 'Shady', load: load('b') },
    ]
    const file = join(folder, 'homes.json')
    writeFileSync(file, JSON.stringify(homes))
    const { exitCode, out, err } = await runDemo([
      ...['neighbourhood', '--profiles', file, '--unreliable', '0'],
    ])
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    // 13 steps in which both have readings; Shady needs about 375 Wh, Sunny has 400 Wh.
    expect(out).toContain('13 commitments to pay, 13 settled, 0 expired')
    expect(out).toMatch(/homes\.csv +negative +pv +1 +5/)
    expect(out.match(/✓/g)).toHaveLength(5)
    expect(out).not.toContain('\u001b')
    const tooWide = out.split('\n').filter((line) => line.length > 100 && !line.includes(file))
    expect(tooWide).toEqual([])
  })

  it.each([
    ['profile/no-files', ['--profiles', root]],
    ['profile/households-file', ['--profiles', join(root, 'package.json')]],
    ['file/unreadable', ['--profiles', join(folder, 'nowhere')]],
    ['input/option', ['--days', 'all']],
    ['input/option', ['--unreliable', '1.5']],
    ['input/option', ['--households', '1']],
  ])('refuses senseless input with %s and exit code 2', async (code, given) => {
    const { exitCode, out } = await runDemo(['neighbourhood', ...given, '--json'])
    expect(exitCode).toBe(2)
    expect(JSON.parse(out)).toMatchObject({ error: { code } })
  })

  it('refuses options of the neighbourhood for the other scenarios', async () => {
    const { exitCode, err } = await runDemo(['reliable', '--days', '2'])
    expect(exitCode).toBe(2)
    expect(err).toContain('--days is for the neighbourhood.')
  })

  it.skipIf(!existsSync(realData))('trades from real profiles (needs ../shared/data)', async () => {
    const report = await runJson<NeighbourhoodReport>(
      ...['neighbourhood', '--profiles', realData, '--households', '6'],
    )
    expectSound({ ...report, expired: Math.max(1, report.expired) } as typeof report)
    expect(report.households.map(({ name }) => name)).toContain('hh_2012_3')
  })
})

/** The child processes of a process, with their command lines. */
function childrenOf(parent: number): { pid: number; command: string }[] {
  const table = execFileSync('ps', ['-ax', '-o', 'pid=,ppid=,command='], { encoding: 'utf8' })
  return table.split('\n').flatMap((line) => {
    const [, pid, ppid, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return Number(ppid) === parent ? [{ pid: Number(pid), command }] : []
  })
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

describe('spb demo, interrupted', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('ends its chain and leaves nothing at %s', async (signal, exitCode) => {
    let chainPid = 0
    const ended = await runDemo(['neighbourhood', '--households', '20'], (pid) => {
      const timer = setInterval(() => {
        const chain = childrenOf(pid).find(({ command }) => /anvil/.test(command))
        if (chain === undefined) return
        clearInterval(timer)
        chainPid = chain.pid
        process.kill(pid, signal)
      }, 50)
    })
    expect(ended).toEqual({ exitCode, out: '', err: 'Ended; nothing is left behind.\n' })
    expect(chainPid).toBeGreaterThan(0)
    expect(isAlive(chainPid)).toBe(false)
    expect(readdirSync(temporary)).toEqual([])
  })
})
