import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type DecoderCase, decoderTable } from '../../test/protocol/decoderTable.ts'
import {
  arbitraryHostileName,
  arbitraryMutation,
  hostileValueOf,
  mutateJson,
} from '../../test/protocol/hostileJson.ts'
import { arbitraryMessage, arbitrarySignature } from '../../test/protocol/messageArbitraries.ts'
import { ByteReader } from './byteReader.ts'
import { bytesToHex, type Hex } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { packBatch, unpackBatch } from './settlementBatch.ts'
import { SpbError } from './spbError.ts'
import { maxUint32, wh } from './units.ts'

/** All that a decoder may refuse with: anything else is a way to crash a node. */
const refusals = ['input/shape', 'input/address', 'input/hex', 'input/number', 'input/too-large']

/** What became of a foreign value: `accepted`, or the code of its refusal. */
function judge<Value>(decode: () => Value, check: (value: Value) => void): string {
  let value: Value
  try {
    value = decode()
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    expect(refusals).toContain(error.code)
    expect(error.message.length).toBeLessThan(120)
    return error.code
  }
  check(value)
  return 'accepted'
}

/** JSON without the differences that a decoder may level: letter case and minus zero. */
const level = (json: unknown): unknown => JSON.parse(JSON.stringify(json).toLowerCase())

function judgeJson({ decode, encode }: DecoderCase, json: unknown): string {
  return judge(
    () => decode(json),
    (value) => {
      const written = JSON.parse(JSON.stringify(encode(value)))
      expect(decode(written)).toEqual(value)
      expect(level(written)).toEqual(level(json))
    },
  )
}

describe.each(decoderTable)('decoding of $name', (subject) => {
  it('reads what was written, exactly', () => {
    fc.assert(
      fc.property(subject.arbitrary, (value) => {
        expect(subject.decode(JSON.parse(JSON.stringify(subject.encode(value))))).toEqual(value)
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  it('takes a changed message as what it says, or refuses it', () => {
    const outcomes = new Map<string, number>()
    fc.assert(
      fc.property(
        subject.arbitrary,
        fc.array(arbitraryMutation, { minLength: 1, maxLength: 3 }),
        (value, mutations) => {
          let json: unknown = structuredClone(subject.encode(value))
          for (const mutation of mutations) json = mutateJson(json, mutation)
          const outcome = judgeJson(subject, json)
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
        },
      ),
      { seed: 1, numRuns: 400 },
    )
    // Both sides of the law were tried.
    expect(outcomes.get('accepted')).toBeGreaterThan(3)
    expect(outcomes.get('input/shape')).toBeGreaterThan(50)
  })

  it('refuses what is nothing like it', () => {
    fc.assert(
      fc.property(arbitraryHostileName, (name) => {
        const isEmptyList = name === 'an empty list' && subject.name === 'signatures'
        const outcome = judgeJson(subject, hostileValueOf(name))
        expect(outcome === 'accepted').toBe(isEmptyList)
      }),
      { seed: 1, numRuns: 150 },
    )
  })

  it('bears anything', () => {
    const options = { withBigInt: true, withDate: true, withMap: true, withNullPrototype: true }
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.anything({ ...options, withSparseArray: true, withTypedArray: true }),
    )
    fc.assert(
      fc.property(anything, (json) => {
        judgeJson(subject, json)
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

const arbitraryItem = fc.record({
  ctp: arbitraryMessage('Ctp'),
  consumerSignature: arbitrarySignature,
  deliveredWh: fc.integer({ min: 0, max: maxUint32 }).map(wh),
})

describe('unpackBatch', () => {
  const judgeBatch = (packed: unknown) =>
    judge(
      () => unpackBatch(packed as Hex),
      (items) => expect(packBatch(items)).toBe((packed as string).toLowerCase()),
    )

  it('reads what was packed', () => {
    fc.assert(
      fc.property(fc.array(arbitraryItem, { minLength: 1, maxLength: 9 }), (items) => {
        expect(unpackBatch(packBatch(items))).toEqual(items)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('takes changed bytes as what they say, or refuses them', () => {
    const outcomes = new Set<string>()
    const change = fc.record({
      at: fc.nat(300),
      remove: fc.nat(4),
      insert: fc.constantFrom('', '0', 'ff', 'FF', 'zz', '١', '\n', '\u0000'),
    })
    fc.assert(
      fc.property(arbitraryItem, fc.array(change, { maxLength: 3 }), (item, changes) => {
        let packed: string = packBatch([item])
        for (const { at, remove, insert } of changes) {
          packed = packed.slice(0, at) + insert + packed.slice(at + remove)
        }
        outcomes.add(judgeBatch(packed))
      }),
      { seed: 1, numRuns: 500 },
    )
    expect(outcomes).toEqual(new Set(['accepted', 'input/hex', 'input/shape']))
  })

  it('refuses anything else', () => {
    const anything = fc.oneof(fc.anything(), arbitraryHostileName.map(hostileValueOf))
    fc.assert(
      fc.property(anything, (packed) => {
        expect(judgeBatch(packed)).not.toBe('accepted')
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})

const widths = {
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint40: 5,
  uint64: 8,
  uint96: 12,
  uint256: 32,
} as const
const fields = Object.keys(widths) as (keyof typeof widths)[]

describe('ByteReader', () => {
  it('reads any bytes by any fields as the writer writes them, or says that they end', () => {
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 80 }),
        fc.array(fc.constantFrom(...fields), { maxLength: 12 }),
        (bytes, order) => {
          const reader = new ByteReader(bytes)
          const writer = new ByteWriter(0)
          for (const field of order) {
            const before = reader.remaining
            const outcome = judge(
              () => reader[field](),
              (value) => writer[field](value as never),
            )
            outcomes.add(outcome)
            const isRead = outcome === 'accepted'
            expect(isRead).toBe(before >= widths[field])
            expect(reader.remaining).toBe(isRead ? before - widths[field] : before)
          }
          const written = writer.finish()
          expect(written).toEqual(bytes.slice(0, bytes.length - reader.remaining))
          expect(reader.hex(reader.remaining)).toBe(bytesToHex(bytes.slice(written.length)))
          reader.finish()
        },
      ),
      { seed: 1, numRuns: 500 },
    )
    expect(outcomes).toEqual(new Set(['accepted', 'input/shape']))
  })
})
