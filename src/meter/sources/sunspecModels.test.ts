import { describe, expect, it } from 'vitest'
import {
  countRegisters,
  findSunspecModel,
  readSunspecEnergy,
  sunspecModelIds,
} from './sunspecModels.ts'
import {
  readAcc32,
  readFloatWh,
  readRegisterText,
  readScale,
  scaledWh,
} from './sunspecRegisters.ts'

const float = (value: number): number[] => {
  const view = new DataView(new ArrayBuffer(4))
  view.setFloat32(0, value)
  return [view.getUint16(0), view.getUint16(2)]
}
const refuses = (act: () => unknown, code: string) =>
  expect(act).toThrow(expect.objectContaining({ code }))

/** A model's registers with some of them set. */
function fill(id: number, ...parts: [at: number, ...values: number[]][]): number[] {
  const registers = new Array<number>(128).fill(0)
  registers[0] = id
  for (const [at, ...values] of parts) registers.splice(at, values.length, ...values)
  return registers
}

describe('SunSpec registers', () => {
  it('are counters of 32 bits, of which 0 and the largest count nothing', () => {
    expect(readAcc32([0, 1], 0)).toBe(1)
    expect(readAcc32([9, 0xffff, 0xfffe], 1)).toBe(0xffff_fffe)
    expect(readAcc32([0, 0], 0)).toBeUndefined()
    expect(readAcc32([0xffff, 0xffff], 0)).toBeUndefined()
  })

  it('are powers of ten from -10 to 10', () => {
    expect([0, 1, 10, 0xffff, 0xfff6].map((value) => readScale([value], 0))).toEqual([
      0, 1, 10, -1, -10,
    ])
    refuses(() => readScale([0x8000], 0), 'source/not-implemented')
    refuses(() => readScale([], 0), 'source/not-implemented')
    for (const value of [11, 0xfff5, 0x7fff, 0x8001]) {
      refuses(() => readScale([value], 0), 'source/value')
    }
  })

  it('give whole Wh without rounding errors', () => {
    expect(scaledWh(4_294_967_294, 0)).toBe(4_294_967_294)
    expect(scaledWh(4_294_967_294, 6)).toBe(4_294_967_294_000_000)
    expect(scaledWh(4_294_967_294, -10)).toBe(0)
    expect(scaledWh(1_999, -3)).toBe(1)
    refuses(() => scaledWh(4_294_967_294, 7), 'source/value')
  })

  it('are floats, rounded down, of which NaN counts nothing', () => {
    expect(readFloatWh(float(1_234.9), 0)).toBe(1_234)
    expect(readFloatWh(float(0), 0)).toBe(0)
    expect(readFloatWh(float(-0), 0)).toBe(0)
    expect(readFloatWh([0x7fc0, 0], 0)).toBeUndefined()
    for (const value of [-1, -0.5, Number.POSITIVE_INFINITY, 1e16]) {
      refuses(() => readFloatWh(float(value), 0), 'source/value')
    }
  })

  it('are texts up to the first zero', () => {
    expect(readRegisterText([0x4142, 0x4320, 0x0044, 0], 0, 4)).toBe('ABC')
    expect(readRegisterText([0x4142], 0, 1)).toBe('AB')
    expect(readRegisterText([0, 0], 0, 2)).toBe('')
    expect(readRegisterText([0xff41], 0, 1)).toBe('')
  })
})

describe('SunSpec models', () => {
  it('are those of meters and inverters', () => {
    expect([...sunspecModelIds].sort()).toEqual([
      ...[101, 102, 103, 111, 112, 113],
      ...[201, 202, 203, 204, 211, 212, 213, 214],
    ])
    expect(findSunspecModel(160)).toBeUndefined()
    for (const id of sunspecModelIds) {
      // One Modbus request gives at most 125 registers.
      expect(countRegisters(findSunspecModel(id)!)).toBeLessThanOrEqual(125)
    }
  })

  it.each([
    [203, [38, 0, 500], [46, 1, 0], [54, 1], { importWh: 655_360, exportWh: 5_000 }],
    [201, [38, 0, 0], [46, 0, 25], [54, 0xffff], { importWh: 2 }],
    [213, [60, ...float(7.5)], [68, ...float(99)], [0, 213], { importWh: 99, exportWh: 7 }],
    [211, [60, 0x7fc0, 0], [68, ...float(0)], [0, 211], { importWh: 0 }],
    [103, [24, 0, 9], [26, 3], [0, 103], { importWh: 0, exportWh: 9_000 }],
    [112, [32, ...float(8)], [0, 112], [0, 112], { importWh: 0, exportWh: 8 }],
  ] as [number, [number, ...number[]], [number, ...number[]], [number, ...number[]], object][])(
    'reads the energy of %i',
    (id, first, second, third, energy) => {
      const registers = fill(id, first, second, third)
      expect(readSunspecEnergy(findSunspecModel(id)!, registers)).toEqual(energy)
    },
  )

  it.each([
    [203, [38, 0, 500]],
    [203, [46, 0xffff, 0xffff]],
    [203, [46, 0, 1], [54, 0x8000]],
    [213, [68, 0x7fc0, 0]],
    [101, [24, 0, 0]],
    [111, [32, 0xffff, 0xffff]],
  ] as [number, ...[number, ...number[]][]][])(
    'refuses %i where it does not count',
    (id, ...parts) => {
      refuses(
        () => readSunspecEnergy(findSunspecModel(id)!, fill(id, ...parts)),
        'source/not-implemented',
      )
    },
  )
})
