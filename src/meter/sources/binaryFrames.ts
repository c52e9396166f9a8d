/** Recognises binary frames among the bytes of a line. */
export type BinaryFrames = {
  /** True with the byte that makes it certain that a frame is here. */
  push(byte: number): boolean
}

const [hdlcFlag, ciphering, titleLength, mbusStart] = [0x7e, 0xdb, 0x08, 0x68]
const recentLength = 11

/**
 * Recognises what meters send instead of P1 telegrams: DLMS general-glo-ciphering (0xDB and a
 * system title of 8 bytes, as in Luxembourg and Austria), HDLC frames of IEC 62056-46 (0x7E, type
 * 3, with the closing flag where their length says) and M-Bus long frames (0x68 L L 0x68).
 */
export function createBinaryFrames(): BinaryFrames {
  const recent = new Uint8Array(recentLength)
  /** Bytes until the closing flag of what may be an HDLC frame; 0 where there is none. */
  let untilFlag = 0
  return {
    push(byte) {
      recent.copyWithin(0, 1)
      recent[recentLength - 1] = byte
      const [before2 = 0, before1 = 0] = recent.subarray(recentLength - 3)
      if (untilFlag > 0) {
        untilFlag--
        if (untilFlag === 0 && byte === hdlcFlag) return true
      } else if (before2 === hdlcFlag && before1 >> 4 === 0xa) {
        // The length counts what is between the flags, of which two bytes have come.
        untilFlag = Math.max(0, (((before1 & 7) << 8) | byte) - 1)
      }
      const isCiphered =
        recent[0] === ciphering && recent[1] === titleLength && (byte === 0x81 || byte === 0x82)
      const [start, length, again, second] = recent.subarray(recentLength - 4)
      const isMbus =
        start === mbusStart && second === mbusStart && length === again && (length ?? 0) >= 3
      return isCiphered || isMbus
    },
  }
}
