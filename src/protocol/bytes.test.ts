import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  bytesToHex,
  compareBytes,
  concatBytes,
  type Hex,
  hexToBytes,
  isHex,
  zeroAddress,
  zeroBytes32,
} from './bytes.ts'

const allBytes = Uint8Array.from({ length: 256 }, (_, byte) => byte)

describe('hexadecimal', () => {
  it('writes bytes in lower case', () => {
    expect(bytesToHex(new Uint8Array(0))).toBe('0x')
    expect(bytesToHex(Uint8Array.of(0, 1, 0xab, 0xff))).toBe('0x0001abff')
    expect(bytesToHex(allBytes)).toBe(`0x${Buffer.from(allBytes).toString('hex')}`)
  })

  it('reads both cases', () => {
    expect(hexToBytes('0x')).toEqual(new Uint8Array(0))
    expect(hexToBytes('0xAbcDEF09')).toEqual(Uint8Array.of(0xab, 0xcd, 0xef, 0x09))
    expect(hexToBytes(bytesToHex(allBytes).toUpperCase().replace('0X', '0x') as Hex)).toEqual(
      allBytes,
    )
  })

  it('survives the way there and back', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(hexToBytes(bytesToHex(bytes))).toEqual(bytes)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  it('has zeros of the right lengths', () => {
    expect(hexToBytes(zeroAddress)).toEqual(new Uint8Array(20))
    expect(hexToBytes(zeroBytes32)).toEqual(new Uint8Array(32))
  })
})

describe('isHex', () => {
  it.each(['0x', '0x00', '0xAbCdEf0123456789'])('is true for %j', (value) => {
    expect(isHex(value)).toBe(true)
  })

  it.each([
    ...['', '00', '0X00', '0x0', '0xg0', '0x0g', ' 0x00', '0x00 ', '0x00\n', '0x００', '0x0\u0661'],
    ...[undefined, null, 0, 1, {}, [], ['0x00'], true],
    { toString: () => '0x00' },
  ])('is false for %j', (value) => {
    expect(isHex(value)).toBe(false)
  })

  it('compares the number of bytes where one is given', () => {
    expect(isHex('0x0011', 2)).toBe(true)
    expect(isHex('0x0011', 1)).toBe(false)
    expect(isHex('0x0011', 3)).toBe(false)
    expect(isHex('0x', 0)).toBe(true)
    expect(isHex('0x00\n', 1)).toBe(false)
  })

  it('judges megabytes', () => {
    const long = `0x${'ab'.repeat(4_000_000)}`
    expect(isHex(long)).toBe(true)
    expect(isHex(`${long}zz`)).toBe(false)
  })
})

describe('concatBytes', () => {
  it('joins parts into a new array', () => {
    const part = Uint8Array.of(1, 2)
    const joined = concatBytes(part, new Uint8Array(0), Uint8Array.of(3))
    expect(joined).toEqual(Uint8Array.of(1, 2, 3))
    part[0] = 9
    expect(joined[0]).toBe(1)
    expect(concatBytes()).toEqual(new Uint8Array(0))
  })
})

describe('compareBytes', () => {
  it('orders as Buffer does', () => {
    const bytes = fc.uint8Array({ maxLength: 4, max: 3 })
    fc.assert(
      fc.property(bytes, bytes, (a, b) => {
        expect(Math.sign(compareBytes(a, b))).toBe(Buffer.compare(a, b))
      }),
      { seed: 1, numRuns: 500 },
    )
  })
})
