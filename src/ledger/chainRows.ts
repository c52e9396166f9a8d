import type { AccountState, BlockRef } from '../ports/chain.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Address, type Bytes32, type Hex, hexToBytes } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { type Seconds, seconds, type Wei, type Wh, wei, wh } from '../protocol/units.ts'

/** An offer as the chain's events tell it, and how much of it was paid for. */
export type OfferRow = {
  offerId: bigint
  producer: Address
  energyWh: Wh
  priceWeiPerKwh: bigint
  isNegotiable: boolean
  untilSeconds: Seconds
  negotiationKey: Hex
  isWithdrawn: boolean
  soldWh: number
}

/** The transaction that paid a CTP. */
export type SettlementRow = {
  blockNumber: number
  transactionHash: Bytes32
  paidWei: Wei
  deliveredWh: Wh
  gasShare: number
}

/** Binary form of an account's state, without its address, which is its key. */
export function encodeAccountState(state: AccountState): Uint8Array {
  const writer = new ByteWriter(72).uint96(state.balanceWei).uint32(state.nonceBase)
  writer.uint64(state.nonceBitmap).uint64(state.energyWh).uint96(state.requestedWei)
  return writer.uint40(state.readyAtSeconds).hex(state.payout).finish()
}

/** Reads what `encodeAccountState` wrote. */
export function decodeAccountState(account: Address, bytes: Uint8Array): AccountState {
  const reader = new ByteReader(bytes)
  return {
    account,
    balanceWei: wei(reader.uint96()),
    nonceBase: reader.uint32(),
    nonceBitmap: reader.uint64(),
    energyWh: reader.uint64(),
    requestedWei: wei(reader.uint96()),
    readyAtSeconds: seconds(reader.uint40()),
    payout: reader.hex(20),
  }
}

/** Binary form of an offer, without its id, which is its key. */
export function encodeOffer(offer: OfferRow): Uint8Array {
  const writer = new ByteWriter(128).hex(offer.producer).uint32(offer.energyWh)
  writer.uint96(offer.priceWeiPerKwh).uint40(offer.untilSeconds).uint64(BigInt(offer.soldWh))
  writer.uint8((offer.isNegotiable ? 1 : 0) | (offer.isWithdrawn ? 2 : 0))
  return writer.bytes(hexToBytes(offer.negotiationKey)).finish()
}

/** Reads what `encodeOffer` wrote. */
export function decodeOffer(offerId: bigint, bytes: Uint8Array): OfferRow {
  const reader = new ByteReader(bytes)
  const fixed = {
    producer: reader.hex(20),
    energyWh: wh(reader.uint32()),
    priceWeiPerKwh: reader.uint96(),
    untilSeconds: seconds(reader.uint40()),
    soldWh: Number(reader.uint64()),
  }
  const flags = reader.uint8()
  return {
    offerId,
    ...fixed,
    isNegotiable: (flags & 1) !== 0,
    isWithdrawn: (flags & 2) !== 0,
    negotiationKey: reader.hex(reader.remaining),
  }
}

/** Binary form of a settlement, without its CTP's id, which is its key. */
export function encodeSettlement(row: SettlementRow): Uint8Array {
  const writer = new ByteWriter(64).uint64(BigInt(row.blockNumber)).hex(row.transactionHash)
  return writer.uint96(row.paidWei).uint32(row.deliveredWh).uint32(row.gasShare).finish()
}

/** Reads what `encodeSettlement` wrote. */
export function decodeSettlement(bytes: Uint8Array): SettlementRow {
  const reader = new ByteReader(bytes)
  return {
    blockNumber: Number(reader.uint64()),
    transactionHash: reader.hex(32),
    paidWei: wei(reader.uint96()),
    deliveredWh: wh(reader.uint32()),
    gasShare: reader.uint32(),
  }
}

/** Writes a block reference, 45 bytes. */
export function writeBlockRef(writer: ByteWriter, block: BlockRef): ByteWriter {
  return writer.uint64(BigInt(block.number)).hex(block.hash).uint40(block.timeSeconds)
}

/** Reads what `writeBlockRef` wrote. */
export function readBlockRef(reader: ByteReader): BlockRef {
  return {
    number: Number(reader.uint64()),
    hash: reader.hex(32),
    timeSeconds: seconds(reader.uint40()),
  }
}
