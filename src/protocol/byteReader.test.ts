import { describe, expect, it } from 'vitest'
import { ByteReader } from './byteReader.ts'

const counted = Uint8Array.from({ length: 128 }, (_, index) => index + 1)
const truncated = expect.objectContaining({
  code: 'input/shape',
  message: 'The binary message is truncated.',
})

describe('ByteReader', () => {
  it('reads big-endian fields in order', () => {
    const reader = new ByteReader(counted)
    expect(reader.uint8()).toBe(0x01)
    expect(reader.uint16()).toBe(0x0203)
    expect(reader.uint32()).toBe(0x04050607)
    expect(reader.uint40()).toBe(0x08090a0b0c)
    expect(reader.uint64()).toBe(0x0d0e0f1011121314n)
    expect(reader.uint96()).toBe(0x15161718191a1b1c1d1e1f20n)
    expect(reader.uint256()).toBe(
      0x2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40n,
    )
    expect(reader.bytes(2)).toEqual(Uint8Array.of(0x41, 0x42))
    expect(reader.hex(3)).toBe('0x434445')
    expect(reader.remaining).toBe(128 - 0x45)
  })

  it('reads the largest value of each width', () => {
    const reader = new ByteReader(new Uint8Array(66).fill(0xff))
    expect(reader.uint8()).toBe(2 ** 8 - 1)
    expect(reader.uint16()).toBe(2 ** 16 - 1)
    expect(reader.uint32()).toBe(2 ** 32 - 1)
    expect(reader.uint40()).toBe(2 ** 40 - 1)
    expect(reader.uint64()).toBe(2n ** 64n - 1n)
    expect(reader.uint96()).toBe(2n ** 96n - 1n)
    expect(reader.uint256()).toBe(2n ** 256n - 1n)
  })

  it('reads a view from its own offset, and hands out copies', () => {
    const whole = counted.slice()
    const reader = new ByteReader(whole.subarray(10, 20))
    expect(reader.uint16()).toBe(0x0b0c)
    const bytes = reader.bytes(8)
    whole.fill(0)
    expect(bytes[0]).toBe(0x0d)
    reader.finish()
  })

  it.each([
    ['uint8', 1],
    ['uint16', 2],
    ['uint32', 4],
    ['uint40', 5],
    ['uint64', 8],
    ['uint96', 12],
    ['uint256', 32],
  ] as const)('refuses a truncated %s', (method, length) => {
    expect(() => new ByteReader(counted.subarray(0, length - 1))[method]()).toThrow(truncated)
    const reader = new ByteReader(counted.subarray(0, length))
    reader[method]()
    reader.finish()
  })

  it('refuses truncated bytes before it allocates them', () => {
    expect(() => new ByteReader(counted).bytes(2 ** 40)).toThrow(truncated)
    expect(() => new ByteReader(counted).hex(129)).toThrow(truncated)
  })

  it('stays where it was after a refusal', () => {
    const reader = new ByteReader(counted.subarray(0, 3))
    expect(() => reader.uint32()).toThrow(truncated)
    expect(reader.remaining).toBe(3)
  })

  it('refuses bytes after the last field', () => {
    const reader = new ByteReader(counted.subarray(0, 3))
    reader.uint8()
    expect(() => reader.finish()).toThrow(
      expect.objectContaining({ code: 'input/shape', message: '2 bytes follow the last field.' }),
    )
  })
})
