import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CsvColumns } from './csvColumns.ts'
import { readCsvReadings } from './csvReadings.ts'

const columns: CsvColumns = {
  file: 'x.csv',
  time: 'timestamp',
  import: 'import',
  unit: 'kWh',
  kind: 'register',
}

const read = (lines: readonly string[], more: Partial<CsvColumns> = {}) =>
  readCsvReadings(lines.join('\n'), { ...columns, ...more })
const readPairs = (lines: readonly string[], more: Partial<CsvColumns> = {}) =>
  read(lines, more).readings.map(({ timeSeconds, importWh }) => [timeSeconds, importWh])
const reasonsOf = (lines: readonly string[], more: Partial<CsvColumns> = {}) =>
  read(lines, more).skipped.map(({ reason, count, firstLine }) => [reason, count, firstLine])
const codeOf = (lines: readonly string[], more: Partial<CsvColumns> = {}) => {
  try {
    read(lines, more)
    return 'none'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('readCsvReadings of registers', () => {
  it('reads import and export exactly, rounded down', () => {
    const lines = [
      'out;timestamp;import',
      '0,0009;2026-01-01T00:00:00Z;1234567,9999999999999999',
      '2;1767226500;1234568,1',
    ]
    expect(read(lines, { export: 'out', unit: 'Wh' }).readings).toEqual([
      { timeSeconds: 1_767_225_600, importWh: 1_234_567, exportWh: 0 },
      { timeSeconds: 1_767_226_500, importWh: 1_234_568, exportWh: 2 },
    ])
  })

  it('turns a file that is newest first round, and leaves other disorder to the meter', () => {
    expect(readPairs(['timestamp,import', '30,3', '20,2', '10,1'])).toEqual([
      [10, 1000],
      [20, 2000],
      [30, 3000],
    ])
    expect(readPairs(['timestamp,import', '10,1', '30,3', '20,2', '20,2', '40,1'])).toEqual([
      [10, 1000],
      [30, 3000],
      [20, 2000],
      [20, 2000],
      [40, 1000],
    ])
  })

  it('counts what it does not use', () => {
    const lines = [
      'timestamp,import',
      '10,1',
      'soon,2',
      '30,-1',
      '40,',
      '50,x',
      '60,nan',
      '70,9999999999999999',
      '80,1,2',
      '90,2',
    ]
    expect(readPairs(lines)).toEqual([
      [10, 1000],
      [90, 2000],
    ])
    expect(reasonsOf(lines).sort((a, b) => Number(a[2]) - Number(b[2]))).toEqual([
      ['unreadable-time', 1, 3],
      ['negative', 1, 4],
      ['empty-value', 1, 5],
      ['not-a-number', 1, 6],
      ['not-finite', 1, 7],
      ['too-large', 1, 8],
      ['wrong-cells', 1, 9],
    ])
  })

  it('says what it cannot use at all', () => {
    expect(codeOf([''])).toBe('profile/no-rows')
    expect(codeOf(['timestamp,import'])).toBe('profile/no-rows')
    expect(codeOf(['timestamp,import', 'x,1'])).toBe('profile/no-rows')
    expect(codeOf(['timestamp,other', '1,1'])).toBe('profile/no-column')
    expect(codeOf(['timestamp,import,import', '1,1,1'])).toBe('profile/no-column')
    expect(codeOf(['time,import', '1,1'])).toBe('profile/no-column')
    expect(codeOf(['timestamp,import', '2026-01-01 00:00,1'])).toBe('profile/time')
    expect(readPairs(['timestamp,import', '2026-01-01 01:00,1'], { zone: '+01:00' })).toEqual([
      [1_767_225_600, 1000],
    ])
  })
})

describe('readCsvReadings of steps', () => {
  const step = { kind: 'step' } as const

  it('adds energies up exactly, with a reading at each step’s end', () => {
    const lines = ['timestamp,import', '0,0.0004', '900,0.0004', '1800,0.0004']
    expect(readPairs(lines, step)).toEqual([
      [0, 0],
      [900, 0],
      [1800, 0],
      [2700, 1],
    ])
  })

  it('adds mean powers up exactly', () => {
    const lines = ['timestamp,import', '0,1', '900,1', '1800,1', '2700,1.5']
    expect(readPairs(lines, { ...step, unit: 'W' }).map(([, energyWh]) => energyWh)).toEqual([
      0, 0, 0, 0, 1,
    ])
    expect(readPairs(lines, { ...step, unit: 'kW' }).at(-1)).toEqual([3600, 1125])
  })

  it('rests over gaps and rows that it cannot use', () => {
    const lines = ['timestamp,import', '0,1', '60,1', '120,-1', '180,1', '300,1', '310,7', '60,1']
    expect(readPairs(lines, { ...step, unit: 'Wh' })).toEqual([
      [0, 0],
      [60, 1],
      [120, 2],
      [180, 2],
      [240, 3],
      [300, 3],
      [360, 4],
    ])
    const reasons = reasonsOf(lines, { ...step, unit: 'Wh' }).map(([reason]) => reason)
    expect(reasons.sort()).toEqual(['gap', 'negative', 'off-step', 'unordered'])
  })

  it('uses none of rows that contradict each other, and one of rows that agree', () => {
    const lines = ['timestamp,import', '0,1', '60,1', '60,1', '120,1', '120,2', '180,1']
    expect(readPairs(lines, { ...step, unit: 'Wh' }).at(-1)).toEqual([240, 3])
    const reasons = reasonsOf(lines, { ...step, unit: 'Wh' })
    expect(reasons).toContainEqual(['repeated', 1, 4])
    expect(reasons).toContainEqual(['conflicting', 1, 5])
  })

  it('reads export beside import, and a file that is newest first', () => {
    const lines = ['timestamp,import,out', '60,2,20', '0,1,10']
    expect(read(lines, { ...step, unit: 'Wh', export: 'out' }).readings).toEqual([
      { timeSeconds: 0, importWh: 0, exportWh: 0 },
      { timeSeconds: 60, importWh: 1, exportWh: 10 },
      { timeSeconds: 120, importWh: 3, exportWh: 30 },
    ])
  })

  it('says that steps are irregular, or too much together', () => {
    expect(codeOf(['timestamp,import', '0,1', '7,1', '60,1', '200,1'], step)).toBe(
      'profile/irregular-step',
    )
    expect(codeOf(['timestamp,import', '0,9007199254740', '1,9007199254740'], step)).toBe(
      'source/value',
    )
    expect(codeOf(['timestamp,import'], step)).toBe('profile/no-rows')
  })

  it('ends at the exact sum, whatever the steps', () => {
    const milliwatts = fc.array(fc.integer({ min: 0, max: 5_000_000 }), {
      minLength: 2,
      maxLength: 50,
    })
    fc.assert(
      fc.property(milliwatts, fc.constantFrom(1, 7, 60, 900, 3600), (values, stepSeconds) => {
        const rows = values.map((value, at) => `${at * stepSeconds},${value / 1000}`)
        const found = readPairs(['timestamp,import', ...rows], { ...step, unit: 'W' })
        const sum = values.reduce((total, value) => total + BigInt(value), 0n)
        expect(found.at(-1)?.[1]).toBe(Number((sum * BigInt(stepSeconds)) / 3_600_000n))
        const energies = found.map(([, energyWh]) => energyWh)
        expect(energies).toEqual([...energies].sort((a = 0, b = 0) => a - b))
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})
