import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import type { SettleCall, TransactionOutcome } from '../ports/chain.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import type { SignedCtp, VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { VoidCertificate } from '../protocol/holdCertificate.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import type { SpbError } from '../protocol/spbError.ts'
import type { CtpView, ErcView, NodeEvent } from '../protocol/views.ts'

/** What happens to a node, in an order that decides everything it does. */
export type NodeInput =
  | { kind: 'ctp'; request: number; verified: VerifiedCtp }
  | { kind: 'receipt'; request: number; signed: SignedErc }
  | { kind: 'void'; request: number; shown: SignedCtp }
  | { kind: 'chain'; update: ChainUpdate }
  | { kind: 'reorganised' }
  | { kind: 'chainFailed'; error: SpbError }
  | { kind: 'settlementSent'; transactionHash: Bytes32 }
  | { kind: 'settlementFailed'; error: SpbError }
  | { kind: 'settlementOutcome'; outcome: TransactionOutcome }
  | { kind: 'tick'; nowMs: number }

/** What a request is answered with. */
export type Reply = CtpView | ErcView | VoidCertificate

/** What a node wants done; released only after its store is synced. */
export type NodeEffect =
  | { kind: 'reply'; request: number; reply: Reply }
  | { kind: 'refuse'; request: number; error: SpbError }
  | { kind: 'event'; event: NodeEvent }
  | { kind: 'settle'; call: SettleCall }
  | { kind: 'checkSettlement'; transactionHash: Bytes32 }
  | { kind: 'log'; level: 'info' | 'warn' | 'error'; message: string; meta: object }
