import { describe, expect, it } from 'vitest'
import { addressFor, bytes32For, makeCtp } from '../../test/protocol/tradeFixture.ts'
import { zeroAddress } from './bytes.ts'
import {
  decodeAddress,
  decodeBigint,
  decodeHex,
  decodeList,
  decodeMessage,
  decodeNumber,
  decodeObject,
  encodeMessage,
  jsonTypeOf,
} from './decodeMessage.ts'
import { limits } from './limits.ts'
import { decodeMerklePath } from './merklePathCodec.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const upper = (hex: string) => `0x${hex.slice(2).toUpperCase()}`

describe('decodeObject', () => {
  const decode = (value: unknown) => decodeObject(value, ['a', 'b'], 'it', ['c'])

  it('takes exactly the fields, and the optional ones', () => {
    expect(decode({ a: 1, b: null })).toEqual({ a: 1, b: null })
    expect(decode({ a: 1, b: 2, c: 3 })).toEqual({ a: 1, b: 2, c: 3 })
  })

  it.each([
    ...[null, undefined, 7, 'text', true, [], ['a', 'b'], () => 0],
    ...[{}, { a: 1 }, { a: 1, c: 2 }, { a: 1, b: 2, d: 3 }],
    { a: 1, b: 2, constructor: 3 },
    JSON.parse('{"a":1,"b":2,"__proto__":{"c":3}}'),
    Object.create({ a: 1, b: 2 }),
  ])('refuses %j', (value) => {
    expect(() => decode(value)).toThrow(refusal('input/shape'))
  })

  it('does not repeat a foreign field’s name', () => {
    const value = { a: 1, b: 2, ['x'.repeat(10_000)]: 3 }
    expect(() => decode(value)).toThrow(/^it has a field too many\.$/)
  })
})

describe('decodeList', () => {
  it('decodes each element', () => {
    expect(decodeList([1, 2], 2, 'it', String)).toEqual(['1', '2'])
    expect(decodeList([], 0, 'it', String)).toEqual([])
  })

  it.each([null, {}, 'text', 7, { length: 1, 0: 'a' }])('refuses %j', (value) => {
    expect(() => decodeList(value, 2, 'it', String)).toThrow(refusal('input/shape'))
  })

  it('refuses a list that is too long before it looks at an element', () => {
    const decode = () => expect.fail('An element was decoded.')
    expect(() => decodeList([1, 2, 3], 2, 'it', decode)).toThrow(refusal('input/too-large'))
  })

  it('decodes holes too', () => {
    const holes = new Array<unknown>(2)
    const decode = (item: unknown) => decodeNumber(item, 9, 'item')
    expect(() => decodeList(holes, 2, 'it', decode)).toThrow(refusal('input/number'))
  })
})

describe('decodeHex and decodeAddress', () => {
  it('make hexadecimal lower case', () => {
    expect(decodeHex('0xABcd', 2, 'it')).toBe('0xabcd')
    const address = addressFor('it')
    expect(decodeAddress(upper(address), 'it')).toBe(address)
  })

  it.each(['0xab', '0xabcdef', 'abcd', '0xabcg', '', 0xabcd, null, ['0xabcd']])(
    'refuse %j',
    (value) => {
      expect(() => decodeHex(value, 2, 'it')).toThrow(refusal('input/hex'))
      expect(() => decodeAddress(value, 'it')).toThrow(refusal('input/address'))
    },
  )

  it('refuse the zero address', () => {
    expect(() => decodeAddress(zeroAddress, 'it')).toThrow(refusal('input/address'))
  })
})

describe('decodeNumber', () => {
  it.each([0, 1, 255])('takes %i', (value) => {
    expect(decodeNumber(value, 255, 'it')).toBe(value)
  })

  it('takes minus zero for zero', () => {
    expect(Object.is(decodeNumber(-0, 255, 'it'), 0)).toBe(true)
  })

  it.each([-1, 256, 0.5, Number.NaN, Infinity, -Infinity, '1', 1n, null, undefined, [1], true])(
    'refuses %s',
    (value) => {
      expect(() => decodeNumber(value, 255, 'it')).toThrow(refusal('input/number'))
    },
  )

  it('takes no number that is not exact', () => {
    const most = Number.MAX_SAFE_INTEGER
    expect(decodeNumber(most, most, 'it')).toBe(most)
    expect(() => decodeNumber(most + 1, most, 'it')).toThrow(refusal('input/number'))
  })
})

describe('decodeBigint', () => {
  it.each([
    ['0', 64, 0n],
    ['18446744073709551615', 64, 2n ** 64n - 1n],
    ['79228162514264337593543950335', 96, 2n ** 96n - 1n],
    [(2n ** 256n - 1n).toString(), 256, 2n ** 256n - 1n],
  ])('takes %s in %i bits', (text, bits, value) => {
    expect(decodeBigint(text, bits, 'it')).toBe(value)
  })

  it.each([
    ...['', '00', '01', '+1', '-1', '-0', '1.0', '1e3', '0x1', ' 1', '1 ', '1\n', '١', '１', '1n'],
    ...['18446744073709551616', '9'.repeat(78), '9'.repeat(79), '9'.repeat(1_000_000)],
    ...[0, 7, null, undefined, true, ['1'], {}],
  ])('refuses another form or size', (value) => {
    expect(() => decodeBigint(value, 64, 'it')).toThrow(refusal('input/number'))
  })
})

describe('decodeMessage', () => {
  const encoded = encodeMessage('Ctp', makeCtp())

  it('reads what encodeMessage writes, in either case', () => {
    expect(decodeMessage('Ctp', encoded)).toEqual(makeCtp())
    const meterKey = upper(String(encoded.meterKey))
    expect(decodeMessage('Ctp', { ...encoded, meterKey })).toEqual(makeCtp())
  })

  it('writes wide integers as decimal strings', () => {
    expect(encoded).toMatchObject({ offerId: '7', amountWei: '1000000000000000', energyWh: 1500 })
  })

  it.each([
    ['producer', zeroAddress, 'input/address'],
    ['producer', 7, 'input/address'],
    ['offerId', 7, 'input/number'],
    ['offerId', (2n ** 64n).toString(), 'input/number'],
    ['amountWei', (2n ** 96n).toString(), 'input/number'],
    ['energyWh', '1500', 'input/number'],
    ['energyWh', 2 ** 32, 'input/number'],
    ['nonce', -1, 'input/number'],
    ['expirySeconds', 2 ** 40, 'input/number'],
    ['meterKey', '0x', 'input/address'],
    ['extra', 1, 'input/shape'],
  ])('refuses a CTP with %s of %j', (field, value, code) => {
    expect(() => decodeMessage('Ctp', { ...encoded, [field]: value })).toThrow(refusal(code))
  })

  it('refuses a message that lacks a field', () => {
    for (const field of Object.keys(encoded)) {
      const { [field]: _, ...rest } = encoded
      expect(() => decodeMessage('Ctp', rest)).toThrow(refusal('input/shape'))
    }
  })

  it('refuses a height of more than 8 bits', () => {
    const coe = { root: bytes32For('root'), notBeforeSeconds: 0, notAfterSeconds: 0 }
    expect(decodeMessage('CoE', { ...coe, height: 255 }).height).toBe(255)
    expect(() => decodeMessage('CoE', { ...coe, height: 256 })).toThrow(refusal('input/number'))
  })

  it('bounds a call', () => {
    const decode = (call: unknown) => decodeMessage('Governance', { epoch: 0, sequence: '0', call })
    const longest = `0x${'Ab'.repeat(limits.governanceCallBytes)}`
    expect(decode(longest).call).toBe(longest.toLowerCase())
    expect(decode('0x').call).toBe('0x')
    expect(() => decode(`${longest}00`)).toThrow(refusal('input/too-large'))
    for (const call of [null, 7, '', '0x0', 'zz', ['0x']]) {
      expect(() => decode(call)).toThrow(refusal('input/hex'))
    }
  })
})

describe('decodeMerklePath', () => {
  const siblings = [bytes32For('a'), bytes32For('b')]

  it('reads a path of at most the height', () => {
    expect(decodeMerklePath({ index: 3, siblings }, 2)).toEqual({ index: 3, siblings })
    expect(decodeMerklePath({ index: 0, siblings: [] }, 0)).toEqual({ index: 0, siblings: [] })
  })

  it.each([
    [{ index: 4, siblings }, 2, 'input/number'],
    [{ index: 0.5, siblings }, 2, 'input/number'],
    [{ index: 0, siblings }, 1, 'input/too-large'],
    [{ index: 0, siblings: ['0x00'] }, 2, 'input/hex'],
    [{ index: 0, siblings: {} }, 2, 'input/shape'],
    [{ index: 0 }, 2, 'input/shape'],
  ])('refuses %j at height %i with %s', (path, height, code) => {
    expect(() => decodeMerklePath(path, height)).toThrow(refusal(code))
  })
})

describe('jsonTypeOf', () => {
  it('says which field types are numbers in JSON', () => {
    expect((['uint8', 'uint32', 'uint40'] as const).map(jsonTypeOf)).toEqual(
      Array(3).fill('number'),
    )
    const strings = ['address', 'bytes', 'bytes32', 'uint64', 'uint96'] as const
    expect(strings.map(jsonTypeOf)).toEqual(Array(5).fill('string'))
  })
})
