import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { storeCases } from '../../ports/store.compliance.ts'
import type { Store } from '../../ports/store.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { openSqliteStore, type SqliteStoreOptions } from './sqliteStore.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'spb-store-'))
const marketId = '31337:0x00000000000000000000000000000000000000aa'
const moduleUrl = new URL('./sqliteStore.ts', import.meta.url).href
const opened = new Map<Store, string>()
let files = 0

afterAll(() => {
  for (const store of opened.keys()) store.close()
  fs.rmSync(folder, { recursive: true })
})

const newPath = () => join(folder, `${++files}.db`)
const key = Uint8Array.of(1)

function open(path = newPath(), more: Partial<SqliteStoreOptions> = {}): Store {
  const store = openSqliteStore({ path, marketId, ...more })
  opened.set(store, path)
  return store
}

function refuses(work: () => unknown, code: ErrorCode): void {
  expect(work).toThrow(expect.objectContaining({ name: 'SpbError', code }))
}

/** A closed database with some pages of rows. */
function writeSample(path = newPath(), rows = 500): string {
  const store = open(path)
  const changes = Array.from({ length: rows }, (_, index) => ({
    bucket: index % 3,
    key: Uint8Array.of(index >> 8, index, 7),
    value: new Uint8Array(20 + (index % 50)).fill(index),
  }))
  store.commit(changes)
  store.close()
  return path
}

function dump(store: Store): unknown[] {
  return [0, 1, 2].map((bucket) => [store.count(bucket), [...store.entries(bucket)]])
}

/** Runs a program that has `open(path)` in a process of its own. */
function runElsewhere(program: string, shell = 'exec "$@"') {
  const script = `
    import { openSqliteStore } from ${JSON.stringify(moduleUrl)}
    const open = (path) => openSqliteStore({ path, marketId: ${JSON.stringify(marketId)} })
    ${program}`
  const args = [process.execPath, '--input-type=module', '--eval', script]
  return spawnSync('sh', ['-c', shell, 'sh', ...args], { encoding: 'utf8', timeout: 20_000 })
}

describe('openSqliteStore, as a store', () => {
  const harness = { open, reopen: (store: Store) => open(opened.get(store)) }
  it.each(storeCases)('$name', ({ run }) => run(harness))
})

describe('openSqliteStore', () => {
  it('leaves one file behind when closed, which it opens again', () => {
    const path = writeSample(join(fs.mkdtempSync(join(folder, 'new-')), 'ctp.db'))
    expect(fs.readdirSync(join(path, '..'))).toEqual(['ctp.db'])
    const store = open(path)
    expect(store.count(0)).toBe(167)
    store.close()
  })

  it('refuses a file that this process has open, under whatever name', () => {
    const path = newPath()
    const store = open(path)
    refuses(() => open(path), 'store/locked')
    const alias = newPath()
    fs.symlinkSync(path, alias)
    refuses(() => open(alias), 'store/locked')
    store.commit([{ bucket: 0, key, value: key }])
    store.close()
    const later = open(path)
    expect(later.count(0)).toBe(1)
    later.close()
  })

  it('keeps other processes out, also after it refused itself', () => {
    const path = newPath()
    const store = open(path)
    refuses(() => open(path), 'store/locked')
    const program = `
      try { open(${JSON.stringify(path)}); console.log('opened') }
      catch (error) { console.log(error.code) }`
    expect(runElsewhere(program).stdout).toBe('store/locked\n')
    store.commit([{ bucket: 0, key, value: key }])
    store.sync()
    expect(runElsewhere(program).stdout).toBe('store/locked\n')
    store.close()
    expect(runElsewhere(program).stdout).toBe('opened\n')
  })

  it('refuses another market’s database, and one of a newer or older version', () => {
    const path = writeSample()
    const before = fs.readFileSync(path)
    refuses(() => open(path, { marketId: '1:0xbb' }), 'store/wrong-market')
    const newer = newPath()
    open(newer, { schemaVersion: 2 }).close()
    refuses(() => open(newer), 'store/newer-version')
    refuses(() => open(path, { schemaVersion: 2 }), 'store/failed')
    expect(fs.readFileSync(path)).toEqual(before)
    expect(dump(open(path))[0]).toHaveLength(2)
  })

  it('fails where it cannot make or read the file', () => {
    refuses(() => open(join(folder, 'missing', 'ctp.db')), 'store/failed')
    refuses(() => open(folder), 'store/failed')
  })

  it('refuses all work after a full disk, and has all that was synced before it', () => {
    const path = newPath()
    const program = `
      const store = open(${JSON.stringify(path)})
      const codes = new Set()
      let synced = 0
      for (let at = 0; at < 400; at++) {
        try {
          const key = Uint8Array.of(at >> 8, at)
          store.commit([{ bucket: 0, key, value: new Uint8Array(9000) }])
          store.sync()
          synced++
        } catch (error) { codes.add(error.code) }
      }
      for (const work of [() => store.get(0, new Uint8Array(1)), () => store.count(0),
        () => [...store.entries(0)], () => store.sync()]) {
        try { work(); codes.add('worked') } catch (error) { codes.add(error.code) }
      }
      store.close()
      console.log(JSON.stringify({ codes: [...codes], synced }))`
    // In blocks of 512 bytes, or of 1,024 in some shells: a file of at most one or two MiB.
    const result = runElsewhere(program, 'ulimit -f 2048; exec "$@"')
    const { codes, synced } = JSON.parse(result.stdout)
    expect(codes).toEqual(['store/failed'])
    expect(synced).toBeGreaterThan(20)
    const store = open(path)
    const found = Array.from(store.entries(0), (entry) => (entry.key[0]! << 8) | entry.key[1]!)
    expect(found).toEqual(Array.from({ length: synced }, (_, at) => at))
    store.close()
  })
})

describe('openSqliteStore, given a damaged file', () => {
  const damages: [string, (file: Buffer) => Buffer][] = [
    ['an empty file', () => Buffer.alloc(0)],
    ['half a header', (file) => file.subarray(0, 50)],
    ['a file that lost its end', (file) => file.subarray(0, file.length - 4096)],
    ['one page', (file) => file.subarray(0, 4096)],
    ['text', () => Buffer.from('not a database at all '.repeat(400))],
    ['zeros', (file) => Buffer.alloc(file.length)],
    ['a page of zeros', (file) => Buffer.from(file).fill(0, 8192, 12_288)],
    ['another program’s database', (file) => Buffer.from(file).fill(0, 68, 72)],
  ]

  it.each(damages)('refuses %s, and leaves it as it is', (_what, damage) => {
    const path = writeSample()
    const damaged = damage(fs.readFileSync(path))
    fs.writeFileSync(path, damaged)
    refuses(() => open(path), 'store/corrupt')
    expect(fs.readFileSync(path)).toEqual(damaged)
  })

  it('refuses a log whose database is gone', () => {
    const path = newPath()
    fs.writeFileSync(`${path}-wal`, Buffer.alloc(4096, 1))
    refuses(() => open(path), 'store/corrupt')
    expect(fs.existsSync(path)).toBe(false)
  })

  it.each([
    ['another table', 'CREATE TABLE more(a)'],
    ['no market', 'DELETE FROM kv WHERE bucket = -1'],
  ])('refuses a database with %s', (_what, change) => {
    const path = writeSample()
    const database = new DatabaseSync(path)
    database.exec(change)
    database.close()
    refuses(() => open(path), 'store/corrupt')
  })

  it('finds a changed value when it opens a file, or where that is large, when it reads it', () => {
    const path = writeSample()
    const database = new DatabaseSync(path)
    database.exec("UPDATE kv SET value = x'0000000007' WHERE bucket = 1 AND key = x'000107'")
    database.close()
    refuses(() => open(path), 'store/corrupt')
    const store = open(path, { checkedBytes: 0 })
    expect(store.get(1, Uint8Array.of(0, 4, 7))).toBeDefined()
    refuses(() => store.get(1, Uint8Array.of(0, 1, 7)), 'store/corrupt')
    refuses(() => store.get(1, Uint8Array.of(0, 4, 7)), 'store/corrupt')
    refuses(() => store.commit([{ bucket: 0, key, value: key }]), 'store/corrupt')
    store.close()
    const again = open(path, { checkedBytes: 0 })
    refuses(() => [...again.entries(1)], 'store/corrupt')
  })

  it('never gives wrong content for a flipped bit: it is refused, or does not matter', () => {
    const path = writeSample(newPath(), 200)
    const intact = fs.readFileSync(path)
    const store = open(path)
    const content = dump(store)
    store.close()
    const codes = new Set<string>()
    const position = fc.oneof(fc.nat({ max: 99 }), fc.nat({ max: intact.length - 1 }))
    fc.assert(
      fc.property(position, fc.nat({ max: 7 }), (at, bit) => {
        const damaged = Buffer.from(intact)
        damaged[at]! ^= 1 << bit
        fs.writeFileSync(path, damaged)
        let found: unknown
        try {
          const flipped = open(path)
          try {
            found = dump(flipped)
          } finally {
            flipped.close()
          }
        } catch (error) {
          codes.add((error as { code: string }).code)
          return
        }
        expect(isDeepStrictEqual(found, content)).toBe(true)
      }),
      { seed: 1, numRuns: 400 },
    )
    expect([...codes]).toEqual(['store/corrupt'])
  })
})
