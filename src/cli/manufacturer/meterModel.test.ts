import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { softwareMeterModel } from '../../meter/manufactureSoftwareMeter.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { encodeModel, formatModel } from './meterModel.ts'

const refusal = (code: string) => expect.objectContaining({ code })

describe('a meter’s model', () => {
  it.each(['S1', 'Elster AS1440', 'Zähler “Ω”', 'x'.repeat(31)])('is text: %s', (text) => {
    const model = encodeModel(text)
    expect(model).toMatch(/^0x[0-9a-f]{62}00$/)
    expect(formatModel(model)).toBe(text)
  })

  it.each([
    ...['', ' ', ' S1', 'S1 ', 'x'.repeat(32), 'ä'.repeat(16), 'S\u001b[2J1', 'S\u0000'],
    ...['a\nb', '\u202eS1', 'S\u20281', '\ufeffS1', '\ud800'],
  ])('is not %j', (text) => {
    expect(() => encodeModel(text)).toThrow(refusal('input/option'))
  })

  it('is shown in hexadecimal where it is no readable text', () => {
    const odd = ['00'.repeat(32), `1b5b324a${'00'.repeat(28)}`, `ff${'00'.repeat(31)}`]
    const long = '61'.repeat(32)
    for (const model of [...odd.map((hex) => `0x${hex}` as const), `0x${long}` as const]) {
      expect(formatModel(model)).toBe(model)
    }
    expect(formatModel(softwareMeterModel)).toBe(softwareMeterModel)
  })

  it('is never shown as the text of another one', () => {
    const bytes = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const fewBytes = fc
      .uint8Array({ maxLength: 6 })
      .map((start) => Uint8Array.from({ length: 32 }, (_, at) => start[at] ?? 0))
    fc.assert(
      fc.property(fc.oneof(bytes, fewBytes), (drawn) => {
        const model = bytesToHex(drawn)
        const shown = formatModel(model)
        expect(shown === model || encodeModel(shown) === model).toBe(true)
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})
