import { sourceLimits } from './sourceLimits.ts'

/** Watches the lengths that MQTT packets announce. */
export type MqttPacketGuard = {
  /** False once a packet is longer than allowed: it must not be waited for. */
  accepts(chunk: Uint8Array): boolean
}

const mostLengthBytes = 4

/**
 * Makes a guard for one connection: the library keeps a packet until it is whole, and MQTT allows
 * 256 MiB (MQTT 3.1.1, section 2.2.3).
 */
export function createMqttPacketGuard(): MqttPacketGuard {
  /** Bytes of the packet under way that are still to come; before its length is known, 0. */
  let rest = 0
  /** Bytes of the length so far; -1 before the packet's first byte. */
  let lengthBytes = -1
  let length = 0
  let isTooLong = false
  return {
    accepts(chunk) {
      for (let at = 0; at < chunk.length && !isTooLong; ) {
        if (rest > 0) {
          const skipped = Math.min(rest, chunk.length - at)
          rest -= skipped
          at += skipped
          continue
        }
        const byte = chunk[at++] ?? 0
        if (lengthBytes < 0) {
          lengthBytes = 0
          length = 0
          continue
        }
        length += (byte & 0x7f) * 128 ** lengthBytes++
        const isLast = (byte & 0x80) === 0
        isTooLong =
          length > sourceLimits.packetBytes || (!isLast && lengthBytes === mostLengthBytes)
        if (!isLast) continue
        rest = length
        lengthBytes = -1
      }
      return !isTooLong
    },
  }
}
