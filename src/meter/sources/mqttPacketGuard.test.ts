import { describe, expect, it } from 'vitest'
import { createMqttPacketGuard } from './mqttPacketGuard.ts'
import { sourceLimits } from './sourceLimits.ts'

/** A packet of so many bytes after its length. */
function makePacket(length: number): number[] {
  const lengthBytes: number[] = []
  let rest = length
  do {
    lengthBytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0))
    rest = Math.floor(rest / 128)
  } while (rest > 0)
  return [0x30, ...lengthBytes, ...new Array<number>(length).fill(0xff)]
}

describe('createMqttPacketGuard', () => {
  it.each([1, 3, 1000, 1_000_000])(
    'accepts packets of any allowed length in chunks of %i',
    (size) => {
      const guard = createMqttPacketGuard()
      const lengths = [0, 2, 127, 128, 16_383, 16_384, sourceLimits.packetBytes, 0, 5]
      const bytes = Uint8Array.from(lengths.flatMap(makePacket))
      for (let at = 0; at < bytes.length; at += size) {
        expect(guard.accepts(bytes.subarray(at, at + size))).toBe(true)
      }
    },
  )

  it('refuses a longer one as soon as its length is there, and all that follows', () => {
    const guard = createMqttPacketGuard()
    expect(guard.accepts(Uint8Array.from(makePacket(2)))).toBe(true)
    expect(guard.accepts(Uint8Array.of(0x30, 0x81, 0x80))).toBe(true)
    expect(guard.accepts(Uint8Array.of(0x08))).toBe(false)
    expect(guard.accepts(Uint8Array.of(0xc0, 0))).toBe(false)
  })

  it('refuses a length without end', () => {
    const guard = createMqttPacketGuard()
    expect(guard.accepts(Uint8Array.of(0x30, 0x80, 0x80, 0x80))).toBe(true)
    expect(guard.accepts(Uint8Array.of(0x80))).toBe(false)
  })
})
