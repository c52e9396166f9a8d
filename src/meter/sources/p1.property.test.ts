import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { makeP1Telegram, p1Examples } from './p1Examples.cases.ts'
import { P1Stream } from './p1Stream.ts'
import { parseP1Telegram } from './p1Telegram.ts'

const refusals = ['source/telegram', 'source/bad-crc', 'source/value', 'source/time']
const streamRefusals = ['source/truncated', 'source/too-large', 'source/noise', 'source/encrypted']

const text = fc.constantFrom(...p1Examples.map((example) => example.text))
/** A telegram with some of its bytes changed. */
const damaged = fc
  .tuple(text, fc.array(fc.tuple(fc.nat(2_000), fc.nat(255)), { maxLength: 5 }))
  .map(([whole, changes]) => {
    const bytes = Buffer.from(whole, 'latin1')
    for (const [at, value] of changes) bytes[at % bytes.length] = value
    return new Uint8Array(bytes)
  })
/** Lines that look like a telegram’s, in one whose CRC is right. */
const line = fc.oneof(
  fc.stringMatching(/^[01]-0:[129]\.[0-9]\.[0-9]\([0-9.*kWhSs-]{0,12}\)$/),
  fc.stringMatching(/^0-0:(1\.0\.0|96\.1\.1)\([0-9A-FSW]{0,14}\)$/),
  fc.string({ unit: 'binary-ascii', maxLength: 30 }),
)
const sealed = fc
  .array(line, { maxLength: 8 })
  .map((lines) => new Uint8Array(Buffer.from(makeP1Telegram(...lines), 'latin1')))
const anything = fc.oneof(
  { arbitrary: fc.uint8Array({ maxLength: 300 }), weight: 1 },
  { arbitrary: damaged, weight: 2 },
  { arbitrary: sealed, weight: 2 },
)

describe('P1 telegrams', () => {
  it('are read or refused with a code, whatever comes', () => {
    fc.assert(
      fc.property(anything, (bytes) => {
        try {
          const { importWh, exportWh = 0, timeSeconds = 0 } = parseP1Telegram(bytes)
          for (const number of [importWh, exportWh, timeSeconds]) {
            expect(Number.isSafeInteger(number) && number >= 0).toBe(true)
          }
        } catch (error) {
          expect(error).toBeInstanceOf(SpbError)
          expect(refusals).toContain((error as SpbError).code)
        }
      }),
      { seed: 1, numRuns: 500 },
    )
  })

  it('with a CRC are refused wherever a burst of up to 16 bits is wrong', () => {
    const checked = p1Examples.filter(({ isChecked }) => isChecked)
    fc.assert(
      fc.property(
        fc.constantFrom(...checked),
        fc.nat(2_000),
        fc.integer({ min: 1, max: 0xffff }),
        ({ text: whole }, at, change) => {
          const bytes = Buffer.from(whole.trimEnd(), 'latin1')
          // In front of the end and of the CRC itself.
          const place = at % (bytes.length - 7)
          bytes.writeUInt16BE(bytes.readUInt16BE(place) ^ change, place)
          let found: number | undefined
          try {
            found = parseP1Telegram(bytes).importWh
          } catch (error) {
            expect((error as SpbError).code).toMatch(/^source\//)
          }
          expect(found).toBeUndefined()
        },
      ),
      { seed: 1, numRuns: 300 },
    )
  })

  it('come out of a stream the same, however it is cut, between anything', () => {
    const chunks = fc.array(anything, { maxLength: 6 })
    fc.assert(
      fc.property(chunks, fc.integer({ min: 1, max: 50 }), (parts, size) => {
        const bytes = Buffer.concat(parts)
        const collect = (cutSize: number) => {
          const told: string[] = []
          const stream = new P1Stream({
            onTelegram: (telegram) => told.push(Buffer.from(telegram).toString('latin1')),
            onRefused: ({ code }) => {
              expect(streamRefusals).toContain(code)
              told.push(code)
            },
          })
          for (let at = 0; at < bytes.length; at += cutSize) {
            stream.push(bytes.subarray(at, at + cutSize))
          }
          stream.end()
          return told
        }
        expect(collect(size)).toEqual(collect(bytes.length + 1))
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
