import type { MarketFacts } from '../ports/chain.ts'
import type { Address, Bytes32, Hex, Signature } from '../protocol/bytes.ts'
import type { CtpSubmission, SignedCtp } from '../protocol/ctpSubmission.ts'
import type { HoldCertificate, VoidCertificate } from '../protocol/holdCertificate.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { MeterEvidence } from '../protocol/meterEvidence.ts'
import type { SignedErc } from '../protocol/receipt.ts'
import type { SparseProof } from '../protocol/sparseProof.ts'
import type { Seconds, Wei, Wh } from '../protocol/units.ts'

/** What became of a CTP. */
export type CtpState = 'proposed' | 'held' | 'receipted' | 'settled' | 'expired' | 'declined'

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
  settlement?: { blockNumber: number; transactionHash: Bytes32; gasShare: number }
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
  holds: { number: number; ctpId: Bytes32; amountWei: Wei; freeAtSeconds: Seconds }[]
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

export type OfferFilter = {
  producer?: Address
  /** Highest price. */
  belowWeiPerKwh?: bigint
  /** Least energy left. */
  atLeastWh?: number
  isClosedIncluded?: boolean
  limit?: number
}

export type CtpFilter = {
  account?: Address
  state?: CtpState
  /** Numbers above this only, so that a list can be paged. */
  afterNumber?: number
  limit?: number
}

/** How a node is. */
export type NodeStatus = {
  isVoting: boolean
  /** Why it does not vote: `chain/stalled`, `chain/unreachable`, … */
  reason?: string
  member?: number
  memberAddress: Address
  epoch: number
  committee: Address[]
  quorum: number
  head?: { number: number; timeSeconds: Seconds }
  confirmed?: { number: number; timeSeconds: Seconds }
  root: Bytes32
  liveCtps: number
  receiptsWaiting: number
  settlementsInFlight: number
  curveBackend: 'native' | 'noble'
  version: string
}

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
}

/** What happened, in order, for whoever listens. */
export type NodeEvent =
  | { kind: 'ctp'; ctp: CtpView }
  | { kind: 'block'; number: number; timeSeconds: Seconds }
  | { kind: 'offer'; offer: OfferView }
  | { kind: 'status'; status: NodeStatus }

/**
 * A running node, as the HTTP API and an embedding program see it. Refusals are `SpbError`s.
 * A promise that resolves means that what it says is on disk.
 */
export type NodeService = {
  market(): MarketFacts & { manufacturers: Address[] }
  status(): NodeStatus
  totals(): NodeTotals
  submitCtp(submission: CtpSubmission): Promise<CtpView>
  submitErc(signed: SignedErc): Promise<ErcView>
  /** Asks for a void certificate of a stuck nonce; shows a CTP that was signed at it. */
  voidNonce(signed: SignedCtp): Promise<VoidCertificate>
  /** By id or by the gateway's number. Throws `ctp/unknown`. */
  ctp(key: Bytes32 | number): CtpDossier
  /** Newest first. */
  ctps(filter: CtpFilter): CtpView[]
  /** Cheapest first. */
  offers(filter: OfferFilter): OfferView[]
  account(address: Address): AccountView
  /** A proof against `root` that a CTP is live with `digest`, or (null) that it is not. */
  proof(ctpId: Bytes32): { root: Bytes32; digest: Bytes32 | null; proof: SparseProof }
  subscribe(listener: (event: NodeEvent) => void): () => void
}
