const table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xa001 : crc >>> 1
  return crc
})

/**
 * CRC16 of a P1 telegram, from `/` to `!` with both: polynomial x^16 + x^15 + x^2 + 1, least
 * significant bit first, starting with 0, as four capital hexadecimal digits.
 *
 * DSMR P1 Companion Standard 5.0.2, section 6.2.
 */
export function p1Crc(bytes: Uint8Array): string {
  let crc = 0
  for (const byte of bytes) crc = (crc >>> 8) ^ (table[(crc ^ byte) & 0xff] ?? 0)
  return crc.toString(16).toUpperCase().padStart(4, '0')
}
