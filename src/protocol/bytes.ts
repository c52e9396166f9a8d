/** Hexadecimal with 0x, lower case. */
export type Hex = `0x${string}`
/** An Ethereum address: 20 bytes, lower case, so that equal addresses are equal strings. */
export type Address = Hex
/** 32 bytes. */
export type Bytes32 = Hex
/** An EIP-2098 compact signature: r, then yParity in the top bit of s. 64 bytes. */
export type Signature = Hex

/** Nobody's address. */
export const zeroAddress: Address = `0x${'00'.repeat(20)}`
/** 32 zero bytes. */
export const zeroBytes32: Bytes32 = `0x${'00'.repeat(32)}`

/** Character codes of each byte's two digits, the first in the low half. */
const digitsOfByte = Uint16Array.from({ length: 256 }, (_, byte) => {
  const text = byte.toString(16).padStart(2, '0')
  return text.charCodeAt(0) | (text.charCodeAt(1) << 8)
})
const prefix = [48, 120] as const

/** Bytes that become one call's arguments at most; engines bound their number. */
const hexChunk = 1024

/** Lower-case hexadecimal of bytes. */
export function bytesToHex(bytes: Uint8Array): Hex {
  if (bytes.length > hexChunk) {
    const rest = bytesToHex(bytes.subarray(hexChunk)).slice(2)
    return `${bytesToHex(bytes.subarray(0, hexChunk))}${rest}`
  }
  // Made from codes at once: text put together piece by piece is slow and heavy to keep.
  const codes = new Array<number>(2 + 2 * bytes.length)
  codes[0] = prefix[0]
  codes[1] = prefix[1]
  for (let i = 0, at = 2; i < bytes.length; i++) {
    const digits = digitsOfByte[bytes[i]!]!
    codes[at++] = digits & 255
    codes[at++] = digits >> 8
  }
  return String.fromCharCode.apply(null, codes) as Hex
}

/** Value of a character code of a hexadecimal digit; callers pass checked text only. */
function digitOf(code: number): number {
  // '0' to '9' are 48 to 57; setting bit 32 makes 'A' to 'F' lower case, 97 to 102.
  return code < 58 ? code - 48 : (code | 32) - 87
}

/** Writes the bytes of checked hexadecimal into others, and says how many they are. */
export function writeHex(hex: Hex, target: Uint8Array, at: number): number {
  const length = (hex.length - 2) >> 1
  for (let i = 0, from = 2; i < length; i++, from += 2) {
    target[at + i] = (digitOf(hex.charCodeAt(from)) << 4) | digitOf(hex.charCodeAt(from + 1))
  }
  return length
}

/** Bytes of hexadecimal that was checked before (see `isHex`). */
export function hexToBytes(hex: Hex): Uint8Array {
  const bytes = new Uint8Array((hex.length - 2) >> 1)
  writeHex(hex, bytes, 0)
  return bytes
}

const hexPattern = /^0x(?:[0-9a-fA-F]{2})*$/

/** True for 0x and an even number of hexadecimal digits; of exactly `length` bytes if given. */
export function isHex(value: unknown, length?: number): value is Hex {
  if (typeof value !== 'string') return false
  if (length !== undefined && value.length !== 2 + 2 * length) return false
  return hexPattern.test(value)
}

/** All parts in one new array. */
export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

/** Order of two byte strings: negative, zero or positive, shorter first where one is a prefix. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}
