import type { Address, Bytes32, Hex } from '../protocol/bytes.ts'
import type { MemberSignature } from '../protocol/committee.ts'
import type { Seconds, Wei, Wh } from '../protocol/units.ts'

export type { MarketFacts, MarketOptions } from '../protocol/views.ts'

/** A block by number and hash. */
export type BlockRef = { number: number; hash: Bytes32; timeSeconds: Seconds }

/** An account in the market contract, as of one block. */
export type AccountState = {
  account: Address
  balanceWei: Wei
  nonceBase: number
  /** Bit i: nonce `nonceBase + i` is used. 64 bits. */
  nonceBitmap: bigint
  /** Energy for sale. */
  energyWh: bigint
  requestedWei: Wei
  readyAtSeconds: Seconds
  payout: Address
}

/** A member's last word in an epoch: the next committee starts from what these roots stand for. */
export type SignedEpochEnd = MemberSignature & { votesRoot: Bytes32 }

type Placed = { blockNumber: number; transactionHash: Bytes32 }

/** The market contract's events, decoded. */
export type ChainEvent = Placed &
  (
    | { kind: 'Deposited'; account: Address; from: Address; amountWei: Wei }
    | { kind: 'WithdrawalRequested'; account: Address; requestedWei: Wei; readyAtSeconds: Seconds }
    | { kind: 'WithdrawalCancelled'; account: Address }
    | { kind: 'Withdrawn'; account: Address; to: Address; amountWei: Wei }
    | { kind: 'PayoutFixed'; account: Address; payout: Address }
    | { kind: 'EnergyAccountOpened'; account: Address; authority: Address; burnedWei: Wei }
    | {
        kind: 'OfferAdded'
        offerId: bigint
        producer: Address
        energyWh: Wh
        priceWeiPerKwh: bigint
        isNegotiable: boolean
        untilSeconds: Seconds
        negotiationKey: Hex
      }
    | { kind: 'OfferWithdrawn'; offerId: bigint; producer: Address }
    | { kind: 'EpochEnded'; epoch: number; ends: SignedEpochEnd[] }
    | { kind: 'EpochOpened'; epoch: number; members: Address[] }
    | { kind: 'AuthoritySet'; authority: Address; isTrusted: boolean }
    /** Trusted from now on until that end, whatever was said of it before. */
    | { kind: 'ManufacturerSet'; manufacturer: Address; endsSeconds: Seconds }
    /** Trusted no more from that end on, whatever was said of it before. */
    | { kind: 'MeterRevoked'; meter: Address; endsSeconds: Seconds }
    | {
        kind: 'Settled'
        epoch: number
        sequence: bigint
        beneficiary: Address
        itemsHash: Bytes32
        /** Bit i: item i moved money. */
        settledBitmap: bigint
        databaseRoot: Bytes32
        /** The packed batch from the transaction's call; absent where a wrapper called. */
        items?: Hex
        gasUsed: bigint
        /** Bytes of the transaction's call data. */
        calldataBytes: number
      }
    /** One trade that was paid on the proof path. */
    | {
        kind: 'SettledWithProof'
        ctpId: Bytes32
        consumer: Address
        producer: Address
        offerId: bigint
        nonce: number
        /** What was paid for: never more than the CTP's energy. */
        deliveredWh: Wh
        paymentWei: Wei
        /** Of the whole transaction. */
        gasUsed: bigint
      }
    /** A producer used up the nonce of a CTP, which pays nothing any more. */
    | { kind: 'Declined'; ctpId: Bytes32; consumer: Address; producer: Address; nonce: number }
  )

/** What a block's header says of its proposer's database. */
export type BlockHeader = {
  number: number
  hash: Bytes32
  /** Who made the block; undefined where the chain does not say. */
  proposer: Address | undefined
  /** The header's extra data, without any seal. */
  extra: Hex
}

/** A settlement as the contract takes it. */
export type SettleCall = {
  epoch: number
  sequence: bigint
  beneficiary: Address
  databaseRoot: Bytes32
  /** Packed, 141 bytes an item. */
  items: Hex
  /** Packed, 65 bytes a member. */
  votes: Hex
}

/** What became of a transaction that was sent. */
export type TransactionOutcome =
  | { status: 'pending' }
  /** Not known to the client any more, and not in a block. */
  | { status: 'dropped' }
  | { status: 'included'; blockNumber: number; isSuccess: boolean; gasUsed: bigint }

/**
 * An Ethereum client, as a node sees it. Every call may fail with a retryable `chain/unreachable`.
 */
export type Chain = {
  head(): Promise<BlockRef>
  /** The block of that number on the client's present chain; undefined above its head. */
  blockAt(number: number): Promise<BlockRef | undefined>
  /**
   * The market's events of blocks `from` to `to`, both included, in order; none where `from` is
   * above `to`. Throws `chain/unreachable` where the client does not have block `to` (yet).
   */
  events(from: number, to: number): Promise<ChainEvent[]>
  /** Accounts as they were at the end of a block. Any number: the adapter splits requests. */
  accounts(addresses: readonly Address[], blockNumber: number): Promise<AccountState[]>
  /** The committee of an epoch, and when it ended (0: it has not). */
  committee(epoch: number): Promise<{ members: Address[]; endedAtSeconds: Seconds }>
  currentEpoch(): Promise<number>
  /** Headers of blocks `from` to `to`, both included; fails as `events` does. */
  headers(from: number, to: number): Promise<BlockHeader[]>
  /**
   * Hands a root to the client, which puts it into the header of the next block that it makes.
   * False where the client has no such call, or makes no blocks.
   */
  announceRoot(root: Bytes32): Promise<boolean>
  /**
   * Sends a settlement from the node's own Ethereum account. A second call before the first is in
   * a block replaces it (same Ethereum nonce, higher fee), so that at most one of them is mined.
   * Throws `chain/insufficient-funds`, `chain/reverted` (found by estimation), `chain/unreachable`,
   * `chain/superseded` (the earlier one was mined meanwhile), `chain/fee-cap`.
   */
  sendSettlement(call: SettleCall): Promise<Bytes32>
  outcomeOf(transactionHash: Bytes32): Promise<TransactionOutcome>
}
