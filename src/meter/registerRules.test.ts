import { describe, expect, it } from 'vitest'
import type { MeterReading } from '../ports/meterReading.ts'
import type { ReadingKind, RegisterState } from '../ports/meterRegister.ts'
import { maxUint40, seconds } from '../protocol/units.ts'
import {
  checkReading,
  defaultReadingRules,
  judgeReading,
  keptPeaks,
  longestSerial,
  type ReadingRules,
} from './registerRules.ts'

/** Seconds, the register in Wh, and the serial number. */
type Row = readonly [timeSeconds: number, importWh: number, serial?: string]

const readingOf = ([time, importWh, serial]: Row): MeterReading => {
  const timeSeconds = seconds(time)
  return { timeSeconds, importWh, ...(serial === undefined ? {} : { serial }) }
}

/** Judges readings one after the other: kind and energy of each, and the last state. */
function play(
  rows: readonly Row[],
  rules: Partial<ReadingRules> = {},
  floorSeconds?: number,
): { kinds: [ReadingKind, number][]; register: RegisterState | undefined } {
  let register: RegisterState | undefined
  const kinds = rows.map((row): [ReadingKind, number] => {
    const verdict = judgeReading(register, readingOf(row), {
      rules: { ...defaultReadingRules, ...rules },
      floorSeconds: floorSeconds === undefined ? undefined : seconds(floorSeconds),
    })
    register = verdict.register
    return [verdict.kind, verdict.energyWh]
  })
  return { kinds, register }
}

const kindsOf = (...rows: readonly Row[]) => play(rows).kinds
const countedOf = (...rows: readonly Row[]) => play(rows).register?.countedWh

describe('a register that goes on', () => {
  it('begins at its first reading and counts what came since', () => {
    const { kinds, register } = play([
      [1000, 5_000_000],
      [1900, 5_000_250],
      [2800, 5_000_250],
      [3700, 5_000_251],
    ])
    expect(kinds).toEqual([
      ['baseline', 0],
      ['energy', 250],
      ['energy', 0],
      ['energy', 1],
    ])
    expect(register).toEqual({
      ...{ timeSeconds: 3700, importWh: 5_000_251, highestWh: 5_000_251 },
      ...{ countedUntilSeconds: 3700, countedWh: 251 },
    })
  })

  it('counts nothing twice that comes twice', () => {
    const rows: Row[] = [
      [1000, 100],
      [1010, 110],
      [1010, 110],
    ]
    expect(play(rows).kinds.at(-1)).toEqual(['repeated', 0])
    expect(play(rows).register).toEqual(play(rows.slice(0, 2)).register)
  })

  it('ignores what is not later, however often it comes', () => {
    const late: Row[] = [
      [1010, 109],
      [1005, 105],
      [1000, 100],
      [999, 0],
    ]
    const rows: Row[] = [[1000, 100], [1010, 110], ...late, ...late]
    const { kinds, register } = play(rows)
    expect(kinds.slice(2).every(([kind, energyWh]) => kind === 'late' && energyWh === 0)).toBe(true)
    expect(register).toMatchObject({ timeSeconds: 1010, importWh: 110, countedWh: 10 })
  })
})

describe('a clock that was set back', () => {
  const before: Row[] = [
    [10_000, 100],
    [10_010, 110],
  ]

  it('is known from three readings in a row, each later and higher than ever', () => {
    const rows: Row[] = [...before, [8000, 120], [8010, 130], [8020, 140], [8030, 150]]
    const { kinds, register } = play(rows)
    expect(kinds.slice(2)).toEqual([
      ['late', 0],
      ['late', 0],
      ['clock', 30],
      ['energy', 10],
    ])
    expect(register).toMatchObject({
      timeSeconds: 8030,
      countedWh: 20,
      countedUntilSeconds: 10_010,
    })
  })

  it.each<[string, Row[]]>([
    [
      'lower',
      [
        [8000, 120],
        [8010, 109],
        [8020, 140],
        [8030, 150],
      ],
    ],
    [
      'out of order',
      [
        [8000, 120],
        [8010, 130],
        [8005, 140],
      ],
    ],
    [
      'falling',
      [
        [8000, 130],
        [8010, 120],
        [8020, 125],
      ],
    ],
    [
      'the same again',
      [
        [8000, 120],
        [8010, 130],
        [8010, 130],
        [8010, 130],
      ],
    ],
    [
      'of another meter',
      [
        [8000, 120, 'b'],
        [8010, 130, 'b'],
        [8020, 140, 'b'],
      ],
    ],
    [
      'too high to be true',
      [
        [8000, 200_000],
        [8010, 200_010],
        [8020, 200_020],
      ],
    ],
  ])('is not known from readings that are %s', (_, rows) => {
    const all = [...before.map(([time, importWh]): Row => [time, importWh, 'a']), ...rows]
    expect(play(all).kinds.map(([kind]) => kind)).not.toContain('clock')
    expect(play(all).register).toMatchObject({ timeSeconds: 10_010, countedWh: 10 })
  })

  it('may have been far ahead for one reading only', () => {
    const ahead: Row = [90_000_000, 120]
    const back: Row[] = [
      [10_030, 130],
      [10_040, 140],
      [10_050, 150],
      [10_060, 160],
    ]
    expect(kindsOf(...before, ahead, ...back).slice(2)).toEqual([
      ['gap', 10],
      ...[
        ['late', 0],
        ['late', 0],
        ['clock', 30],
        ['energy', 10],
      ],
    ])
    // Also where the register was reset before, or rose by more than an hour can bring.
    const low = (importWh: number): Row[] => back.map(([time], at) => [time, importWh + at * 10])
    const reset: Row = [10_020, 0]
    const kinds = kindsOf(...before, reset, ahead, ...low(60))
    expect(kinds.slice(4)).toEqual([
      ['late', 0],
      ['late', 0],
      ['clock', 0],
      ['energy', 10],
    ])
    expect(countedOf(...before, ahead, ...low(900_000))).toBe(20)
  })

  it('may come once more as a history with a reset in it: counted once', () => {
    const history: Row[] = [
      ...([
        [100, 500],
        [110, 510],
        [120, 520],
        [130, 530],
        [140, 540],
      ] as const),
      ...([
        [150, 5],
        [160, 15],
        [170, 25],
      ] as const),
    ]
    const once = countedOf(...history)
    expect(once).toBe(60)
    expect(countedOf(...history, ...history, ...history)).toBe(once)
    expect(kindsOf(...history, ...history).map(([kind]) => kind)).not.toContain('clock')
    const shuffled = [3, 4, 2, 5, 0, 1, 6, 7, 2, 3, 4, 5, 6, 7].map((at) => history[at]!)
    expect(countedOf(...history, ...shuffled)).toBe(once)
    // Readings from before the reset that were never seen look like a clock set back.
    const missed = [...history.slice(5), ...history.slice(1, 5), ...history.slice(5)]
    expect(countedOf(...missed)).toBe(30)
  })
})

describe('a register that is lower', () => {
  it('was reset: it begins anew', () => {
    expect(kindsOf([1000, 500_000], [1010, 500_010], [1020, 3], [1030, 13])).toEqual([
      ...[
        ['baseline', 0],
        ['energy', 10],
        ['reset', 0],
        ['energy', 10],
      ],
    ])
  })

  it('by mistake counts nothing twice that it had shown before', () => {
    expect(kindsOf([1000, 100], [1100, 200], [1200, 0], [1300, 210])).toEqual([
      ...[
        ['baseline', 0],
        ['energy', 100],
        ['reset', 0],
        ['energy', 10],
      ],
    ])
    // Also where it does so again after it truly was reset.
    const reset: Row[] = [
      [1000, 500_000],
      [1010, 0],
      [1020, 100],
    ]
    expect(countedOf(...reset, [1030, 0], [1040, 101])).toBe(101)
    expect(countedOf(...reset, [1030, 7], [1040, 5], [1050, 101])).toBe(101)
    expect(countedOf(...reset, [1030, 0], [1040, 40], [1050, 80])).toBe(180)
    // Also after two high mistakes in a row, or as another meter.
    const high: Row[] = [
      [1110, 9_000_000],
      [1120, 9_000_010],
    ]
    expect(countedOf([1000, 100], [1100, 200], ...high, [1130, 0], [1140, 210])).toBe(110)
    const swapped: Row[] = [
      [1110, 5, 'b'],
      [1120, 0, 'a'],
    ]
    expect(countedOf([1000, 100, 'a'], [1100, 200, 'a'], ...swapped, [1130, 210, 'a'])).toBe(110)
    // Also where it stays there for long.
    const flat = [1200, 1300, 1400].map((time): Row => [time, 0])
    expect(countedOf([1000, 100], [1100, 200], ...flat, [1500, 210])).toBe(110)
  })

  it.each([
    ['six digits of kWh', 999_999_900],
    ['five digits of kWh', 99_999_950],
    ['32 bits', 2 ** 32 - 50],
  ])('rolled over at %s', (_, importWh) => {
    const [, rolled, after] = kindsOf([1000, importWh], [1010, 40], [1020, 50])
    expect(rolled).toEqual(['rollover', 0])
    expect(after).toEqual(['energy', 10])
  })

  it('did not roll over from where it could not reach the end', () => {
    expect(kindsOf([1000, 999_000_000], [1010, 40])[1]).toEqual(['reset', 0])
    expect(kindsOf([1000, 999_999_990], [1010, 400_000])[1]).toEqual(['reset', 0])
    expect(kindsOf([1000, 2 ** 53 - 1], [1010, 0])[1]).toEqual(['reset', 0])
  })
})

describe('a register that went elsewhere many times', () => {
  it('remembers the last places, and forgets those that it rose past', () => {
    const falling = Array.from({ length: 50 }, (_, at): Row => [1000 + at, 100_000 - 1000 * at])
    const { register } = play(falling)
    expect(register?.peaksWh).toHaveLength(keptPeaks)
    expect(register?.peaksWh?.at(-1)).toBe(52_000)
    expect(play([...falling, [2000, 60_500]]).register?.peaksWh).toEqual([
      ...[67_000, 66_000, 65_000, 64_000, 63_000, 62_000, 61_000],
    ])
  })
})

describe('another serial number', () => {
  it('is another meter, whatever its register says', () => {
    for (const importWh of [0, 110, 115]) {
      expect(kindsOf([1000, 100, 'a'], [1010, 110, 'a'], [1020, importWh, 'b'])).toEqual([
        ...[
          ['baseline', 0],
          ['energy', 10],
          ['swap', 0],
        ],
      ])
    }
    expect(countedOf([1000, 100, 'a'], [1020, 5, 'b'], [1030, 15, 'b'])).toBe(10)
  })

  it('is not one that is missing, before or after', () => {
    expect(kindsOf([1000, 100], [1010, 110, 'a'], [1020, 120], [1030, 130, 'a'])).toEqual([
      ...[
        ['baseline', 0],
        ['energy', 10],
        ['energy', 10],
        ['energy', 10],
      ],
    ])
  })

  it('is late where it comes late', () => {
    const rows: Row[] = [
      ...([
        [1000, 100, 'a'],
        [1010, 110, 'a'],
        [1020, 5, 'b'],
        [1030, 15, 'b'],
      ] as const),
    ]
    expect(countedOf(...rows, ...rows, ...rows)).toBe(20)
    expect(kindsOf(...rows, [1010, 110, 'a'])[4]).toEqual(['late', 0])
  })
})

describe('a gap', () => {
  it('longer than an hour is recorded and not counted', () => {
    expect(kindsOf([1000, 100], [4600, 200], [8201, 350], [8300, 351])).toEqual([
      ...[
        ['baseline', 0],
        ['energy', 100],
        ['gap', 150],
        ['energy', 1],
      ],
    ])
  })

  it('may be as long as the rules say', () => {
    const rules = { longestGapSeconds: 60 }
    const { kinds } = play(
      [
        [1000, 100],
        [1060, 110],
        [1121, 120],
      ],
      rules,
    )
    expect(kinds.map(([kind]) => kind)).toEqual(['baseline', 'energy', 'gap'])
  })
})

describe('a jump', () => {
  it('is more than the highest power, and one step for rounding', () => {
    // 100 kW for 36 s are 1,000 Wh.
    expect(kindsOf([1000, 0], [1036, 1001])[1]).toEqual(['energy', 1001])
    expect(kindsOf([1000, 0], [1036, 1002])[1]).toEqual(['jump', 1002])
    const house = { highestWatts: 10_000 }
    expect(
      play(
        [
          [1000, 0],
          [1036, 102],
        ],
        house,
      ).kinds[1],
    ).toEqual(['jump', 102])
    const coarse = { registerStepWh: 1000 }
    expect(
      play(
        [
          [1000, 0],
          [1010, 1000],
        ],
        coarse,
      ).kinds[1],
    ).toEqual(['energy', 1000])
  })

  it('that was a mistake leaves the old register, which goes on', () => {
    expect(kindsOf([1000, 100], [1010, 9_000_000], [1020, 120], [1030, 130])).toEqual([
      ...[
        ['baseline', 0],
        ['jump', 8_999_900],
        ['energy', 20],
        ['energy', 10],
      ],
    ])
  })

  it('that proves true is where the next reading begins', () => {
    expect(kindsOf([1000, 100], [1010, 9_000_000], [1020, 9_000_010], [1030, 9_000_020])).toEqual([
      ...[
        ['baseline', 0],
        ['jump', 8_999_900],
        ['baseline', 8_999_910],
        ['energy', 10],
      ],
    ])
  })

  it('after another waits anew, and one into the depths is a reset', () => {
    expect(kindsOf([1000, 100], [1010, 9_000_000], [1020, 5_000_000], [1030, 110])).toEqual([
      ...[
        ['baseline', 0],
        ['jump', 8_999_900],
        ['jump', 4_999_900],
        ['energy', 10],
      ],
    ])
    expect(kindsOf([1000, 100], [1010, 9_000_000], [1020, 10])[2]).toEqual(['reset', 0])
  })
})

describe('a register that was lost', () => {
  const lost: RegisterState = {
    ...{ timeSeconds: seconds(1000), importWh: 100, highestWh: 120, serial: 'a' },
    ...{ countedUntilSeconds: seconds(990), countedWh: 20, isLost: true },
  }
  const rules = defaultReadingRules

  it('begins anew, later than what may have been counted', () => {
    const context = { rules, floorSeconds: seconds(2000) }
    const late = judgeReading(lost, readingOf([2000, 900]), context)
    expect(late).toEqual({ kind: 'late', energyWh: 0, register: lost })
    expect(judgeReading(lost, readingOf([2001, 110]), context)).toEqual({
      ...{ kind: 'baseline', energyWh: 0 },
      register: {
        ...{ timeSeconds: 2001, importWh: 110, highestWh: 120, serial: 'a' },
        ...{ countedUntilSeconds: 2000, countedWh: 20, peaksWh: [100] },
      },
    })
  })

  it('begins there also where there was none', () => {
    const { kinds } = play(
      [
        [2000, 900],
        [2001, 901],
        [2011, 911],
      ],
      {},
      2000,
    )
    expect(kinds).toEqual([
      ...[
        ['late', 0],
        ['baseline', 0],
        ['energy', 10],
      ],
    ])
  })
})

describe('what is no reading', () => {
  it.each<[string, Row]>([
    ['source/value', [1000, -1]],
    ['source/value', [1000, 1.5]],
    ['source/value', [1000, 2 ** 53]],
    ['source/value', [1000, Number.NaN]],
    ['source/time', [-1, 5]],
    ['source/time', [1.5, 5]],
    ['source/time', [maxUint40 + 1, 5]],
    ['source/too-large', [1000, 5, 'x'.repeat(longestSerial + 1)]],
  ])('gets %s: %j', (code, row) => {
    expect(() => checkReading(readingOf(row))).toThrow(expect.objectContaining({ code }))
  })

  it('is not the largest of all', () => {
    const row: Row = [maxUint40, 2 ** 53 - 1, 'x'.repeat(longestSerial)]
    expect(() => checkReading(readingOf(row))).not.toThrow()
  })
})
