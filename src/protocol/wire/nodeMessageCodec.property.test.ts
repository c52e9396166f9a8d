import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryNodeMessages } from '../../../test/protocol/nodeMessageArbitraries.ts'
import type { NodeMessage } from '../nodeMessages.ts'
import { SpbError } from '../spbError.ts'
import type { MessageKind } from './messageWire.ts'
import { decodeNodeMessage, encodeNodeMessage, kindNumbers } from './nodeMessageCodec.ts'

/** All that the decoder may refuse with: anything else is a way to crash a node. */
const refusals = ['input/shape', 'input/address', 'input/number', 'input/too-large']
const kinds = Object.keys(kindNumbers) as MessageKind[]
const anyMessage: fc.Arbitrary<NodeMessage> = fc.oneof(
  ...kinds.map((kind): fc.Arbitrary<NodeMessage> => arbitraryNodeMessages[kind]),
)

/** What became of foreign bytes: the message, or the code of its refusal. */
function judge(bytes: Uint8Array): { message: NodeMessage } | { code: string } {
  try {
    return { message: decodeNodeMessage(bytes) }
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    expect(refusals).toContain(error.code)
    expect(error.message.length).toBeLessThan(120)
    return { code: error.code }
  }
}

/** True where bytes have a number of a code that this version does not know: it is levelled. */
const hasUnknownCode = (message: NodeMessage) =>
  JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}` : value)).includes(
    'node/bad-answer',
  )

/** A judgement's outcome, after a check that what is read is what the bytes say. */
function outcomeOf(bytes: Uint8Array): string {
  const judgement = judge(bytes)
  if ('code' in judgement) return judgement.code
  const written = encodeNodeMessage(judgement.message)
  if (hasUnknownCode(judgement.message)) expect(written).toHaveLength(bytes.length)
  else expect(Buffer.compare(written, bytes)).toBe(0)
  return 'accepted'
}

const byteChange = fc.record({
  at: fc.nat(1_000_000),
  how: fc.constantFrom('set', 'flip', 'remove', 'insert', 'cut', 'repeat'),
  value: fc.oneof(fc.constantFrom(0, 1, 2, 16, 64, 65, 100, 128, 255), fc.nat(255)),
})

/** Changes bytes at one place; mostly early ones, where the counts are. */
function changeBytes(
  bytes: Uint8Array,
  { at, how, value }: { at: number; how: string; value: number },
): Uint8Array {
  const place = (at % 3 === 0 ? at : at % 80) % Math.max(1, bytes.length)
  const changed = [...bytes]
  if (how === 'set') changed[place] = value
  if (how === 'flip') changed[place] = (changed[place] ?? 0) ^ (1 << (value % 8))
  if (how === 'remove') changed.splice(place, 1 + (value % 4))
  if (how === 'insert') changed.splice(place, 0, value)
  if (how === 'cut') changed.length = place
  if (how === 'repeat') changed.splice(place, 0, ...changed.slice(place, place + 1 + value))
  return Uint8Array.from(changed)
}

describe.each(kinds)('a message of kind %s', (kind) => {
  const arbitrary: fc.Arbitrary<NodeMessage> = arbitraryNodeMessages[kind]

  it('is read as it was written', () => {
    fc.assert(
      fc.property(arbitrary, (message) => {
        const bytes = encodeNodeMessage(message)
        expect(bytes[0]).toBe(kindNumbers[kind])
        expect(decodeNodeMessage(bytes)).toEqual(message)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  it('is refused where it is cut off, or where something follows', () => {
    fc.assert(
      fc.property(arbitrary, fc.nat(1_000_000), fc.nat(255), (message, cut, more) => {
        const bytes = encodeNodeMessage(message)
        expect(judge(bytes.subarray(0, cut % bytes.length))).toEqual({ code: 'input/shape' })
        const longer = Uint8Array.of(...bytes, more)
        expect(judge(longer)).toEqual({ code: 'input/shape' })
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  it('is taken as what it says or refused, whatever is changed', () => {
    const outcomes = new Map<string, number>()
    fc.assert(
      fc.property(arbitrary, fc.array(byteChange, { minLength: 1, maxLength: 3 }), (...args) => {
        const [message, changes] = args
        const outcome = outcomeOf(changes.reduce(changeBytes, encodeNodeMessage(message)))
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }),
      { seed: 1, numRuns: 200 },
    )
    // Both sides of the law were tried.
    expect(outcomes.get('accepted')).toBeGreaterThan(3)
    expect(outcomes.get('input/shape')).toBeGreaterThan(10)
  })
})

describe('decodeNodeMessage', () => {
  it('bears any bytes', () => {
    const outcomes = new Set<string>()
    fc.assert(
      fc.property(fc.nat(255), fc.uint8Array({ maxLength: 400 }), (first, rest) => {
        const kind = first < 128 ? first % 20 : first
        outcomes.add(outcomeOf(Uint8Array.of(kind, ...rest)))
      }),
      { seed: 1, numRuns: 2000 },
    )
    expect([...outcomes]).toEqual(expect.arrayContaining(['input/shape', 'input/too-large']))
  })

  it('reads every kind of message in any place of a larger buffer', () => {
    fc.assert(
      fc.property(anyMessage, fc.nat(9), (message, offset) => {
        const bytes = encodeNodeMessage(message)
        const buffer = new Uint8Array(bytes.length + 20).fill(7)
        buffer.set(bytes, offset)
        const part = buffer.subarray(offset, offset + bytes.length)
        expect(decodeNodeMessage(part)).toEqual(message)
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})
