import { existsSync, mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { profileLimits } from './profileLimits.ts'
import { readProfiles } from './readProfiles.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'spb-profiles-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function write(name: string, text: string): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  return path
}

const quarters = (value: number | string) =>
  ['timestamp,electricity', ...Array.from({ length: 192 }, (_, i) => `${i * 900},${value}`)].join(
    '\n',
  )

const sum = (energyWh: Uint32Array | undefined) => energyWh?.reduce((total, wh) => total + wh, 0)

describe('a folder', () => {
  test('becomes homes, one day in quarters of an hour unless told otherwise', () => {
    for (const name of ['hh_2000_1', 'hh_2000_2']) write(`some/${name}.csv`, quarters(100))
    write('some/pv_1_pu.csv', quarters(0.1))
    const path = join(folder, 'some')
    const set = readProfiles(path)
    expect(set).toMatchObject({ startSeconds: 0, stepSeconds: 900, steps: 96, skippedRows: [] })
    expect(set.households.map((home) => [home.name, sum(home.loadWh), sum(home.pvWh)])).toEqual([
      ['hh_2000_1', 2400, 0],
      ['hh_2000_2', 2400, 7200],
    ])
    const choice = { days: 'all', stepSeconds: 3600, households: 1 } as const
    expect(readProfiles(path, choice)).toMatchObject({
      steps: 48,
      households: [{ name: 'hh_2000_1' }],
    })
    expect(readProfiles(path, { startSeconds: 86_400 }).startSeconds).toBe(86_400)
  })

  test.each([0, 3, 1.5])('does not give %s homes out of two', (households) => {
    expect(() => readProfiles(join(folder, 'some'), { households })).toThrow(
      expect.objectContaining({ code: 'input/option', meta: { households: 2 } }),
    )
  })

  test('without homes is refused', () => {
    mkdirSync(join(folder, 'empty'))
    expect(() => readProfiles(join(folder, 'empty'))).toThrow(
      expect.objectContaining({ code: 'profile/no-files' }),
    )
  })
})

describe('a households file', () => {
  test('finds its files beside it', () => {
    write('named/data/x.csv', quarters(100))
    write('named/y.csv', quarters('0.25').replace('electricity', 'GG'))
    const path = write(
      'named/homes.json',
      JSON.stringify([
        {
          name: 'a',
          load: { file: 'data/x.csv', time: 'timestamp', column: 'electricity', unit: 'W' },
          pv: { file: 'y.csv', column: 'GG', unit: 'kWh', peakWatts: 4000 },
        },
      ]),
    )
    const [home] = readProfiles(path).households
    expect([home?.name, sum(home?.loadWh), sum(home?.pvWh)]).toEqual(['a', 2400, 24_000])
  })

  test('whose file is absent is refused', () => {
    const load = { file: 'none.csv', column: 'v', unit: 'W' }
    const path = write('named/absent.json', JSON.stringify([{ name: 'a', load }]))
    expect(() => readProfiles(path)).toThrow(expect.objectContaining({ code: 'file/unreadable' }))
  })
})

describe('a path', () => {
  test('that is absent is refused', () => {
    expect(() => readProfiles(join(folder, 'none'))).toThrow(
      expect.objectContaining({ code: 'file/unreadable' }),
    )
  })

  test.skipIf(process.platform === 'win32')(
    'of a device is refused, not read (needs /dev/null)',
    () => {
      expect(() => readProfiles('/dev/null')).toThrow(
        expect.objectContaining({ code: 'file/unreadable' }),
      )
    },
  )

  test('of a file that is too large is refused before it is read', () => {
    const json = write('large.json', '[]')
    truncateSync(json, profileLimits.householdsFileBytes + 1)
    expect(() => readProfiles(json)).toThrow(expect.objectContaining({ code: 'input/too-large' }))
    truncateSync(write('large/hh_1_1.csv', ''), profileLimits.fileBytes + 1)
    expect(() => readProfiles(join(folder, 'large'))).toThrow(
      expect.objectContaining({ code: 'input/too-large' }),
    )
  })
})

const realFolder = join(import.meta.dirname, '../../../../shared/data/households')

describe.skipIf(!existsSync(realFolder))(
  '45 days of 12 homes (needs ../shared/data/households)',
  () => {
    test('are read as they are', () => {
      const set = readProfiles(realFolder, { days: 'all' })
      expect(set.skippedRows).toEqual([])
      expect(set.households).toHaveLength(12)
      expect(set.households.filter((home) => sum(home.pvWh) !== 0)).toHaveLength(7)
      expect(new Date(set.startSeconds * 1000).toISOString()).toBe('2021-02-15T00:00:00.000Z')
      expect(set.steps).toBe(44 * 96)
    })

    test('have the same energy in any step', () => {
      const sums = [300, 900, 3600, 86_400].map((stepSeconds) =>
        readProfiles(realFolder, { days: 7, stepSeconds }).households.map((home) => [
          sum(home.loadWh),
          sum(home.pvWh),
        ]),
      )
      for (const other of sums.slice(1)) expect(other).toEqual(sums[0])
    })
  },
)
