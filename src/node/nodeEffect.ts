import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import type { SettleCall, TransactionOutcome } from '../ports/chain.ts'
import type { PeerId, PeerVerdict } from '../ports/network.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { SignedCtp, VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { VoidCertificate, Vote } from '../protocol/holdCertificate.ts'
import type {
  DirectMessage,
  NodeMessage,
  PublishedMessage,
  VoteRequest,
} from '../protocol/nodeMessages.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import type { SpbError } from '../protocol/spbError.ts'
import type { CtpView, ErcView, NodeEvent } from '../protocol/views.ts'

/** What happens to a node, in an order that decides everything it does. */
export type NodeInput =
  | { kind: 'ctp'; request: number; verified: VerifiedCtp }
  | { kind: 'receipt'; request: number; signed: SignedErc }
  | { kind: 'void'; request: number; shown: SignedCtp }
  /** This node's operator ends the epoch for its member. */
  | { kind: 'endEpoch'; request: number }
  | { kind: 'chain'; update: ChainUpdate }
  | { kind: 'reorganised' }
  | { kind: 'chainFailed'; error: SpbError }
  | { kind: 'settlementSent'; transactionHash: Bytes32 }
  | { kind: 'settlementFailed'; error: SpbError }
  | { kind: 'settlementOutcome'; outcome: TransactionOutcome }
  | { kind: 'tick'; nowMs: number }
  | { kind: 'networkStarted'; peerId: PeerId; addresses: string[]; mark: number }
  /** The first connection to a peer came up, or the last went down. */
  | { kind: 'peer'; peer: PeerId; isConnected: boolean }
  /**
   * A message of a peer; decoded, and all of it checked that needs no state. A published one has a
   * `delivery`, which an effect `verdict` answers.
   */
  | { kind: 'message'; peer: PeerId; message: CheckedMessage; delivery?: number }
  | { kind: 'rootAnnounced'; root: Bytes32; isTaken: boolean }

/** A message whose submissions, if it is a vote request, were verified one by one. */
export type CheckedMessage = Exclude<NodeMessage, VoteRequest> | CheckedVoteRequest
/** A vote request as the machine takes it: a refusal stands where a submission is not valid. */
export type CheckedVoteRequest = {
  kind: 'voteRequest'
  id: number
  items: { verified: VerifiedCtp | SpbError; vouches: Vote[] }[]
}

/** What a request is answered with. */
export type Reply = CtpView | ErcView | VoidCertificate | EpochView

/** What a node wants done; released only after its store is synced. */
export type NodeEffect =
  | { kind: 'reply'; request: number; reply: Reply }
  | { kind: 'refuse'; request: number; error: SpbError }
  | { kind: 'event'; event: NodeEvent }
  | { kind: 'settle'; call: SettleCall }
  | { kind: 'checkSettlement'; transactionHash: Bytes32 }
  | { kind: 'send'; peer: PeerId; message: DirectMessage | PublishedMessage }
  | { kind: 'publish'; message: PublishedMessage }
  | { kind: 'connect'; address: string }
  /** What is thought of a published message. */
  | { kind: 'verdict'; delivery: number; verdict: PeerVerdict }
  /** A peer sent what no correct node sends. */
  | { kind: 'blame'; peer: PeerId; code: ErrorCode }
  /** Hands a root to the Ethereum client, for the next block that it makes. */
  | { kind: 'announceRoot'; root: Bytes32 }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; message: string; meta: object }
