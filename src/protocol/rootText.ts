import { type Bytes32, bytesToHex, type Hex, hexToBytes } from './bytes.ts'

/** Bytes of a root that fit into a header: 32 characters of seven bits. */
export const rootTextBytes = 28
/** Characters, and bytes in the header, of a root's text. */
export const rootTextLength = 32

/**
 * A root as text for a block's header: its first 28 bytes, most significant bit first, as 32
 * characters of seven bits each. Clients that take text for a header write each as one byte.
 */
export function rootTextOf(root: Bytes32): string {
  return String.fromCharCode(...rootCodesOf(root))
}

/** The 32 bytes that a header holds of a root: the bytes of `rootTextOf`. */
export function rootExtraOf(root: Bytes32): Hex {
  return bytesToHex(Uint8Array.from(rootCodesOf(root)))
}

function rootCodesOf(root: Bytes32): number[] {
  const codes: number[] = []
  let [waiting, bits] = [0, 0]
  for (const byte of hexToBytes(root).subarray(0, rootTextBytes)) {
    waiting = (waiting << 8) | byte
    bits += 8
    while (bits >= 7) {
      bits -= 7
      codes.push((waiting >> bits) & 0x7f)
    }
    waiting &= (1 << bits) - 1
  }
  return codes
}

/** The root's first 28 bytes that a header's extra data names; undefined where it names none. */
export function rootStartOf(extra: Hex): Hex | undefined {
  const codes = hexToBytes(extra)
  if (codes.length !== rootTextLength || codes.some((code) => code > 0x7f)) return undefined
  const bytes: number[] = []
  let [waiting, bits] = [0, 0]
  for (const code of codes) {
    waiting = (waiting << 7) | code
    bits += 7
    if (bits < 8) continue
    bits -= 8
    bytes.push((waiting >> bits) & 0xff)
    waiting &= (1 << bits) - 1
  }
  return bytesToHex(Uint8Array.from(bytes))
}
