import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MeterReading } from '../ports/meterReading.ts'
import type { ReadingKind, RegisterState } from '../ports/meterRegister.ts'
import { seconds } from '../protocol/units.ts'
import { defaultReadingRules, judgeReading, type ReadingVerdict } from './registerRules.ts'

function judgeAll(readings: readonly MeterReading[]): ReadingVerdict[] {
  let register: RegisterState | undefined
  return readings.map((reading) => {
    const context = { rules: defaultReadingRules, floorSeconds: undefined }
    const verdict = judgeReading(register, reading, context)
    register = verdict.register
    return verdict
  })
}

const sumOf = (verdicts: readonly ReadingVerdict[]): number =>
  verdicts.reduce((sum, { kind, energyWh }) => sum + (kind === 'energy' ? energyWh : 0), 0)

/** What happens at a house between two readings. */
type Event =
  | { kind: 'use'; passSeconds: number; watts: number }
  | { kind: 'reset' }
  | { kind: 'swap'; startWh: number }
  | { kind: 'spike' }
  | { kind: 'dark'; count: number }
  | { kind: 'ahead'; bySeconds: number }

const event: fc.Arbitrary<Event> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('use' as const),
      passSeconds: fc.oneof(
        { weight: 5, arbitrary: fc.integer({ min: 1, max: 900 }) },
        fc.integer({ min: 3000, max: 20_000 }),
      ),
      watts: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 90_000 })),
    }),
  },
  fc.record({ kind: fc.constant('reset' as const) }),
  fc.record({ kind: fc.constant('swap' as const), startWh: fc.nat(500_000) }),
  fc.record({ kind: fc.constant('spike' as const) }),
  fc.record({ kind: fc.constant('dark' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('ahead' as const), bySeconds: fc.constantFrom(900, 10 ** 8) }),
)

/** A house as it truly is: what it took from the grid, and what its meter showed when. */
function live(events: readonly Event[]): { usedWh: number; readings: MeterReading[] } {
  const readings: MeterReading[] = []
  let [time, importWh, meter, spikes, firstWh, usedWh] = [1_000_000, 20_000, 0, 0, 0, 0]
  let isNew = false
  const show = (shownWh: number, aheadSeconds = 0) => {
    const timeSeconds = seconds(time + aheadSeconds)
    readings.push({ timeSeconds, importWh: shownWh, serial: `meter ${meter}` })
  }
  show(importWh)
  firstWh = usedWh
  for (const each of events) {
    time += 1
    if (each.kind === 'use') {
      time += each.passSeconds
      const comesWh = Math.floor((each.watts * each.passSeconds) / 3600)
      usedWh += comesWh
      importWh += comesWh
      isNew = false
      show(importWh)
    } else if (each.kind === 'reset') {
      importWh = 0
    } else if (each.kind === 'swap') {
      meter += 1
      importWh = each.startWh
      isNew = true
    } else if (each.kind === 'dark') {
      // As devices do that start: not the first thing that a meter ever shows.
      for (let at = 0; at < each.count && !isNew; at++, time++) show(0)
    } else if (each.kind === 'ahead') {
      show(importWh, each.bySeconds)
    } else {
      // Each lower than the one before, so that none bears another out.
      spikes += 1
      show(10 ** 12 - spikes * 10 ** 9)
    }
  }
  return { usedWh: usedWh - firstWh, readings }
}

test('a house’s readings in order count what it used, and never more', () => {
  const property = fc.property(fc.array(event, { minLength: 1, maxLength: 40 }), (events) => {
    const { usedWh, readings } = live(events)
    const countedWh = sumOf(judgeAll(readings))
    expect(countedWh).toBeLessThanOrEqual(usedWh)
    const isPlain = events.every((each) => each.kind === 'use' && each.passSeconds < 3000)
    if (isPlain) expect(countedWh).toBe(usedWh)
  })
  fc.assert(property, { seed: 1, numRuns: 500 })
})

test('no Wh counts twice, whatever is lost, repeated and out of order on the way', () => {
  const seen = new Map<ReadingKind, number>()
  // Not those whose mistakes, out of order, look like a lower register that rises.
  const isKnown = (each: Event) =>
    each.kind !== 'dark' && (each.kind !== 'ahead' || each.bySeconds > 20_000)
  const known = event.filter(isKnown)
  const houses = fc.array(known, { minLength: 1, maxLength: 25 }).chain((events) => {
    const { usedWh, readings } = live(events)
    const at = fc.nat(readings.length - 1)
    const part = fc.oneof(
      { weight: 3, arbitrary: at.map((index) => [index]) },
      // A stretch of history comes, perhaps once more.
      fc
        .tuple(at, fc.nat(12))
        .map(([from, count]) =>
          Array.from({ length: Math.min(count, readings.length - from) }, (_, step) => from + step),
        ),
    )
    return fc.record({
      usedWh: fc.constant(usedWh),
      arrived: fc
        .array(part, { maxLength: 20 })
        .map((parts) => parts.flat().map((index) => readings[index]!)),
    })
  })
  const property = fc.property(houses, ({ usedWh, arrived }) => {
    const verdicts = judgeAll(arrived)
    for (const { kind } of verdicts) seen.set(kind, (seen.get(kind) ?? 0) + 1)
    expect(sumOf(verdicts)).toBeLessThanOrEqual(usedWh)
  })
  fc.assert(property, { seed: 1, numRuns: 3000 })
  const kinds = [
    'energy',
    'baseline',
    'repeated',
    'late',
    'clock',
    'reset',
    'rollover',
    'swap',
    'gap',
    'jump',
  ]
  expect([...seen.keys()].sort()).toEqual(kinds.sort())
})

test('readings of any kind at all keep the count’s rules', () => {
  const reading: fc.Arbitrary<MeterReading> = fc.record(
    {
      timeSeconds: fc.oneof(fc.nat(300), fc.nat(100_000)).map(seconds),
      importWh: fc.oneof(fc.nat(300), fc.nat(2 ** 31), fc.constant(2 ** 53 - 1)),
      serial: fc.constantFrom('a', 'b'),
    },
    { requiredKeys: ['timeSeconds', 'importWh'] },
  )
  const property = fc.property(fc.array(reading, { maxLength: 60 }), (readings) => {
    let before: RegisterState | undefined
    for (const [at, verdict] of judgeAll(readings).entries()) {
      const { kind, energyWh, register } = verdict
      const { importWh, timeSeconds } = readings[at]!
      expect(register).toBeDefined()
      const risenWh = register!.countedWh - (before?.countedWh ?? 0)
      expect(risenWh).toBe(kind === 'energy' ? energyWh : 0)
      if (kind === 'energy') {
        const spanSeconds = timeSeconds - before!.timeSeconds
        expect(spanSeconds).toBeGreaterThan(0)
        expect(spanSeconds).toBeLessThanOrEqual(defaultReadingRules.longestGapSeconds)
        expect(energyWh).toBeLessThanOrEqual((100_000 * spanSeconds) / 3600 + 1)
        expect(energyWh).toBeLessThanOrEqual(importWh - before!.importWh)
        expect(energyWh).toBeGreaterThanOrEqual(0)
      }
      if (kind === 'repeated' || kind === 'late' || kind === 'jump') {
        const { late: _, aside: __, ...same } = register!
        const { late: ___, aside: ____, ...old } = before!
        expect(same).toEqual(old)
      } else {
        expect(register).toMatchObject({ importWh, timeSeconds })
        expect(register!.highestWh).toBeGreaterThanOrEqual(importWh)
      }
      before = register
    }
  })
  fc.assert(property, { seed: 1, numRuns: 1000 })
})
