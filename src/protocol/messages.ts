import type { Address, Bytes32, Hex } from './bytes.ts'
import type { Seconds, Wei, Wh } from './units.ts'

/** A consumer's promise that puts money on hold. */
export type Ctp = {
  producer: Address
  /** 0 where the terms were negotiated. */
  offerId: bigint
  amountWei: Wei
  energyWh: Wh
  nonce: number
  expirySeconds: Seconds
  /** The one-time meter key that alone can issue receipts. */
  meterKey: Address
}

/** The meter's signature on a CTP: a receipt can come. */
export type MeterReady = { ctpId: Bytes32 }
/** A producer's consent to terms that no offer states. */
export type Accept = { ctpId: Bytes32 }
/** A member's vote for 1 to 64 CTPs at once. */
export type HoldVote = { epoch: number; ctpsRoot: Bytes32 }
/** A member's statement that no hold can exist any more at an account's nonce. */
export type NonceVoid = { epoch: number; account: Address; nonce: number }
/** A meter's cumulative receipt. `measuredAtSeconds` is informative. */
export type Erc = { ctpId: Bytes32; deliveredWh: Wh; measuredAtSeconds: Seconds }
/** A committee's order to settle a batch. */
export type Settlement = {
  epoch: number
  sequence: bigint
  itemsHash: Bytes32
  beneficiary: Address
}
/** A member's last word in an epoch: what it voted for. */
export type EpochEnd = { epoch: number; votesRoot: Bytes32 }
/** A committee's call of one of the contract's governed functions. */
export type Governance = { epoch: number; sequence: bigint; call: Hex }
/** An authority's admission of a producer. */
export type EnergyAccountCertificate = { account: Address; notAfterSeconds: Seconds }
/** A manufacturer's word for a meter. */
export type MeterCertificate = { meter: Address; model: Bytes32; notAfterSeconds: Seconds }
/** A witness meter's word that a tree of keys belongs to some genuine meter. */
export type Coe = {
  root: Bytes32
  height: number
  notBeforeSeconds: Seconds
  notAfterSeconds: Seconds
}

/** A member's word under which name it is in the network; not a message of the contract. */
export type PeerRecord = { peerId: Hex; addresses: Hex; sequence: bigint }

/** All signed messages by their EIP-712 name. */
export type Messages = {
  Ctp: Ctp
  MeterReady: MeterReady
  Accept: Accept
  HoldVote: HoldVote
  NonceVoid: NonceVoid
  Erc: Erc
  Settlement: Settlement
  EpochEnd: EpochEnd
  Governance: Governance
  EnergyAccountCertificate: EnergyAccountCertificate
  MeterCertificate: MeterCertificate
  CoE: Coe
  PeerRecord: PeerRecord
}
/** The EIP-712 name of a message. */
export type MessageName = keyof Messages

/** The Solidity types of message fields. */
export type FieldType =
  | 'address'
  | 'bytes'
  | 'bytes32'
  | 'uint8'
  | 'uint32'
  | 'uint40'
  | 'uint64'
  | 'uint96'
/** A field's name and type. */
export type Field = readonly [name: string, type: FieldType]

/** Fields of each message in signing order: digests, codecs and API schemas all read this table. */
export const messageFields = {
  Ctp: [
    ['producer', 'address'],
    ['offerId', 'uint64'],
    ['amountWei', 'uint96'],
    ['energyWh', 'uint32'],
    ['nonce', 'uint32'],
    ['expirySeconds', 'uint40'],
    ['meterKey', 'address'],
  ],
  MeterReady: [['ctpId', 'bytes32']],
  Accept: [['ctpId', 'bytes32']],
  HoldVote: [
    ['epoch', 'uint32'],
    ['ctpsRoot', 'bytes32'],
  ],
  NonceVoid: [
    ['epoch', 'uint32'],
    ['account', 'address'],
    ['nonce', 'uint32'],
  ],
  Erc: [
    ['ctpId', 'bytes32'],
    ['deliveredWh', 'uint32'],
    ['measuredAtSeconds', 'uint40'],
  ],
  Settlement: [
    ['epoch', 'uint32'],
    ['sequence', 'uint64'],
    ['itemsHash', 'bytes32'],
    ['beneficiary', 'address'],
  ],
  EpochEnd: [
    ['epoch', 'uint32'],
    ['votesRoot', 'bytes32'],
  ],
  Governance: [
    ['epoch', 'uint32'],
    ['sequence', 'uint64'],
    ['call', 'bytes'],
  ],
  EnergyAccountCertificate: [
    ['account', 'address'],
    ['notAfterSeconds', 'uint40'],
  ],
  PeerRecord: [
    ['peerId', 'bytes'],
    ['addresses', 'bytes'],
    ['sequence', 'uint64'],
  ],
  MeterCertificate: [
    ['meter', 'address'],
    ['model', 'bytes32'],
    ['notAfterSeconds', 'uint40'],
  ],
  CoE: [
    ['root', 'bytes32'],
    ['height', 'uint8'],
    ['notBeforeSeconds', 'uint40'],
    ['notAfterSeconds', 'uint40'],
  ],
} as const satisfies {
  [Name in MessageName]: readonly (readonly [keyof Messages[Name], FieldType])[]
}

/** The fields of a message as a plain list. */
export function fieldsOf(name: MessageName): readonly Field[] {
  return messageFields[name]
}

/** The names of all messages. */
export const messageNames = Object.keys(messageFields) as MessageName[]
