import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { createTimeParser } from '../profiles/timeParser.ts'
import { parseJsonPath } from './jsonPath.ts'
import { type MqttFields, readMqttMessage } from './mqttMessage.ts'

type Wanted = { import: string; export?: string; time?: string; serial?: string; zone?: string }

function fieldsOf({ zone, ...paths }: Wanted, unit: MqttFields['unit']): MqttFields {
  const parsed = Object.fromEntries(
    Object.entries(paths).map(([name, path]) => [name, parseJsonPath(path, name)]),
  ) as Pick<MqttFields, 'import'>
  return { ...parsed, unit, parseTime: createTimeParser(zone) }
}

function read(
  payload: unknown,
  wanted: Wanted,
  unit: MqttFields['unit'] = 'Wh',
  isRetained = false,
) {
  const text = typeof payload === 'string' ? payload : JSON.stringify(payload)
  const bytes = payload instanceof Uint8Array ? payload : Buffer.from(text)
  return readMqttMessage({ payload: bytes, isRetained, atMs: 5_999 }, fieldsOf(wanted, unit))
}

const codeOf = (...args: Parameters<typeof read>): string => {
  try {
    read(...args)
    return 'none'
  } catch (error) {
    expect(error).toBeInstanceOf(SpbError)
    return (error as SpbError).code
  }
}

const tasmota = {
  Time: '2026-05-04T12:00:05',
  ENERGY: { TotalStartTime: '2026-01-01T00:00:00', Total: 1234.567, ExportActive: 0.002, Power: 9 },
}
const shellyStatus = { id: 0, total_act_energy: 98_765.43, total_act_ret_energy: 12.99 }
const shellyNotice = {
  src: 'shellyem-000000000001',
  method: 'NotifyStatus',
  params: { ts: 1_777_888_999.87, 'em1data:0': shellyStatus },
}

describe('readMqttMessage', () => {
  it('reads Tasmota’s message, whose time has no zone', () => {
    const paths = { import: '$.ENERGY.Total', export: '$.ENERGY.ExportActive', time: '$.Time' }
    expect(read(tasmota, { ...paths, zone: 'Europe/Berlin' }, 'kWh')).toEqual({
      timeSeconds: Date.parse('2026-05-04T10:00:05Z') / 1000,
      importWh: 1_234_567,
      exportWh: 2,
    })
    expect(codeOf(tasmota, paths, 'kWh')).toBe('source/time')
  })

  it('reads a Shelly’s status and notice (Gen2), and its plain number (Gen1)', () => {
    const paths = { import: '$.total_act_energy', export: '$.total_act_ret_energy' }
    expect(read(shellyStatus, paths)).toEqual({ timeSeconds: 5, importWh: 98_765, exportWh: 12 })
    const notice = {
      import: "$.params['em1data:0'].total_act_energy",
      time: '$.params.ts',
      serial: '$.src',
    }
    expect(read(shellyNotice, notice)).toEqual({
      timeSeconds: 1_777_888_999,
      importWh: 98_765,
      serial: 'shellyem-000000000001',
    })
    expect(read('1234.9', { import: '$' })).toEqual({ timeSeconds: 5, importWh: 1234 })
    expect(read(' 0012.3 \n', { import: '$' }, 'kWh').importWh).toBe(12_300)
  })

  it('takes numbers in quotes, and times as seconds, milliseconds and text', () => {
    const at = (time: unknown) =>
      read({ e: '7.9', t: time }, { import: '$.e', time: '$.t' }).timeSeconds
    expect(at(1_777_888_999)).toBe(1_777_888_999)
    expect(at(1_777_888_999_999)).toBe(1_777_888_999)
    expect(at('1777888999')).toBe(1_777_888_999)
    const second = Date.parse('2026-05-04T10:00:05Z') / 1000
    for (const zoned of ['05+02:00', '05.999+02:00', '05,9+0200']) {
      expect(at(`2026-05-04T12:00:${zoned}`)).toBe(second)
    }
    expect(at('2026-05-04T10:00:05.123456Z')).toBe(second)
  })

  it.each([
    [{ e: 1 }, '$.f', 'source/no-value'],
    [[], '$.f', 'source/no-value'],
    [{ e: null }, '$.e', 'source/value'],
    [{ e: {} }, '$.e', 'source/value'],
    [{ e: true }, '$.e', 'source/value'],
    [{ e: -1 }, '$.e', 'source/value'],
    [{ e: 1e300 }, '$.e', 'source/value'],
    [{ e: 'NaN' }, '$.e', 'source/value'],
    [{ e: '' }, '$.e', 'source/value'],
    ['', '$.e', 'source/payload'],
    ['{"e":1', '$.e', 'source/payload'],
    ['{"e":NaN}', '$.e', 'source/payload'],
    ['['.repeat(60_000), '$.e', 'source/payload'],
    [Uint8Array.of(0xff), '$.e', 'source/payload'],
    ['ON', '$', 'source/value'],
    ['{"e":1}', '$', 'source/value'],
    [`{"e":"${'1'.repeat(65_536)}"}`, '$.e', 'source/too-large'],
  ])('refuses %j', (payload, path, code) => {
    expect(codeOf(payload, { import: path })).toBe(code)
  })

  it('refuses a message in which one of the wanted values is missing or wrong', () => {
    const wanted = { import: '$.e', export: '$.x', time: '$.t', serial: '$.s' }
    const whole = { e: 1, x: 2, t: 3, s: 'a' }
    expect(codeOf(whole, wanted)).toBe('none')
    expect(codeOf({ ...whole, x: undefined }, wanted)).toBe('source/no-value')
    expect(codeOf({ ...whole, s: undefined }, wanted)).toBe('source/no-value')
    expect(codeOf({ ...whole, s: [] }, wanted)).toBe('source/value')
    expect(codeOf({ ...whole, s: 'a\u0000' }, wanted)).toBe('source/value')
    expect(codeOf({ ...whole, s: 'a'.repeat(97) }, wanted)).toBe('source/value')
    for (const t of [undefined, null, -1, 'soon', '2026-02-30T00:00:00Z', 5e9]) {
      expect(codeOf({ ...whole, t }, wanted)).toBe('source/time')
    }
  })

  it('uses a retained message with a time of its own only', () => {
    const timed = { import: '$.e', time: '$.t' }
    expect(codeOf({ e: 1 }, { import: '$.e' }, 'Wh', true)).toBe('source/retained')
    expect(codeOf({ e: 1 }, timed, 'Wh', true)).toBe('source/time')
    expect(read({ e: 1, t: 100 }, timed, 'Wh', true)).toEqual({ timeSeconds: 100, importWh: 1 })
  })

  it('reads or refuses with a code, whatever comes', () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 50 }),
      fc.json().map((text) => new Uint8Array(Buffer.from(text))),
      fc
        .record({ e: fc.jsonValue(), t: fc.jsonValue() }, { requiredKeys: [] })
        .map((value) => new Uint8Array(Buffer.from(JSON.stringify(value)))),
    )
    const codes = ['none', 'source/payload', 'source/no-value', 'source/value', 'source/time']
    fc.assert(
      fc.property(anything, (payload) => {
        expect(codes).toContain(codeOf(payload, { import: '$.e', time: '$.t' }))
      }),
      { seed: 1, numRuns: 300 },
    )
  })
})
