import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bytesToHex } from '../../protocol/bytes.ts'
import { createMeterFile, openMeterFile, readMeterFile } from './meterFile.ts'
import { describeMeterStorage, someState } from './meterStorage.testCases.ts'
import { deriveSealKey, sealSeed } from './seedSeal.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-meter-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let made = 0
function freshPath(): string {
  made += 1
  return join(folder, `house-${made}`, 'meter.json')
}

const noWait = { lockWaitMs: 0 }
const password = 'Grüße'
const refusal = (code: string) => expect.objectContaining({ code })
const open = (path: string) => openMeterFile(path, password, noWait)

/** A file's text with the checksum that its content wants. */
function encodeFile({ sealed, checksum: _, ...open }: ReturnType<typeof JSON.parse>): string {
  const text = `${JSON.stringify(open)}\n${JSON.stringify(sealed)}`
  const checksum = bytesToHex(sha256(new TextEncoder().encode(text)))
  return JSON.stringify({ ...open, sealed, checksum })
}

function makeFile(): string {
  const path = freshPath()
  const storage = createMeterFile(path, password, noWait)
  storage.save(someState)
  storage.close()
  return path
}

describeMeterStorage('a file', () => {
  const path = freshPath()
  return {
    create: () => createMeterFile(path, password, noWait),
    reopen: () => open(path),
    copy() {
      const text = readFileSync(path)
      return () => writeFileSync(path, text)
    },
  }
})

describe('a meter’s file', () => {
  it('is there from the first save on, for its owner’s eyes only', () => {
    const path = freshPath()
    const storage = createMeterFile(path, password, noWait)
    expect(existsSync(path)).toBe(false)
    storage.save(someState)
    storage.close()
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readdirSync(join(path, '..')).sort()).toEqual([
      ...['meter.json', 'meter.json.guard', 'meter.json.lock'],
    ])
  })

  it('shows all but the seed without the password', () => {
    const path = makeFile()
    const { seed, ...shown } = someState
    expect(readMeterFile(path)).toEqual(shown)
    expect(readFileSync(path, 'utf8')).not.toContain(bytesToHex(seed!).slice(2))
  })

  it('is sealed anew at each save', () => {
    const path = makeFile()
    const before = readFileSync(path, 'utf8')
    const storage = open(path)
    storage.save(someState)
    storage.close()
    const [old, fresh] = [before, readFileSync(path, 'utf8')].map((text) => JSON.parse(text))
    expect(fresh.meter).toEqual(old.meter)
    expect(fresh.sealed.salt).toBe(old.sealed.salt)
    expect(fresh.sealed.nonce).not.toBe(old.sealed.nonce)
  })

  it('opens with the same password in another Unicode form', () => {
    const path = makeFile()
    const storage = openMeterFile(path, password.normalize('NFD'), noWait)
    expect(storage.load()).toEqual(someState)
    storage.close()
  })

  it('does not open with another password, and lets the right one try next', () => {
    const path = makeFile()
    const guess = () => openMeterFile(path, 'Gruesse', noWait)
    expect(guess).toThrow(refusal('account/wrong-password'))
    open(path).close()
  })

  it('does not open where somebody rewrote what is open, checksum and all', () => {
    const path = makeFile()
    const file = JSON.parse(readFileSync(path, 'utf8'))
    file.meter.trees[0].nextLeaf = 4
    writeFileSync(path, encodeFile(file))
    expect(readMeterFile(path).trees[0]?.nextLeaf).toBe(4)
    expect(() => open(path)).toThrow(refusal('account/wrong-password'))
  })

  it('is never made over another, nor over a damaged one', () => {
    const path = makeFile()
    const make = () => createMeterFile(path, password, noWait)
    expect(make).toThrow(refusal('meter/exists'))
    writeFileSync(path, '')
    expect(make).toThrow(refusal('meter/exists'))
  })

  it('is unknown where there is none, and leaves nothing behind', () => {
    const path = freshPath()
    expect(() => open(path)).toThrow(refusal('meter/unknown'))
    expect(() => readMeterFile(path)).toThrow(refusal('meter/unknown'))
    expect(existsSync(join(path, '..'))).toBe(false)
  })

  it('of a newer version is left alone', () => {
    const path = makeFile()
    writeFileSync(path, '{"version":4,"whatever":true}')
    expect(() => open(path)).toThrow(refusal('store/newer-version'))
  })

  it('keeps the old state where the new one cannot be written', () => {
    const path = makeFile()
    const storage = open(path)
    const before = readFileSync(path, 'utf8')
    mkdirSync(`${path}.new`)
    expect(() => storage.save({ ...someState, name: 'b' })).toThrow(refusal('store/failed'))
    expect(storage.load()).toEqual(someState)
    expect(readFileSync(path, 'utf8')).toBe(before)
    rmSync(`${path}.new`, { recursive: true })
    storage.save({ ...someState, name: 'b' })
    expect(readMeterFile(path).name).toBe('b')
    storage.close()
  })

  it('outlives a half-written successor', () => {
    const path = makeFile()
    writeFileSync(`${path}.new`, '{"version":1,')
    const storage = open(path)
    expect(storage.load()).toEqual(someState)
    storage.save({ ...someState, name: 'b' })
    storage.close()
    expect(readMeterFile(path).name).toBe('b')
  })

  it('says so where its folder cannot be made or read', () => {
    const inFile = join(makeFile(), 'below', 'meter.json')
    const failed = refusal('store/failed')
    expect(() => createMeterFile(inFile, password, noWait)).toThrow(failed)
    const path = freshPath()
    mkdirSync(path, { recursive: true })
    expect(() => open(path)).toThrow(failed)
    rmSync(`${path}.lock`)
    mkdirSync(`${path}.lock`)
    expect(() => open(path)).toThrow(failed)
  })
})

describe('a file of version 1', () => {
  it('opens as one that may be a copy: nothing guarded it', () => {
    const path = makeFile()
    const { sealed, meter } = JSON.parse(readFileSync(path, 'utf8'))
    for (const field of ['register', 'incidents', 'floorSeconds']) delete meter[field]
    const [binding] = meter.trees[0].bindings
    for (const field of ['signedWh', 'acknowledgedWh']) delete binding[field]
    const openText = Buffer.from(JSON.stringify({ version: 1, meter }))
    const key = deriveSealKey(password, sealed)
    const resealed = sealSeed(someState.seed, openText, key)
    writeFileSync(path, encodeFile({ version: 1, meter, sealed: resealed }))
    rmSync(`${path}.guard`)
    const storage = open(path)
    const { deliveredWh } = someState.trees[0]!.bindings[0]!
    expect(storage.load()).toMatchObject({ isRestored: true, seed: someState.seed })
    expect(storage.load()?.trees[0]?.bindings[0]).toMatchObject({
      ...{ deliveredWh, signedWh: deliveredWh, acknowledgedWh: deliveredWh },
    })
    storage.close()
  })
})

describe('a file of version 2', () => {
  const guard = { lastGeneration: () => 1, isLast: () => true, announce() {}, confirm() {} }
  const openGuarded = (path: string) => openMeterFile(path, password, { ...noWait, guard })

  /** The seal covers the open text itself. */
  function makeOldFile(): string {
    const path = makeFile()
    const { sealed, meter, generation } = JSON.parse(readFileSync(path, 'utf8'))
    const openFields = { version: 2, generation, meter }
    const openText = Buffer.from(JSON.stringify(openFields))
    const resealed = sealSeed(someState.seed, openText, deriveSealKey(password, sealed))
    writeFileSync(path, encodeFile({ ...openFields, sealed: resealed }))
    return path
  }

  it('opens, and is of the present version when it is saved', () => {
    const path = makeOldFile()
    const storage = openGuarded(path)
    expect(storage.load()).toEqual(someState)
    storage.save({ ...someState, name: 'b' })
    storage.close()
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 3, generation: 2 })
    const next = openGuarded(path)
    expect(next.load()).toEqual({ ...someState, name: 'b' })
    next.close()
  })

  it.each([
    ['text', (file: ReturnType<typeof JSON.parse>) => Object.assign(file.meter, { nextTree: 9 })],
    ['version', (file: ReturnType<typeof JSON.parse>) => Object.assign(file, { version: 3 })],
  ])('does not open where somebody rewrote its %s, checksum and all', (_, rewrite) => {
    const path = makeOldFile()
    const file = JSON.parse(readFileSync(path, 'utf8'))
    rewrite(file)
    writeFileSync(path, encodeFile(file))
    expect(() => openGuarded(path)).toThrow(refusal('account/wrong-password'))
  })
})

describe('a damaged file', () => {
  let path: string
  let whole: string
  beforeAll(() => {
    path = makeFile()
    whole = readFileSync(path, 'utf8')
  })

  const refuse = (text: string) => {
    writeFileSync(path, text)
    expect(() => open(path)).toThrow(refusal('meter/damaged'))
    expect(() => readMeterFile(path)).toThrow(refusal('meter/damaged'))
    expect(readFileSync(path, 'utf8')).toBe(text)
  }

  it.each(['', '{', 'null', '[]', '7', '{"version":1}', '\0\0\0\0'])('%j is refused', refuse)

  it('cut off anywhere is refused', () => {
    for (let length = 0; length < whole.length - 2; length += 97) refuse(whole.slice(0, length))
  })

  it('with a changed character anywhere is refused', () => {
    for (let at = 12; at < whole.length - 1; at += 61) {
      const changed = whole[at] === '7' ? '8' : '7'
      refuse(whole.slice(0, at) + changed + whole.slice(at + 1))
    }
  })

  it('is refused where the checksum is right but the content is not', () => {
    const change = (edit: (file: ReturnType<typeof JSON.parse>) => void) => {
      const file = JSON.parse(whole)
      edit(file)
      refuse(encodeFile(file))
    }
    change(({ meter }) => delete meter.nextTree)
    change(({ meter }) => Object.assign(meter, { name: 7 }))
    change(({ meter }) => Object.assign(meter.trees[0].bindings[0], { isReleased: 'no' }))
    change(({ meter }) => Object.assign(meter.trees[0].bindings[0], { leaf: 3 }))
    change(({ meter }) => Object.assign(meter, { isRestored: false }))
    change(({ meter }) => Object.assign(meter.register, { serial: 7 }))
    change(({ meter }) => Object.assign(meter.register, { isLost: 'yes' }))
    change(({ meter }) => Object.assign(meter.register.late, { count: -1 }))
    change(({ meter }) => Object.assign(meter.incidents.counts, { luck: 1 }))
    change(({ meter }) => Object.assign(meter.incidents.recent[0], { kind: 'energy' }))
    change((file) => Object.assign(file, { generation: -1 }))
    change(({ sealed }) => Object.assign(sealed, { box: '0x00' }))
    change(({ sealed }) => Object.assign(sealed, { kdf: 'md5' }))
    change(({ sealed }) => Object.assign(sealed, { n: 2 ** 30 }))
    change(({ sealed }) => Object.assign(sealed, { n: 1000 }))
    change(({ sealed }) => Object.assign(sealed, { r: 1 }))
  })
})

describe('a meter’s lock', () => {
  it('is the same by whatever link the file is reached', () => {
    const path = makeFile()
    const alias = `${path}.alias.json`
    symlinkSync(path, alias)
    symlinkSync(`${path}.guard`, `${alias}.guard`)
    const storage = open(alias)
    expect(() => open(path)).toThrow(refusal('meter/locked'))
    storage.save({ ...someState, name: 'b' })
    storage.close()
    expect(lstatSync(alias).isSymbolicLink()).toBe(true)
    const next = open(path)
    expect(next.load()).toEqual({ ...someState, name: 'b' })
    next.close()
  })

  it('that is removed stops its holder, not the next one', () => {
    const path = makeFile()
    const first = open(path)
    rmSync(`${path}.lock`)
    const save = () => first.save({ ...someState, name: 'b' })
    expect(save).toThrow(refusal('store/failed'))
    const second = open(path)
    expect(save).toThrow('lock file was removed')
    second.save({ ...someState, name: 'c' })
    first.close()
    expect(() => open(path)).toThrow(refusal('meter/locked'))
    second.close()
    const third = open(path)
    expect(third.load()).toEqual({ ...someState, name: 'c' })
    third.close()
  })
})

describe('another process', () => {
  it('keeps the file for itself, until it is killed', async () => {
    const path = makeFile()
    const module = new URL('./meterFile.ts', import.meta.url).href
    const script = `
      const { openMeterFile } = await import(${JSON.stringify(module)})
      openMeterFile(${JSON.stringify(path)}, ${JSON.stringify(password)})
      console.log('held')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    try {
      const [chunk] = await once(child.stdout, 'data')
      expect(String(chunk)).toBe('held\n')
      expect(() => open(path)).toThrow(refusal('meter/locked'))
    } finally {
      child.kill('SIGKILL')
      await once(child, 'exit')
    }
    const storage = open(path)
    expect(storage.load()).toEqual(someState)
    storage.close()
  })
})
