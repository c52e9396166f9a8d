import {
  type Address,
  type Bytes32,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
} from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { keccak256 } from './keccak.ts'
import { type Field, fieldsOf, type MessageName, type Messages, messageNames } from './messages.ts'

/** What a signature is bound to: one market on one chain. */
export type Market = { chainId: number; address: Address }

const text = new TextEncoder()
const eip712Prefix = Uint8Array.of(0x19, 0x01)

/** The EIP-712 type string of a message, such as `MeterReady(bytes32 ctpId)`. */
export function typeStringOf(name: MessageName): string {
  return `${name}(${fieldsOf(name)
    .map(([field, type]) => `${type} ${field}`)
    .join(',')})`
}

const typeHashes = new Map<MessageName, Uint8Array>(
  messageNames.map((name) => [name, keccak256(text.encode(typeStringOf(name)))]),
)

const padding = new Uint8Array(24)

function writeWord(writer: ByteWriter, [, type]: Field, value: unknown): void {
  switch (type) {
    case 'address':
      writer.bytes(padding.subarray(0, 12)).hex(value as Hex)
      break
    case 'bytes32':
      writer.hex(value as Hex)
      break
    case 'bytes':
      writer.bytes(keccak256(hexToBytes(value as Hex)))
      break
    case 'uint64':
      writer.bytes(padding).uint64(value as bigint)
      break
    case 'uint96':
      writer.bytes(padding.subarray(0, 20)).uint96(value as bigint)
      break
    default:
      writer.bytes(padding).uint64(BigInt(value as number))
  }
}

/** EIP-712 `hashStruct` of a message, 32 bytes. */
function hashStruct<Name extends MessageName>(name: Name, message: Messages[Name]): Uint8Array {
  const writer = new ByteWriter(288).bytes(typeHashes.get(name)!)
  const values = message as Record<string, unknown>
  for (const field of fieldsOf(name)) writeWord(writer, field, values[field[0]])
  return keccak256(writer.finish())
}

const marketDomainType = keccak256(
  text.encode('EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)'),
)
const meterDomain = keccak256(
  keccak256(text.encode('EIP712Domain(string name,string version)')),
  keccak256(text.encode('SPB Meter')),
  keccak256(text.encode('1')),
)
const marketName = keccak256(text.encode('SPB'))
const version = keccak256(text.encode('1'))

const separators = new WeakMap<Market, Uint8Array>()

/** The EIP-712 domain separator of a market, 32 bytes; kept with the market object. */
export function domainSeparator(market: Market): Uint8Array {
  let separator = separators.get(market)
  if (separator === undefined) {
    const writer = new ByteWriter(160)
    writer.bytes(marketDomainType).bytes(marketName).bytes(version)
    writer.uint256(BigInt(market.chainId))
    writer.bytes(padding.subarray(0, 12)).hex(market.address)
    separator = keccak256(writer.finish())
    separators.set(market, separator)
  }
  return separator
}

/**
 * The digest that is signed, as EIP-712 defines it; 32 bytes.
 *
 * `MeterCertificate` is made in a factory that knows no market: its digest ignores `market`.
 */
export function digestOf<Name extends MessageName>(
  market: Market,
  name: Name,
  message: Messages[Name],
): Uint8Array {
  const separator = name === 'MeterCertificate' ? meterDomain : domainSeparator(market)
  return keccak256(concatBytes(eip712Prefix, separator, hashStruct(name, message)))
}

/** `ctpId = keccak256(digest(Ctp) ‖ consumer)`: equal fields of two consumers differ in it. */
export function ctpIdOf(ctpDigest: Uint8Array, consumer: Address): Bytes32 {
  return bytesToHex(keccak256(ctpDigest, hexToBytes(consumer)))
}
