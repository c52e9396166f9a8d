import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { buildProfiles } from './buildProfiles.ts'

const allowed: readonly ErrorCode[] = [
  'profile/no-column',
  'profile/no-rows',
  'profile/irregular-step',
  'profile/time',
]
const load = { file: 'x.csv', time: 't', column: 'v', unit: 'W' } as const

const goodRow = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 3000 }))
  .map(([step, watts]) => `${step * 900},${watts}`)
const badRow = fc.oneof(
  fc.string(),
  fc.stringMatching(/^[0-9",; .eE+\-\t]{0,20}$/),
  fc.constantFrom('', ',', '""', '"', '900,"', '900,NaN', '-900,5', '900,1,5', '1e3,5', '\ufeff,'),
)

test('any text ends in energies within bounds, or in an error that says what is wrong', () => {
  const rows = fc.array(fc.oneof({ weight: 4, arbitrary: goodRow }, badRow), { maxLength: 40 })
  const header = fc.oneof({ weight: 9, arbitrary: fc.constant('t,v') }, fc.string())
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r')
  const property = fc.property(header, rows, lineEnd, (first, more, end) => {
    const text = [first, ...more].join(end)
    try {
      const set = buildProfiles([{ name: 'a', load }], () => text, { stepSeconds: 900, days: 1 })
      const [home] = set.households
      expect(home?.loadWh).toHaveLength(set.steps)
      home?.loadWh.forEach((energyWh, step) => {
        // A reading in a whole step, at most 1 MW, in a quarter of an hour.
        expect(energyWh).toBeLessThanOrEqual(250_000)
        if (home.hasReading[step] === 0) expect(energyWh).toBe(0)
      })
      for (const row of set.skippedRows) {
        expect(row.count).toBeGreaterThan(0)
        expect(row.firstLine).toBeGreaterThan(0)
      }
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      expect(allowed).toContain(error.code)
    }
  })
  fc.assert(property, { seed: 1, numRuns: 2000 })
})

test('rows in order that are right are all traded, to the last Wh', () => {
  const watts = fc.array(fc.integer({ min: 0, max: 9_999 }), { minLength: 2, maxLength: 96 })
  const style = fc.constantFrom(',', ';', '\t')
  const property = fc.property(watts, style, fc.boolean(), (values, mark, isQuoted) => {
    const quote = (text: string | number) => (isQuoted ? `"${text}"` : text)
    const rows = values.map((value, i) => `${quote(i * 900)}${mark}${quote(value)}`)
    const text = [`t${mark}v`, ...rows].join('\n')
    const set = buildProfiles([{ name: 'a', load }], () => text, { stepSeconds: 900, days: 1 })
    const energyWh = set.households[0]?.loadWh.reduce((total, wh) => total + wh, 0)
    expect(set.skippedRows).toEqual([])
    expect(energyWh).toBe(Math.round(values.reduce((total, one) => total + one, 0) / 4))
  })
  fc.assert(property, { seed: 1, numRuns: 300 })
})
