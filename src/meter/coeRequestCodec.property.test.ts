import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  arbitraryAddress,
  arbitraryHex,
  arbitraryMessage,
  arbitrarySignature,
} from '../../test/protocol/messageArbitraries.ts'
import { seededBytes } from '../../test/support/seededBytes.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import {
  answerBytes,
  boxBytes,
  createSealingKeys,
  openRequest,
  requestBytes,
  sealRequest,
} from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import {
  decodeCoeRequest,
  decodeWitnessAnswer,
  encodeCoeRequest,
  encodeWitnessAnswer,
  type WitnessAnswer,
  witnessRefusals,
} from './coeRequestCodec.ts'

const witness = `0x${'a1'.repeat(20)}` as const
const randomBytes = seededBytes('codec')
const keys = createSealingKeys(randomBytes(32))

const arbitraryRequest = fc.record(
  {
    market: fc.record(
      { chainId: fc.nat(Number.MAX_SAFE_INTEGER), address: arbitraryAddress },
      { noNullPrototype: true },
    ),
    witness: fc.constant(witness),
    coe: arbitraryMessage('CoE'),
    owner: fc.record(
      {
        certificate: arbitraryMessage('MeterCertificate'),
        manufacturerSignature: arbitrarySignature,
      },
      { noNullPrototype: true },
    ),
    possession: arbitrarySignature,
  },
  { noNullPrototype: true },
)

const arbitraryAnswer: fc.Arbitrary<WitnessAnswer> = fc.oneof(
  fc.record({
    kind: fc.constant('refused' as const),
    code: fc.constantFrom(...witnessRefusals),
  }),
  fc.record({
    kind: fc.constant('signed' as const),
    signed: fc.record({
      coe: arbitraryMessage('CoE'),
      coeSignature: arbitrarySignature,
      witness: arbitraryMessage('MeterCertificate'),
      witnessSignature: arbitrarySignature,
    }),
  }),
)

test('a request is read as it was written, and fits into a box', () => {
  fc.assert(
    fc.property(arbitraryRequest, (request) => {
      const bytes = encodeCoeRequest(request)
      expect(decodeCoeRequest(bytes, witness)).toEqual(request)
      expect(bytes.length).toBeLessThanOrEqual(requestBytes)
    }),
    { seed: 1, numRuns: 100 },
  )
})

test('an answer is read as it was written, and fits into a box', () => {
  fc.assert(
    fc.property(arbitraryAnswer, (answer) => {
      const bytes = encodeWitnessAnswer(answer)
      expect(decodeWitnessAnswer(bytes)).toEqual(answer)
      expect(bytes.length).toBeLessThanOrEqual(answerBytes)
    }),
    { seed: 1, numRuns: 100 },
  )
})

/** Runs a decoder; all that it may refuse with is `input/*`. Gives what it read. */
function judge<Value>(decode: () => Value): Value | undefined {
  try {
    return decode()
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    expect(['input/shape', 'input/number', 'input/address']).toContain(error.code)
    return undefined
  }
}

test('whatever bytes come, they are refused or mean what they say', () => {
  const length = encodeCoeRequest(fc.sample(arbitraryRequest, { seed: 1, numRuns: 1 })[0]!).length
  const anyBytes = fc.oneof(
    fc.uint8Array({ maxLength: 400 }),
    fc.uint8Array({ minLength: length, maxLength: length }),
  )
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const request = judge(() => decodeCoeRequest(bytes, witness))
      if (request !== undefined) expect(encodeCoeRequest(request)).toEqual(bytes)
      const answer = judge(() => decodeWitnessAnswer(bytes))
      if (answer !== undefined) expect(encodeWitnessAnswer(answer)).toEqual(bytes)
    }),
    { seed: 1, numRuns: 500 },
  )
})

test('whatever is sealed, an altered box is refused, and so are bytes that are no box', () => {
  const refused = expect.objectContaining({ code: 'witness/box-invalid' })
  const content = fc.uint8Array({ maxLength: requestBytes })
  const at = fc.nat(boxBytes - 1)
  fc.assert(
    fc.property(content, at, fc.integer({ min: 1, max: 255 }), (bytes, place, change) => {
      const to = { witness, sealingKey: keys.publicKey }
      const { box } = sealRequest(bytes, to, randomBytes)
      expect(openRequest(box, witness, keys).content).toEqual(bytes)
      const altered = Uint8Array.from(Buffer.from(box.slice(2), 'hex'))
      altered[place]! ^= change
      expect(() => openRequest(bytesToHex(altered), witness, keys)).toThrow(refused)
      expect(() => openRequest(bytesToHex(bytes), witness, keys)).toThrow(refused)
    }),
    { seed: 1, numRuns: 40 },
  )
})

test('a box of random bytes is refused', () => {
  fc.assert(
    fc.property(arbitraryHex(boxBytes), (box) => {
      expect(() => openRequest(box, witness, keys)).toThrow(
        expect.objectContaining({ code: 'witness/box-invalid' }),
      )
    }),
    { seed: 1, numRuns: 20 },
  )
})
