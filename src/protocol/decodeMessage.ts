import { type Address, type Hex, isHex, zeroAddress } from './bytes.ts'
import { limits } from './limits.ts'
import {
  type Field,
  type FieldType,
  fieldsOf,
  type MessageName,
  type Messages,
} from './messages.ts'
import { SpbError } from './spbError.ts'

const numberBits = { uint8: 8, uint32: 32, uint40: 40 } as const
const bigintBits = { uint64: 64, uint96: 96 } as const

/** An object with exactly the fields of a list. Throws `input/shape`. */
export function decodeObject(
  value: unknown,
  names: readonly string[],
  what: string,
  optional: readonly string[] = [],
): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new SpbError('input/shape', `${what} is not an object.`)
  }
  for (const name of names) {
    if (!Object.hasOwn(value, name)) throw new SpbError('input/shape', `${what} lacks ${name}.`)
  }
  for (const name of Object.keys(value)) {
    if (!names.includes(name) && !optional.includes(name)) {
      throw new SpbError('input/shape', `${what} has a field too many.`)
    }
  }
  return value as Record<string, unknown>
}

/** A list of at most `most` elements. Throws `input/shape`, `input/too-large`. */
export function decodeList<Item>(
  value: unknown,
  most: number,
  what: string,
  decode: (item: unknown) => Item,
): Item[] {
  if (!Array.isArray(value)) throw new SpbError('input/shape', `${what} is not a list.`)
  if (value.length > most) throw new SpbError('input/too-large', `${what} has over ${most} items.`)
  // Unlike `map`, this does not skip holes.
  return Array.from(value, (item) => decode(item))
}

/** Hexadecimal of a fixed number of bytes, made lower case. Throws `input/hex`. */
export function decodeHex(value: unknown, length: number, what: string): Hex {
  if (!isHex(value, length)) {
    throw new SpbError('input/hex', `${what} is not 0x and ${2 * length} hexadecimal digits.`)
  }
  return value.toLowerCase() as Hex
}

/** An address that is not zero, made lower case. Throws `input/address`. */
export function decodeAddress(value: unknown, what: string): Address {
  if (!isHex(value, 20)) throw new SpbError('input/address', `${what} is not an address.`)
  const address = value.toLowerCase() as Address
  if (address === zeroAddress) throw new SpbError('input/address', `${what} is the zero address.`)
  return address
}

/** A whole number from 0 to `most`, which is at most 2^53 - 1. Throws `input/number`. */
export function decodeNumber(value: unknown, most: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > most) {
    throw new SpbError('input/number', `${what} is not a whole number from 0 to ${most}.`)
  }
  // Minus zero is an integer to JavaScript, and would be written differently.
  return value + 0
}

/** A decimal string of an unsigned integer of so many bits. Throws `input/number`. */
export function decodeBigint(value: unknown, bits: number, what: string): bigint {
  const isDecimal = typeof value === 'string' && /^(?:0|[1-9]\d{0,77})$/.test(value)
  const number = isDecimal ? BigInt(value) : -1n
  if (number < 0n || number >> BigInt(bits) !== 0n) {
    throw new SpbError('input/number', `${what} is not a decimal string below 2^${bits}.`)
  }
  return number
}

function decodeBytes(value: unknown, what: string): Hex {
  if (typeof value === 'string' && value.length > 2 + 2 * limits.governanceCallBytes) {
    throw new SpbError('input/too-large', `${what} is over ${limits.governanceCallBytes} bytes.`)
  }
  if (!isHex(value)) throw new SpbError('input/hex', `${what} is not hexadecimal.`)
  return value.toLowerCase() as Hex
}

function decodeField([name, type]: Field, value: unknown): unknown {
  switch (type) {
    case 'address':
      return decodeAddress(value, name)
    case 'bytes32':
      return decodeHex(value, 32, name)
    case 'bytes':
      return decodeBytes(value, name)
    case 'uint64':
    case 'uint96':
      return decodeBigint(value, bigintBits[type], name)
    default:
      return decodeNumber(value, 2 ** numberBits[type] - 1, name)
  }
}

/**
 * Parses a message from JSON: exactly its fields; uint64 and uint96 as decimal strings.
 *
 * Throws `input/shape`, `input/address`, `input/hex`, `input/number`, `input/too-large`.
 */
export function decodeMessage<Name extends MessageName>(
  name: Name,
  value: unknown,
): Messages[Name] {
  const fields = fieldsOf(name)
  const names = fields.map(([field]) => field)
  const object = decodeObject(value, names, name)
  const decoded: Record<string, unknown> = {}
  for (const field of fields) decoded[field[0]] = decodeField(field, object[field[0]])
  return decoded as Messages[Name]
}

/** The JSON form of a message: the inverse of `decodeMessage`. */
export function encodeMessage<Name extends MessageName>(
  name: Name,
  message: Messages[Name],
): Record<string, string | number> {
  const values = message as Record<string, unknown>
  const encoded: Record<string, string | number> = {}
  for (const [field] of fieldsOf(name)) {
    const value = values[field]
    encoded[field] = typeof value === 'bigint' ? value.toString() : (value as string | number)
  }
  return encoded
}

/** How a field type looks in JSON; for API schemas. */
export function jsonTypeOf(type: FieldType): 'string' | 'number' {
  return type in numberBits ? 'number' : 'string'
}
