import { execFileSync } from 'node:child_process'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { boundMs, type Json, openCommandLine, until } from '../support/commandLine.ts'

const commands = openCommandLine('metering')
const { spb, fail } = commands
const demo = 'demo neighbourhood --households 8'
const temporary = join(commands.folder, 'temporary')

/** What may differ: block contents hang on when a receipt came, times on the machine. */
function withoutCosts(report: Json): Json {
  const costs = ['settlementGas', 'gasPerTrade', 'seconds', 'tradesPerSecond']
  return Object.fromEntries(Object.entries(report).filter(([name]) => !costs.includes(name)))
}

afterAll(() => commands.close())

describe('meters that read CSV, P1, Modbus and MQTT at the same time', { timeout: boundMs }, () => {
  let [told, csv, mixed]: Json[] = []

  beforeAll(async () => {
    told = await spb(`${demo} --unreliable 0`)
    csv = await spb(`${demo} --metering csv`)
    mixed = await spb(`${demo} --metering mixed`)
  }, boundMs)

  it.each(['csv', 'mixed'])('receipt energy, and every sum is right: %s', (metering) => {
    const report = (metering === 'csv' ? csv : mixed)!
    expect(Object.values(report.checks as object)).toEqual([true, true, true, true, true])
    expect(report.receiptedWh).toBeGreaterThan(0)
    expect(BigInt(String(report.paidWei))).toBeGreaterThan(0n)
    expect(report).toMatchObject({ unreliable: 0, refused: 0, expired: 0 })
    // Homes of each kind of device bought something: each fourth one has the same.
    const bought = (report.households as { boughtWh: number }[]).map(({ boughtWh }) => boughtWh)
    const ofKinds = [0, 1, 2, 3].map((kind) => bought[kind]! + bought[kind + 4]!)
    expect(ofKinds.filter((energyWh) => energyWh === 0)).toEqual([])
  })

  it('pay the same to the wei as meters that all read CSV', () => {
    const balances = ({ households }: Json) =>
      (households as Json[]).map(({ name, balanceWei }) => [name, balanceWei])
    expect(balances(csv!)).toHaveLength(8)
    expect(balances(mixed!)).toEqual(balances(csv!))
    const { paidWei, receiptedWh, settled } = csv!
    expect(mixed).toMatchObject({ paidWei, receiptedWh, settled })
    expect(withoutCosts(mixed!)).toEqual(withoutCosts(csv!))
  })

  it('pay what the homes sold each other, to the wei', () => {
    expect(withoutCosts(csv!)).toEqual(withoutCosts(told!))
  })
})

describe('spb demo --metering', { timeout: boundMs }, () => {
  it.each([
    `${demo} --metering mixed --unreliable 0.5`,
    `${demo} --metering p1`,
    'demo reliable --metering mixed',
  ])('refuses: spb %s', async (text) => {
    expect(await fail(text)).toEqual([2, 'input/option'])
  })
})

/** The child processes of a process that it still has. */
function findChildren(parent: number): number[] {
  const table = execFileSync('ps', ['-ax', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const pairs = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([pid = 0, ppid]) => (ppid === parent ? [pid] : []))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Files of the demonstration's meters, while it runs. */
function listMeterFiles(): string[] {
  const names = readdirSync(temporary, { recursive: true, encoding: 'utf8' })
  return names.flatMap((name) => /meter-\d+\.csv$/.exec(name) ?? []).toSorted()
}

describe('spb demo --metering mixed, interrupted', { timeout: boundMs }, () => {
  beforeAll(() => void mkdirSync(temporary))

  it('leaves no process and no temporary folder at Ctrl-C', async () => {
    const running = commands.start(`${demo} --days 9 --metering mixed`, { TMPDIR: temporary })
    // Each fourth home reads a file, the others what listens on loopback.
    const isOpen = (names: string[]) => names.includes('meter-4.csv')
    expect(await until(listMeterFiles, isOpen)).toEqual(['meter-0.csv', 'meter-4.csv'])
    const children = findChildren(running.child.pid!)
    expect(children.length).toBeGreaterThan(0)
    expect(await running.stop()).toBe(130)
    expect(running.stdout()).toBe('')
    expect(running.stderr()).toBe('Ended; nothing is left behind.\n')
    expect(children.filter(isAlive)).toEqual([])
    expect(readdirSync(temporary)).toEqual([])
  })
})
