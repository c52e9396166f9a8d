import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { MeterGuard } from '../../ports/meterGuard.ts'
import { createMeterFile, openMeterFile } from './meterFile.ts'
import { openMeterFileGuard } from './meterFileGuard.ts'
import { someState } from './meterStorage.testCases.ts'
import { deriveSealKey } from './seedSeal.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-guard-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const password = 'secret'
const noWait = { lockWaitMs: 0 }
let made = 0

/** A meter's file that was saved twice, with what tests do to it. */
class Place {
  readonly path: string
  readonly guardPath: string

  constructor() {
    made += 1
    this.path = join(folder, `meter-${made}.json`)
    this.guardPath = `${this.path}.guard`
    const storage = createMeterFile(this.path, password, noWait)
    for (const name of ['a', 'b']) storage.save({ ...someState, name })
    storage.close()
  }

  /** Saves as often as there are names. */
  save(...names: readonly string[]): void {
    const storage = openMeterFile(this.path, password, noWait)
    for (const name of names) storage.save({ ...someState, name })
    storage.close()
  }

  /** What opening says: the name in the state, and whether it was put back. */
  look(guard?: MeterGuard): [string | undefined, boolean] {
    const options = guard === undefined ? noWait : { ...noWait, guard }
    const storage = openMeterFile(this.path, password, options)
    const state = storage.load()
    storage.close()
    return [state?.name, state?.isRestored === true]
  }

  /** Copies state and guard away, as a backup does. */
  backUp(): void {
    for (const path of [this.path, this.guardPath]) copyFileSync(path, `${path}.copy`)
  }

  /** As `cp` does over a file that is there: the same inode. */
  overwrite(path: string): void {
    writeFileSync(path, readFileSync(`${path}.copy`))
  }

  /** As `rm` and `cp` do: another inode. */
  replace(path: string): void {
    copyFileSync(`${path}.copy`, `${path}.put`)
    rmSync(path)
    renameSync(`${path}.put`, path)
  }
}

describe('a guarded file', () => {
  it('is no copy after any number of savings and openings', () => {
    const place = new Place()
    expect(place.look()).toEqual(['b', false])
    place.save('c', 'd')
    expect(place.look()).toEqual(['d', false])
    expect(place.look()).toEqual(['d', false])
    expect(statSync(place.guardPath).mode & 0o777).toBe(0o600)
  })

  it.each([1, 2, 3])('is found out, %i savings after it was copied with its guard', (count) => {
    for (const put of ['overwrite', 'replace'] as const) {
      const place = new Place()
      place.backUp()
      place.save(...['c', 'd', 'e', 'f'].slice(0, count))
      for (const path of [place.path, place.guardPath]) place[put](path)
      expect(place.look()).toEqual(['b', true])
    }
  })

  it.each([1, 2, 3])('is found out alone, %i savings after it was copied', (count) => {
    for (const put of ['overwrite', 'replace'] as const) {
      const place = new Place()
      place.backUp()
      place.save(...['c', 'd', 'e', 'f'].slice(0, count))
      place[put](place.path)
      expect(place.look()).toEqual(['b', true])
    }
  })

  it('is taken for a copy with an old guard, or without one: that costs unused keys only', () => {
    for (const damage of [
      (place: Place) => place.overwrite(place.guardPath),
      (place: Place) => place.replace(place.guardPath),
      (place: Place) => rmSync(place.guardPath),
      (place: Place) => truncateSync(place.guardPath),
      (place: Place) => writeFileSync(place.guardPath, 'x'.repeat(8192)),
    ]) {
      const place = new Place()
      place.backUp()
      place.save('c')
      damage(place)
      expect(place.look()).toEqual(['c', true])
    }
  })

  it('is taken for a copy where it was copied away and back, or its mode changed', () => {
    for (const touch of [
      (place: Place) => place.overwrite(place.path),
      (place: Place) => place.replace(place.path),
      (place: Place) => chmodSync(place.path, 0o644),
    ]) {
      const place = new Place()
      place.backUp()
      touch(place)
      expect(place.look()).toEqual(['b', true])
    }
  })

  it('is found out as the very inode of a former state', () => {
    const place = new Place()
    linkSync(place.path, `${place.path}.kept`)
    place.save('c')
    renameSync(`${place.path}.kept`, place.path)
    expect(place.look()).toEqual(['b', true])
  })

  it('is found out with the guard of another meter', () => {
    const [place, other] = [new Place(), new Place()]
    copyFileSync(other.guardPath, place.guardPath)
    expect(place.look()).toEqual(['b', true])
  })
})

describe('a crash', () => {
  /** A guard that fails as if the power went, before or after the work of a call. */
  function failing(guard: MeterGuard, at: 'announce' | 'confirm', isDone: boolean): MeterGuard {
    return {
      ...guard,
      [at](generation: number) {
        if (isDone) guard[at](generation)
        throw new Error('power cut')
      },
    }
  }

  /** Opens with a guard that fails at once, saves, and ends without more ado. */
  function crash(place: Place, at: 'announce' | 'confirm', isDone: boolean): void {
    const { sealed } = JSON.parse(readFileSync(place.path, 'utf8'))
    const real = openMeterFileGuard(place.path, deriveSealKey(password, sealed))
    let isOpen = false
    const guard = failing(real, at, isDone)
    const armed = { ...real, [at]: (generation: number) => (isOpen ? guard : real)[at](generation) }
    const storage = openMeterFile(place.path, password, { ...noWait, guard: armed })
    isOpen = true
    const before = storage.load()
    const save = () => storage.save({ ...someState, name: 'c' })
    expect(save).toThrow(expect.objectContaining({ code: 'store/failed' }))
    expect(storage.load()).toBe(before)
    storage.close()
  }

  it.each([
    ['announce', false, 'b'],
    ['announce', true, 'b'],
    ['confirm', false, 'c'],
    ['confirm', true, 'c'],
  ] as const)('at %s, its work done: %s, leaves %s, which is no copy', (at, isDone, name) => {
    const place = new Place()
    crash(place, at, isDone)
    expect(place.look()).toEqual([name, false])
    expect(place.look()).toEqual([name, false])
    crash(place, at, isDone)
    place.save('d')
    expect(place.look()).toEqual(['d', false])
  })

  it('in the middle of a write of the guard harms one of its halves only', () => {
    for (const [from, to] of [
      [0, 4096],
      [4096, 8192],
    ] as const) {
      const place = new Place()
      const bytes = readFileSync(place.guardPath)
      bytes.fill(0, from + 10, to)
      writeFileSync(place.guardPath, bytes)
      expect(place.look()).toEqual(['b', false])
      place.save('c')
      expect(place.look()).toEqual(['c', false])
    }
  })

  it('between both writes of the first saving leaves no copy', () => {
    const place = new Place()
    rmSync(place.path)
    const storage = createMeterFile(place.path, password, noWait)
    storage.save({ ...someState, name: 'first' })
    storage.close()
    // The second half, the confirmation, was never written.
    truncateSync(place.guardPath, 4096)
    expect(place.look()).toEqual(['first', false])
  })

  it('is copied away and put back later: found out', () => {
    for (const put of ['overwrite', 'replace'] as const) {
      const place = new Place()
      crash(place, 'confirm', false)
      place.backUp()
      place.save('d', 'e')
      for (const path of [place.path, place.guardPath]) place[put](path)
      expect(place.look()).toEqual(['c', true])
    }
  })

  it('that fails only once lets the same holder go on', () => {
    const place = new Place()
    const { sealed } = JSON.parse(readFileSync(place.path, 'utf8'))
    const real = openMeterFileGuard(place.path, deriveSealKey(password, sealed))
    let failures = 0
    const guard: MeterGuard = {
      ...real,
      confirm(generation) {
        if (failures === 1) {
          failures = 2
          throw new Error('disk full')
        }
        real.confirm(generation)
      },
    }
    const storage = openMeterFile(place.path, password, { ...noWait, guard })
    failures = 1
    expect(() => storage.save({ ...someState, name: 'c' })).toThrow('cannot be written')
    storage.save({ ...someState, name: 'd' })
    storage.close()
    expect(place.look()).toEqual(['d', false])
  })
})

describe('a guard that cannot be read', () => {
  it('is a failure of the storage, not a copy', () => {
    const place = new Place()
    rmSync(place.guardPath)
    mkdirSync(place.guardPath)
    const failed = expect.objectContaining({ code: 'store/failed' })
    expect(() => place.look()).toThrow(failed)
  })
})

describe('a counter that never goes back', () => {
  /** As a secure element has one. */
  function createCounter(): MeterGuard {
    let count = 0
    return {
      lastGeneration: () => count,
      isLast: (generation) => generation === count || generation === count + 1,
      announce: () => undefined,
      confirm(generation) {
        count = Math.max(count, generation)
      },
    }
  }

  it('guards as well, and even where nothing of the file tells', () => {
    const counter = createCounter()
    const path = join(folder, 'element.json')
    const options = { ...noWait, guard: counter }
    const open = () => openMeterFile(path, password, options)
    const first = createMeterFile(path, password, options)
    first.save({ ...someState, name: 'a' })
    first.close()
    chmodSync(path, 0o640)
    const second = open()
    expect(second.load()?.isRestored).toBeUndefined()
    const text = readFileSync(path)
    for (const name of ['b', 'c']) second.save({ ...someState, name })
    second.close()
    writeFileSync(path, text)
    const third = open()
    expect(third.load()).toMatchObject({ name: 'a', isRestored: true })
    third.save({ ...someState, name: 'd' })
    third.close()
    const fourth = open()
    expect(fourth.load()?.isRestored).toBeUndefined()
    expect(counter.lastGeneration()).toBe(4)
    fourth.close()
    expect(existsSync(`${path}.guard`)).toBe(false)
  })
})
