import { describe, expect, it } from 'vitest'
import {
  addressCodec,
  bigintCodec,
  booleanCodec,
  bytesCodec,
  type Codec,
  hexCodec,
  listCodec,
  numberCodec,
  objectCodec,
  textCodec,
  unionCodec,
  wordCodec,
} from './codec.ts'

type Pet = { kind: 'cat'; lives: number } | { kind: 'dog'; name?: string }
const pet = unionCodec<Pet>('Pet', {
  cat: objectCodec<{ kind: 'cat'; lives: number }>(
    'Cat',
    { kind: wordCodec(['cat']), lives: numberCodec(9) },
    {},
  ),
  dog: objectCodec<{ kind: 'dog'; name?: string }>(
    'Dog',
    { kind: wordCodec(['dog']) },
    { name: textCodec(5) },
  ),
})

const refusals: [what: string, codec: Codec<unknown>, json: unknown, code: string][] = [
  ['a number above its range', numberCodec(9), 10, 'input/number'],
  ['a number as text', numberCodec(9), '1', 'input/number'],
  ['a bigint as a number', bigintCodec(64), 1, 'input/number'],
  ['a bigint of too many bits', bigintCodec(64), (2n ** 64n).toString(), 'input/number'],
  ['a bigint with a leading zero', bigintCodec(64), '01', 'input/number'],
  ['hexadecimal of another length', hexCodec(2), '0x12', 'input/hex'],
  ['bytes over their bound', bytesCodec(2), '0x123456', 'input/too-large'],
  ['half a byte', bytesCodec(2), '0x123', 'input/hex'],
  ['bytes that are a number', bytesCodec(2), 12, 'input/hex'],
  ['the zero address', addressCodec, `0x${'00'.repeat(20)}`, 'input/address'],
  ['a boolean as text', booleanCodec, 'true', 'input/shape'],
  ['text over its bound', textCodec(2), 'abc', 'input/too-large'],
  ['a number as text', textCodec(2), 1, 'input/shape'],
  ['a word that is not listed', wordCodec(['a', 'b']), 'c', 'input/shape'],
  ['a list over its bound', listCodec(booleanCodec, 1), [true, true], 'input/too-large'],
  ['an object of no known kind', pet, { kind: 'cow' }, 'input/shape'],
  ['an object whose kind is inherited', pet, { __proto__: { kind: 'dog' } }, 'input/shape'],
  ['null instead of an object', pet, null, 'input/shape'],
  ['a field of another kind', pet, { kind: 'cat', name: 'x' }, 'input/shape'],
]

describe('codec', () => {
  it.each(refusals)('refuses %s', (_what, codec, json, code) => {
    expect(() => codec.decode(json, 'it')).toThrowError(expect.objectContaining({ code }))
  })

  it('writes no field that is absent', () => {
    expect(pet.encode({ kind: 'dog' })).toEqual({ kind: 'dog' })
    expect(pet.decode({ kind: 'dog', name: 'Rex' }, 'it')).toEqual({ kind: 'dog', name: 'Rex' })
  })

  it('never writes an object that lacks a field it must have', () => {
    expect(() => pet.encode({ kind: 'cat' } as never)).toThrow(/a Cat has its lives/)
  })

  it('writes bigints as decimal text and hexadecimal in lower case', () => {
    expect(bigintCodec(96).encode(2n ** 95n)).toBe('39614081257132168796771975168')
    expect(hexCodec(2).decode('0xAbCd', 'it')).toBe('0xabcd')
  })
})
