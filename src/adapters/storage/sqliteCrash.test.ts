import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterAll, expect, it } from 'vitest'
import type { Store } from '../../ports/store.ts'
import { openSqliteStore } from './sqliteStore.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'spb-crash-'))
const path = join(folder, 'ctp.db')
const marketId = '31337:0xaa'
const moduleUrl = new URL('./sqliteStore.ts', import.meta.url).href
const keysPerCommit = 5

afterAll(() => fs.rmSync(folder, { recursive: true }))

/**
 * Commits batch after batch from the first that is missing, each of five keys; syncs at every
 * third and then says so. Each batch also deletes a key of the batch four before it.
 */
const writer = `
  import fs from 'node:fs'
  import { openSqliteStore } from ${JSON.stringify(moduleUrl)}
  const store = openSqliteStore({ path: ${JSON.stringify(path)}, marketId: '${marketId}' })
  const keyOf = (batch, part) => Uint8Array.of(batch >> 16, batch >> 8, batch, part)
  for (let batch = store.count(1); ; batch++) {
    const changes = [{ bucket: 1, key: keyOf(batch, 0), value: new Uint8Array(0) }]
    for (let part = 0; part < ${keysPerCommit}; part++) {
      changes.push({ bucket: 0, key: keyOf(batch, part), value: new Uint8Array(700).fill(batch) })
    }
    if (batch >= 4) changes.push({ bucket: 0, key: keyOf(batch - 4, 0), value: undefined })
    store.commit(changes)
    if (batch % 3 !== 0) continue
    store.sync()
    fs.writeSync(1, batch + '\\n')
  }`

/** Lets a program run until it has reported so many numbers; gives the last one it reported. */
async function killAfter(program: string, reports: number): Promise<number> {
  const args = ['--input-type=module', '--eval', program]
  const child: ChildProcess = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  let last = -1
  let seen = 0
  for await (const line of createInterface({ input: child.stdout! })) {
    last = Number(line)
    if (++seen === reports) child.kill('SIGKILL')
  }
  const [, signal] = await ended
  expect(signal).toBe('SIGKILL')
  return last
}

/** Number of batches in the store, each of which must be there as a whole, without a gap. */
function checkBatches(store: Store): number {
  const batches = store.count(1)
  const expected: string[] = []
  for (let batch = 0; batch < batches; batch++) {
    // Its first key goes with the fourth batch after it.
    const firstPart = batch + 4 < batches ? 1 : 0
    for (let part = firstPart; part < keysPerCommit; part++) expected.push(`${batch}/${part}`)
  }
  const found = Array.from(store.entries(0), ({ key: [a, b, c, part], value }) => {
    const batch = (a! << 16) | (b! << 8) | c!
    expect(value).toEqual(new Uint8Array(700).fill(batch))
    return `${batch}/${part}`
  })
  expect(found).toEqual(expected)
  return batches
}

it('has every synced commit, and each commit as a whole, after kill -9', async () => {
  let before = 0
  for (const reports of [1, 2, 40, 7, 300, 111]) {
    const last = await killAfter(writer, reports)
    expect(last).toBeGreaterThanOrEqual(before)
    const store = openSqliteStore({ path, marketId })
    before = checkBatches(store)
    expect(before).toBeGreaterThan(last)
    store.close()
  }
  expect(before).toBeGreaterThan(3 * 450)
})

/** Makes one database after the other. */
const maker = `
  import fs from 'node:fs'
  import { openSqliteStore } from ${JSON.stringify(moduleUrl)}
  const young = (at) => ${JSON.stringify(join(folder, 'young-'))} + at + '.db'
  for (let at = 0; ; at++) {
    if (fs.existsSync(young(at))) continue
    openSqliteStore({ path: young(at), marketId: '${marketId}' }).close()
    fs.writeSync(1, at + '\\n')
  }`

it('has a whole database or none when killed while it makes one', async () => {
  for (const reports of [1, 2, 3, 5, 8, 13]) {
    const last = await killAfter(maker, reports)
    const made = fs.readdirSync(folder).filter((name) => /^young-\d+\.db$/.test(name))
    expect(made.length).toBeGreaterThan(last)
    for (const name of made) openSqliteStore({ path: join(folder, name), marketId }).close()
  }
})
