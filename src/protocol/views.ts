import type { Address, Bytes32, Hex, Signature } from './bytes.ts'
import type { HoldCertificate } from './holdCertificate.ts'
import type { Ctp } from './messages.ts'
import type { MeterEvidence } from './meterEvidence.ts'
import type { SignedErc } from './signedErc.ts'
import type { SparseProof } from './sparseProof.ts'
import type { ManufacturerStanding, MeterRevocation } from './standing.ts'
import type { Seconds, Wei, Wh } from './units.ts'

/** What a market fixed when it was deployed. */
export type MarketOptions = {
  longestLifeSeconds: Seconds
  graceSeconds: Seconds
  withdrawalDelaySeconds: Seconds
  minimumAmountWei: Wei
  feeWei: Wei
  burnWei: Wei
}

/** What a node needs to know of its market before it starts. */
export type MarketFacts = {
  chainId: number
  address: Address
  options: MarketOptions
  /** Where its events begin. */
  deploymentBlock: number
}

/** A market as its node describes it. */
export type MarketView = MarketFacts & {
  /** In good standing now or once; the end is the nearest one that any head showed. */
  manufacturers: ManufacturerStanding[]
  revokedMeters: MeterRevocation[]
}

/** What became of a CTP. */
export type CtpState = 'proposed' | 'held' | 'receipted' | 'settled' | 'expired' | 'declined'

/** Where a CTP settled. `gasShare` is whole: the transaction’s gas over its items. */
export type SettlementView = { blockNumber: number; transactionHash: Bytes32; gasShare: number }

/** A CTP as its gateway knows it. */
export type CtpView = {
  /** Short and local to this gateway, since people type it. */
  number: number
  ctpId: Bytes32
  consumer: Address
  ctp: Ctp
  consumerSignature: Signature
  state: CtpState
  /** Highest receipted energy, 0 without a receipt. */
  deliveredWh: Wh
  /** What was paid, or would be for `deliveredWh`. */
  paymentWei: Wei
  /** A full delivery settles at once, a partial one not before this time. */
  settlesFromSeconds: Seconds
  /** From here on the money is free if nothing was receipted. */
  freeAtSeconds: Seconds
  settlement?: SettlementView
  certificate?: { epoch: number; members: number[] }
}

/** The whole file of a CTP: what a receipt is exported from. */
export type CtpDossier = CtpView & {
  holdCertificate?: HoldCertificate
  evidence?: MeterEvidence
  meterReadySignature?: Signature
  receipt?: SignedErc
}

/** What a receipt did. */
export type ErcView = {
  ctp: CtpView
  /** Delivered beyond what was committed: not paid. */
  excessWh: Wh
}

/** One CTP's hold on an account's money. */
export type HoldView = {
  number: number
  ctpId: Bytes32
  amountWei: Wei
  freeAtSeconds: Seconds
}

/** An account: on chain, and what holds its money. */
export type AccountView = {
  account: Address
  balanceWei: Wei
  requestedWei: Wei
  readyAtSeconds: Seconds
  heldWei: Wei
  /** Never negative: balance less requested withdrawals less holds. */
  freeWei: Wei
  energyForSaleWh: bigint
  nextNonce: number
  liveCtps: number
  hasEnergyAccount: boolean
  payout: Address
  /** What holds money now, by number and amount. */
  holds: HoldView[]
}

/** An offer and what is left of it as this node counts. */
export type OfferView = {
  offerId: bigint
  producer: Address
  energyWh: Wh
  leftWh: Wh
  priceWeiPerKwh: bigint
  isNegotiable: boolean
  untilSeconds: Seconds
  isOpen: boolean
  negotiationKey: Hex
}

/** Which offers to list; every part narrows. */
export type OfferFilter = {
  producer?: Address
  /** Highest price. */
  belowWeiPerKwh?: bigint
  /** Least energy left. */
  atLeastWh?: number
  isClosedIncluded?: boolean
  limit?: number
}

/** Which CTPs to list; every part narrows. */
export type CtpFilter = {
  account?: Address
  state?: CtpState
  /** Numbers above this only, so that a list can be paged. */
  afterNumber?: number
  /** Numbers below this only: the next page of a list that is newest first. */
  beforeNumber?: number
  limit?: number
}

/** A block by number and time. */
export type BlockView = { number: number; timeSeconds: Seconds }

/** Another node that this one is connected to. */
export type PeerView = {
  peerId: string
  /** Its place in the committee; absent for an observer, and before it said who it is. */
  member?: number
}

/** A member that is proved to have voted twice. */
export type EquivocationView = { epoch: number; member: number }

/** How a node is. What is said of other nodes is absent where it has no network. */
export type NodeStatus = {
  isVoting: boolean
  /** Why it does not vote: `chain/stalled`, `chain/unreachable`, … */
  reason?: string
  member?: number
  memberAddress: Address
  epoch: number
  committee: Address[]
  quorum: number
  head?: BlockView
  confirmed?: BlockView
  root: Bytes32
  liveCtps: number
  receiptsWaiting: number
  settlementsInFlight: number
  /** Seconds by which the node’s clock is ahead of the newest block; negative where behind. */
  clockSkewSeconds?: number
  /** Where other nodes reach this one: multiaddresses with its peer id. */
  networkAddresses?: string[]
  /** Nodes that it is connected to. */
  peers?: PeerView[]
  /** False while it fetches what others know and it does not. */
  caughtUp?: boolean
  /** Blocks since the start whose root was not the one that their proposer had announced. */
  divergence?: number
  equivocations?: EquivocationView[]
  curveBackend: 'native' | 'noble'
  version: string
}

/** Sums over all that a node has seen. */
export type NodeTotals = {
  ctps: number
  refused: number
  settled: number
  expired: number
  receiptedWh: number
  paidWei: bigint
  settlementTransactions: number
  settlementGas: bigint
  settlementCalldataBytes: number
  /** What all live CTPs hold. */
  heldWei: Wei
  /** Receipts that raised a CTP's delivered energy. */
  receipts: number
}

/** What happened, in order, for whoever listens. */
export type NodeEvent =
  | { kind: 'ctp'; ctp: CtpView }
  | { kind: 'block'; number: number; timeSeconds: Seconds }
  | { kind: 'offer'; offer: OfferView }
  | { kind: 'status'; status: NodeStatus }

/** A proof against `root` that a CTP is live with `digest`, or (null) that it is not. */
export type ProofView = { root: Bytes32; digest: Bytes32 | null; proof: SparseProof }
