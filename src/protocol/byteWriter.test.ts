import { describe, expect, it } from 'vitest'
import { bytesToHex } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'

describe('ByteWriter', () => {
  it.each([0, 1, 256])('writes big-endian fields from a capacity of %i bytes', (capacity) => {
    const written = new ByteWriter(capacity)
      .uint8(0x01)
      .uint16(0x0203)
      .uint32(0x04050607)
      .uint40(0x08090a0b0c)
      .uint64(0x0d0e0f1011121314n)
      .uint96(0x15161718191a1b1c1d1e1f20n)
      .uint256(0x2122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f40n)
      .bytes(Uint8Array.of(0x41, 0x42))
      .hex('0x434445')
      .finish()
    expect(written).toEqual(Uint8Array.from({ length: 0x45 }, (_, index) => index + 1))
  })

  it('writes the largest value of each width', () => {
    const writer = new ByteWriter()
    writer.uint8(2 ** 8 - 1).uint16(2 ** 16 - 1)
    writer.uint32(2 ** 32 - 1).uint40(2 ** 40 - 1)
    writer
      .uint64(2n ** 64n - 1n)
      .uint96(2n ** 96n - 1n)
      .uint256(2n ** 256n - 1n)
    expect(bytesToHex(writer.finish())).toBe(`0x${'ff'.repeat(64)}`)
  })

  it('hands out a copy, once, that later writers leave alone', () => {
    const writer = new ByteWriter(4)
    const first = writer.uint8(1).finish()
    expect(() => writer.uint8(2)).toThrow('a finished writer takes no more')
    const second = new ByteWriter(4).uint8(9).finish()
    expect(first).toEqual(Uint8Array.of(1))
    expect(second).toEqual(Uint8Array.of(9))
  })
})
