import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { CtpSubmission, SignedCtp } from '../protocol/ctpSubmission.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type { VoidCertificate } from '../protocol/holdCertificate.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import type {
  AccountView,
  CtpDossier,
  CtpFilter,
  CtpView,
  ErcView,
  MarketView,
  NodeEvent,
  NodeStatus,
  NodeTotals,
  OfferFilter,
  OfferView,
  ProofView,
} from '../protocol/views.ts'

/**
 * A running node, as the HTTP API and an embedding program see it. Refusals are `SpbError`s.
 * A promise that resolves means that what it says is on disk.
 */
export type NodeService = {
  market(): MarketView
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
  proof(ctpId: Bytes32): ProofView
  subscribe(listener: (event: NodeEvent) => void): () => void
}

/** What a node's operator asks of it. */
export type NodeOperation = {
  /** How far the committee's epoch is. */
  epoch(): EpochView
  /** Ends the epoch for this node's member. Resolves once its last word is on disk. */
  endEpoch(): Promise<EpochView>
}
