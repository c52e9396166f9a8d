import { type Address, type Bytes32, hexToBytes } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'

const text = new TextEncoder()

/** Key of a named value. */
export const metaKey = (name: string): Uint8Array => text.encode(name)

/** Key by local number or block number; sorts as numbers do. */
export const numberKey = (number: number): Uint8Array =>
  new ByteWriter(8).uint64(BigInt(number)).finish()

/** Key by id. */
export const idKey = (id: Bytes32): Uint8Array => hexToBytes(id)

/** Key by account. */
export const accountKey = (account: Address): Uint8Array => hexToBytes(account)

/** Key of one nonce of an account. */
export const nonceKey = (account: Address, nonce: number): Uint8Array =>
  new ByteWriter(24).hex(account).uint32(nonce).finish()

/** Key of an account's CTP by number; sorts by account, then number. */
export const accountNumberKey = (account: Address, number: number): Uint8Array =>
  new ByteWriter(28).hex(account).uint64(BigInt(number)).finish()

/** Key of an offer. */
export const offerKey = (offerId: bigint): Uint8Array => new ByteWriter(8).uint64(offerId).finish()
