import { getPosition } from 'suncalc'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import {
  defaultSimulatedHomes,
  type SimulatedHomesOptions,
  simulateHomes,
} from './simulateHomes.ts'

const sum = (numbers: Iterable<number>) => [...numbers].reduce((total, one) => total + one, 0)
const at = (iso: string) => Date.parse(iso) / 1000
const hourOf = (set: ProfileSet, step: number) =>
  ((set.startSeconds + step * set.stepSeconds) % 86_400) / 3600

describe('a year near Munich', () => {
  const startSeconds = at('2026-01-01T00:00Z')
  let year: ProfileSet
  beforeAll(() => {
    year = simulateHomes({ days: 365, startSeconds })
  })

  test('homes use what homes use', () => {
    const kwh = year.households.map((home) => sum(home.loadWh) / 1000)
    expect(Math.min(...kwh)).toBeGreaterThan(1_200)
    expect(Math.max(...kwh)).toBeLessThan(8_000)
    expect(sum(kwh) / kwh.length).toBeGreaterThan(2_000)
    expect(sum(kwh) / kwh.length).toBeLessThan(4_500)
  })

  test('three homes of five have plants, which give what plants give', () => {
    const kwh = year.households.map((home) => sum(home.pvWh) / 1000).filter((one) => one > 0)
    expect(kwh).toHaveLength(7)
    for (const one of kwh) {
      // 3 to 9 kW of peak, 850 to 1,250 kWh for each.
      expect(one).toBeGreaterThan(3 * 850)
      expect(one).toBeLessThan(9 * 1_250)
    }
  })

  test('nights are dark', () => {
    for (const { pvWh } of year.households) {
      pvWh.forEach((energyWh, step) => {
        const edges = [0, year.stepSeconds].map((more) => {
          const date = new Date((year.startSeconds + step * year.stepSeconds + more) * 1000)
          return getPosition(date, 48.14, 11.58).altitude
        })
        if (Math.max(...edges) < -0.5) expect(energyWh).toBe(0)
      })
    }
  }, 60_000)

  test('summers give more than winters, and winters need more than summers', () => {
    const monthOf = (step: number) =>
      new Date((startSeconds + step * year.stepSeconds) * 1000).getUTCMonth()
    const sumOf = (months: number[], pick: 'pvWh' | 'loadWh') =>
      sum(
        year.households.map((home) =>
          sum(home[pick].filter((_, i) => months.includes(monthOf(i)))),
        ),
      )
    const [winter, summer] = [
      [11, 0, 1],
      [5, 6, 7],
    ]
    expect(sumOf(summer, 'pvWh')).toBeGreaterThan(2.5 * sumOf(winter, 'pvWh'))
    expect(sumOf(winter, 'loadWh')).toBeGreaterThan(1.05 * sumOf(summer, 'loadWh'))
  })

  test('evenings are busier than mornings, mornings than nights', () => {
    const meanOf = (from: number, to: number) => {
      const steps = Array.from({ length: year.steps }, (_, step) => step).filter((step) => {
        const hour = hourOf(year, step)
        return hour >= from && hour < to
      })
      return (
        sum(year.households.flatMap((home) => steps.map((i) => home.loadWh[i] ?? 0))) / steps.length
      )
    }
    const [night, morning, forenoon, evening] = [
      meanOf(0, 4),
      meanOf(5, 7),
      meanOf(8, 10),
      meanOf(16, 19),
    ]
    expect(morning).toBeGreaterThan(1.5 * night)
    expect(morning).toBeGreaterThan(forenoon)
    expect(evening).toBeGreaterThan(1.5 * morning)
  })

  test('people get up later at weekends', () => {
    const early = (isWeekend: boolean) => {
      const steps = Array.from({ length: year.steps }, (_, step) => step).filter((step) => {
        const weekday = new Date((startSeconds + step * 900) * 1000).getUTCDay()
        const hour = hourOf(year, step)
        return (weekday % 6 === 0) === isWeekend && hour >= 5 && hour < 6.5
      })
      return (
        sum(year.households.flatMap((home) => steps.map((i) => home.loadWh[i] ?? 0))) / steps.length
      )
    }
    expect(early(false)).toBeGreaterThan(1.4 * early(true))
  })

  test('there is surplus and deficit, often at the same time', () => {
    let tradableWh = 0
    let deficitWh = 0
    for (let step = 0; step < year.steps; step++) {
      const nets = year.households.map((home) => (home.pvWh[step] ?? 0) - (home.loadWh[step] ?? 0))
      const surplus = sum(nets.filter((net) => net > 0))
      const deficit = -sum(nets.filter((net) => net < 0))
      tradableWh += Math.min(surplus, deficit)
      deficitWh += deficit
    }
    expect(tradableWh).toBeGreaterThan(0.1 * deficitWh)
    expect(tradableWh).toBeLessThan(0.6 * deficitWh)
  })

  test('neighbours share their clouds, not their loads', () => {
    const noons = Array.from({ length: 365 }, (_, day) => day * 96 + 44)
    const noonsOf = (pick: 'pvWh' | 'loadWh') =>
      year.households
        .filter((home) => sum(home.pvWh) > 0)
        .slice(0, 2)
        .map((home) => noons.map((step) => home[pick][step] ?? 0))
    const [first = [], second = []] = noonsOf('pvWh')
    expect(correlate(first, second)).toBeGreaterThan(0.85)
    const [one = [], other = []] = noonsOf('loadWh')
    expect(Math.abs(correlate(one, other))).toBeLessThan(0.3)
  })
})

function correlate(a: readonly number[], b: readonly number[]): number {
  const center = (all: readonly number[]) => all.map((one) => one - sum(all) / all.length)
  const [left, right] = [center(a), center(b)]
  const product = (x: readonly number[], y: readonly number[]) =>
    sum(x.map((one, i) => one * (y[i] ?? 0)))
  return product(left, right) / Math.sqrt(product(left, left) * product(right, right))
}

describe('a simulation', () => {
  test('of one seed is one simulation, of another another', () => {
    expect(simulateHomes()).toEqual(simulateHomes({ seed: defaultSimulatedHomes.seed }))
    const other = simulateHomes({ seed: 2 })
    simulateHomes().households.forEach((home, i) => {
      expect(home.loadWh).not.toEqual(other.households[i]?.loadWh)
    })
  })

  test('may be of one home', () => {
    expect(simulateHomes({ households: 1 }).description).toContain('1 simulated home, 1 of them')
  })

  test('has what every set of profiles has', () => {
    const { households, ...set } = simulateHomes({ households: 3 })
    expect(set).toEqual({
      startSeconds: at('2026-05-04T00:00Z'),
      stepSeconds: 900,
      steps: 96,
      skippedRows: [],
      description:
        '3 simulated homes, 2 of them with PV, 96 steps of 15 min from 2026-05-04T00:00Z on',
    })
    for (const home of households) {
      expect(home.loadWh).toHaveLength(96)
      expect(home.pvWh).toHaveLength(96)
      expect([...home.hasReading]).toEqual(Array(96).fill(1))
    }
  })

  test('has the same energy in any step', () => {
    const sums = [300, 900, 3600, 86_400].map((stepSeconds) =>
      simulateHomes({ stepSeconds }).households.map((home) => [sum(home.loadWh), sum(home.pvWh)]),
    )
    for (const other of sums.slice(1)) expect(other).toEqual(sums[0])
  })

  test('of a day is the same in a longer window, but for its first rounding', () => {
    const [week, day] = [
      simulateHomes({ days: 7 }),
      simulateHomes({ startSeconds: defaultSimulatedHomes.startSeconds + 3 * 86_400 }),
    ]
    day.households.forEach((home, i) => {
      const inWeek = week.households[i]?.loadWh.subarray(3 * 96, 4 * 96)
      home.loadWh.forEach((wh, step) => {
        expect(Math.abs(wh - (inWeek?.[step] ?? Number.NaN))).toBeLessThanOrEqual(1)
      })
    })
  })

  test('has its summer in January south of the equator', () => {
    const south = { latitude: -35.3, longitude: 149.1, days: 5 }
    const produced = (iso: string) =>
      sum(simulateHomes({ ...south, startSeconds: at(iso) }).households.map((h) => sum(h.pvWh)))
    expect(produced('2026-01-10T00:00Z')).toBeGreaterThan(1.3 * produced('2026-07-10T00:00Z'))
  })

  test('has no sun in a polar night', () => {
    const north = { latitude: 80, longitude: 0, startSeconds: at('2026-12-20T00:00Z') }
    expect(sum(simulateHomes(north).households.map((home) => sum(home.pvWh)))).toBe(0)
  })

  test.each<Partial<SimulatedHomesOptions>>([
    { seed: -1 },
    { seed: 0.5 },
    { households: 0 },
    { households: 1001 },
    { days: 0 },
    { days: 367 },
    { stepSeconds: 7_000 },
    { startSeconds: 1 },
    { latitude: 91 },
    { longitude: Number.NaN },
  ])('with %j is refused', (options) => {
    expect(() => simulateHomes(options)).toThrow(expect.objectContaining({ code: 'input/option' }))
  })

  test('of too many steps is refused', () => {
    expect(() => simulateHomes({ households: 1000, days: 366, stepSeconds: 60 })).toThrow(
      expect.objectContaining({ code: 'input/too-large' }),
    )
  })
})
