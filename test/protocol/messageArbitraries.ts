import fc from 'fast-check'
import { type Address, bytesToHex, type Hex } from '../../src/protocol/bytes.ts'
import type { MerklePath } from '../../src/protocol/merkle.ts'
import {
  type FieldType,
  fieldsOf,
  type MessageName,
  type Messages,
} from '../../src/protocol/messages.ts'

/** So many random bytes as hexadecimal. */
export function arbitraryHex(length: number): fc.Arbitrary<Hex> {
  return fc.uint8Array({ minLength: length, maxLength: length }).map(bytesToHex)
}

/** Any address but zero. */
export const arbitraryAddress: fc.Arbitrary<Address> = arbitraryHex(20).filter((hex) =>
  /[1-9a-f]/.test(hex.slice(2)),
)

const unsigned = (bits: number) =>
  fc.oneof(fc.constantFrom(0, 2 ** bits - 1), fc.integer({ min: 0, max: 2 ** bits - 1 }))
const unsignedBig = (bits: bigint) =>
  fc.oneof(fc.constantFrom(0n, 2n ** bits - 1n), fc.bigInt({ min: 0n, max: 2n ** bits - 1n }))

const fieldArbitraries: { [Type in FieldType]: fc.Arbitrary<unknown> } = {
  address: arbitraryAddress,
  bytes: fc.uint8Array({ maxLength: 70 }).map(bytesToHex),
  bytes32: arbitraryHex(32),
  uint8: unsigned(8),
  uint32: unsigned(32),
  uint40: unsigned(40),
  uint64: unsignedBig(64n),
  uint96: unsignedBig(96n),
}

/** Any message of a type that the decoder must take; edge values are frequent. */
export function arbitraryMessage<Name extends MessageName>(
  name: Name,
): fc.Arbitrary<Messages[Name]> {
  const fields = fieldsOf(name).map(([field, type]) => [field, fieldArbitraries[type]])
  return fc.record(Object.fromEntries(fields), { noNullPrototype: true }) as fc.Arbitrary<
    Messages[Name]
  >
}

export const arbitrarySignature = arbitraryHex(64)

/** Any path of at most `height` siblings whose index is within the tree's. */
export function arbitraryPath(height: number): fc.Arbitrary<MerklePath> {
  return fc.array(arbitraryHex(32), { maxLength: height }).chain((siblings) =>
    fc.record({
      index: fc.integer({ min: 0, max: 2 ** siblings.length - 1 }),
      siblings: fc.constant(siblings),
    }),
  )
}
