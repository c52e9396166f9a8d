import type { Address, Bytes32, Hex, Signature } from './bytes.ts'
import type { CtpSubmission, SignedCtp } from './ctpSubmission.ts'
import type { ErrorCode } from './errorTable.ts'
import type { HoldCertificate, VoidCertificate, Vote } from './holdCertificate.ts'
import type { SignedErc } from './signedErc.ts'
import type { Wh } from './units.ts'

/** A member's word under which name and where in the network it is reached. */
export type SignedPeerRecord = {
  peerId: string
  /** Multiaddresses; at most 8 of 256 characters. */
  addresses: string[]
  /** Grows with each start of the member: the highest known one holds. */
  sequence: bigint
  signature: Signature
}

/** The first message on each connection, both ways. */
export type Hello = {
  kind: 'hello'
  /** Of the sender; absent for an observer. */
  record?: SignedPeerRecord
  /** The newest record that the sender has of each member, the receiver included. */
  known: SignedPeerRecord[]
  epoch: number
  root: Bytes32
}

/** A gateway asks a member for its vote. `id` is the gateway's own. */
export type VoteRequest = { kind: 'voteRequest'; id: number; items: VoteRequestItem[] }
/** `vouches`: votes of others, which stand in for the check of a closed offer; mostly none. */
export type VoteRequestItem = { submission: CtpSubmission; vouches: Vote[] }

/**
 * A member's answer. The signature is a HoldVote over the tree of the accepted items' ids, in the
 * order of `accepted`, which are places in the request.
 */
export type VoteReply = {
  kind: 'voteReply'
  id: number
  epoch: number
  accepted: number[]
  /** Absent where nothing was accepted. */
  signature?: Signature
  refusals: VoteRefusal[]
}
/** `nextNonce`: with `ctp/nonce-skipped`, the account's next nonce as the member knows it. */
export type VoteRefusal = { place: number; code: ErrorCode; nextNonce?: number }

/** One member's signature over the tree of one of a batch's lists of ids. */
export type Ballot = { member: number; signature: Signature; list: number }

/** Up to 64 CTPs and the votes that certify each: members' signatures are over whole lists. */
export type CertificateBatch = {
  kind: 'certificates'
  epoch: number
  items: SignedCtp[]
  /** Ordered ids, 1 to 64 each, over which ballots sign. */
  lists: Bytes32[][]
  ballots: Ballot[]
}

/** Receipts, to be kept by everyone: at most 256. */
export type ReceiptsNotice = { kind: 'receipts'; receipts: SignedErc[] }

/** Asks a member to sign that a nonce is void; shows a CTP that was signed at it. */
export type VoidRequest = { kind: 'voidRequest'; id: number; shown: SignedCtp }
/** One of: a signature, a refusal, the nonce's certificate that the asker lacks. */
export type VoidReply = {
  kind: 'voidReply'
  id: number
  epoch: number
  signature?: Signature
  code?: ErrorCode
  certificate?: HoldCertificate
}
/** A void certificate, to be kept by everyone. */
export type VoidedNotice = { kind: 'voided'; certificate: VoidCertificate }

/** Asks a member to sign a settlement; every item's receipt comes along. */
export type SettleRequest = {
  kind: 'settleRequest'
  id: number
  epoch: number
  sequence: bigint
  beneficiary: Address
  /** Packed, 141 bytes an item, at most 256. */
  items: Hex
  /** One an item, in order. */
  receipts: SignedErc[]
}
/** A signature over the whole order, or why some items cannot be signed. */
export type SettleReply = {
  kind: 'settleReply'
  id: number
  signature?: Signature
  refusals: SettleRefusal[]
}
/** `receipt`: a higher one that the member knows. */
export type SettleRefusal = { place: number; code: ErrorCode; receipt?: SignedErc }

/** Two votes of one member in one epoch for different CTPs of one account and nonce. */
export type EquivocationNotice = {
  kind: 'equivocation'
  epoch: number
  member: number
  votes: [EquivocalVote, EquivocalVote]
}
/** One of two votes: the CTP, and the signature with its path. */
export type EquivocalVote = SignedCtp & { vote: Vote }

/** Asks for hashes of subtrees of the sender's root; at most 64 places. */
export type TreeAsk = { kind: 'treeAsk'; id: number; places: TreePlace[] }
/** The first `bits` bits of `prefix`, which has whole bytes of them. */
export type TreePlace = { prefix: Hex; bits: number }
/** One answer a place, in order. */
export type TreeTell = { kind: 'treeTell'; id: number; root: Bytes32; answers: TreeAnswer[] }
/** The hashes of the 16 subtrees four bits below, or all leaves where they are few. */
export type TreeAnswer =
  | { kind: 'hashes'; hashes: Bytes32[] }
  | { kind: 'leaves'; leaves: { ctpId: Bytes32; digest: Bytes32 }[] }

/** Asks for what is known of CTPs; at most 64. */
export type RecordsAsk = { kind: 'recordsAsk'; id: number; ctpIds: Bytes32[] }
/** The answer, also unasked for where a peer was seen to lack something (id 0). */
export type RecordsTell = { kind: 'recordsTell'; id: number; records: CtpRecord[] }
/** A CTP's certificate and its highest receipt. */
export type CtpRecord = { certificate: HoldCertificate; receipt?: SignedErc }

/** A proposer's root as it handed it to its Ethereum client, told to all its peers. */
export type RootNotice = { kind: 'root'; root: Bytes32; headNumber: number }

/** A member's last word in an epoch, to be kept by everyone. */
export type EpochEndNotice = {
  kind: 'epochEnd'
  epoch: number
  member: number
  votesRoot: Bytes32
  signature: Signature
}
/** Asks for a part of the report behind a `votesRoot`. */
export type ReportAsk = { kind: 'reportAsk'; id: number; votesRoot: Bytes32; page: number }
/** A part of a report, or none where the sender does not have it: `pages` is 0. */
export type ReportTell = {
  kind: 'reportTell'
  id: number
  votesRoot: Bytes32
  page: number
  pages: number
  entries: ReportEntry[]
}
/**
 * What an ending member says of one CTP: that it may be live (all that it voted for or counts as
 * held), or that it is the account's highest nonce that it knows of.
 */
export type ReportEntry = SignedCtp & {
  /** 1: may be live; 2: highest nonce of its account; 3: both. */
  roles: 1 | 2 | 3
  deliveredWh: Wh
  /** Present where `deliveredWh` is not 0. */
  receipt?: SignedErc
}

/** What nodes send to one peer. */
export type DirectMessage =
  | Hello
  | VoteRequest
  | VoteReply
  | VoidRequest
  | VoidReply
  | SettleRequest
  | SettleReply
  | TreeAsk
  | TreeTell
  | RecordsAsk
  | RecordsTell
  | RootNotice
  | ReportAsk
  | ReportTell

/** What nodes publish; each may also be sent to one peer. */
export type PublishedMessage =
  | CertificateBatch
  | ReceiptsNotice
  | VoidedNotice
  | EquivocationNotice
  | EpochEndNotice

/** All that nodes say to each other. */
export type NodeMessage = DirectMessage | PublishedMessage

/** Bounds of messages between nodes, checked while they are decoded. */
export const messageLimits = {
  addresses: 8,
  addressLength: 256,
  peerIdLength: 128,
  votesPerRequest: 64,
  certificatesPerBatch: 64,
  /** Lists in a batch: members that accepted different items sign different ones. */
  lists: 128,
  ballots: 256,
  receiptsPerNotice: 256,
  treePlaces: 64,
  treeLeaves: 64,
  recordsPerAsk: 64,
  reportEntriesPerPage: 1024,
} as const
