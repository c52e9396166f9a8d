import type { LedgerState } from '../ledger/ledgerState.ts'
import type { PeerVerdict } from '../ports/network.ts'
import type { Address } from '../protocol/bytes.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { NodeEffect } from './nodeEffect.ts'
import type { PeerBook } from './peerBook.ts'
import type { VotingGate } from './votingGate.ts'

/** What every desk of a node's machine works with. */
export type NodeContext = {
  readonly state: LedgerState
  readonly memberKey: Uint8Array
  readonly memberAddress: Address
  readonly peers: PeerBook
  readonly gate: VotingGate
  /** Time of the last tick; 0 before the first. */
  nowMs(): number
  /** Adds an effect; it is released only after the store is synced. */
  emit(effect: NodeEffect): void
}

/** What a desk makes of a peer's message: the code says why it is not accepted. */
export type Judgement =
  | { verdict: 'accept' }
  | { verdict: Exclude<PeerVerdict, 'accept'>; code: ErrorCode }

/** The judgement of what is right and new. */
export const accepted: Judgement = { verdict: 'accept' }

/** A judgement of what is not passed on, but may come from a correct node. */
export const ignore = (code: ErrorCode): Judgement => ({ verdict: 'ignore', code })

/** A judgement of what no correct node sends: its peer is blamed. */
export const reject = (code: ErrorCode): Judgement => ({ verdict: 'reject', code })
