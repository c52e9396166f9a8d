import type { Bytes32 } from '../protocol/bytes.ts'
import { checkVoteSet, quorumOf } from '../protocol/committee.ts'
import { type IdentifiedCtp, identifyCtp } from '../protocol/ctpSubmission.ts'
import { ctpsRootOf, type HoldCertificate, type Vote } from '../protocol/holdCertificate.ts'
import type { MerklePath } from '../protocol/merkle.ts'
import type { CtpRecord } from '../protocol/nodeMessages.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { buckets } from './buckets.ts'
import { committeeOf } from './epochs.ts'
import { idKey } from './keys.ts'
import type { LedgerState } from './ledgerState.ts'
import { ctpRowOf, takeReceipt } from './receipts.ts'
import type { RecoveryCache } from './recoveryCache.ts'
import { decodeReceipt, decodeVotes } from './signedRows.ts'
import { certify, closedOf, isPast, numberOf } from './voting.ts'

/** What a record brought. */
export type RecordOutcome = {
  identified: IdentifiedCtp
  /** Its certificate was not known before. */
  isCertified: boolean
  /** Its receipt is higher than the one known before. */
  isReceipted: boolean
}

/** True where a CTP's hold certificate is known here, whatever became of the CTP. */
export function isCertificateKnown(state: LedgerState, ctpId: Bytes32): boolean {
  const live = state.live.get(ctpId)
  if (live !== undefined) return live.state !== 'proposed'
  return closedOf(state, ctpId)?.wasHeld === true
}

/** All that is kept of a certified CTP for others; undefined where no certificate is. */
export function recordOf(state: LedgerState, ctpId: Bytes32): CtpRecord | undefined {
  const votes = state.store.get(buckets.certificate, idKey(ctpId))
  const number = votes && numberOf(state, ctpId)
  if (votes === undefined || number === undefined) return undefined
  const { ctp, consumerSignature } = ctpRowOf(state, number)
  const receipt = state.store.get(buckets.receipt, idKey(ctpId))
  return {
    certificate: { ctp, consumerSignature, ...decodeVotes(votes) },
    ...(receipt === undefined ? {} : { receipt: decodeReceipt(ctpId, receipt) }),
  }
}

/**
 * Checks a record that another node keeps, and takes in what is new of it. Of a certificate that
 * is known, only the consumer's signature is checked.
 *
 * Throws `certificate/wrong-epoch` where the epoch's committee is not known here, what
 * `verifyHoldCertificate` throws, and `erc/unknown-ctp`, `erc/zero`, `erc/wrong-key`.
 */
export function certifyRecord(
  state: LedgerState,
  { certificate, receipt }: CtpRecord,
  cache: RecoveryCache,
): RecordOutcome {
  const identified = identifyCtp(state.market, certificate)
  const isCertified = !isCertificateKnown(state, identified.ctpId)
  if (isCertified) {
    const votes = checkVotes(state, identified, certificate, cache)
    certify(state, identified, certificate.epoch, votes)
  }
  const isReceipted = receipt !== undefined && takeHigherReceipt(state, identified, receipt)
  return { identified, isCertified, isReceipted }
}

/** The quorum's votes, checked; whatever a certificate has beyond them is left out. */
function checkVotes(
  state: LedgerState,
  { ctpId }: IdentifiedCtp,
  { epoch, votes }: HoldCertificate,
  cache: RecoveryCache,
): Vote[] {
  const committee = committeeOf(state, epoch)
  if (committee === undefined) throw new SpbError('certificate/wrong-epoch')
  checkVoteSet(committee, votes)
  const quorum = votes.slice(0, quorumOf(committee))
  let last: { path: MerklePath; ctpsRoot: Bytes32 } | undefined
  for (const { member, path, signature } of quorum) {
    // Members that accepted the same CTPs signed the same tree: its path is walked once.
    if (last === undefined || !isSamePath(last.path, path)) {
      last = { path, ctpsRoot: ctpsRootOf(ctpId, path) }
    }
    if (cache.signerOf(epoch, last.ctpsRoot, signature) !== committee.members[member]) {
      throw new SpbError('signature/invalid', `Member ${member} did not vote for this CTP.`)
    }
  }
  return quorum
}

function isSamePath(a: MerklePath, b: MerklePath): boolean {
  return (
    a.index === b.index &&
    a.siblings.length === b.siblings.length &&
    a.siblings.every((sibling, level) => sibling === b.siblings[level])
  )
}

function takeHigherReceipt(
  state: LedgerState,
  { ctpId }: IdentifiedCtp,
  receipt: SignedErc,
): boolean {
  if (receipt.erc.ctpId !== ctpId) throw new SpbError('erc/unknown-ctp')
  const live = state.live.get(ctpId)
  if (live === undefined || isPast(state, live)) return false
  if (receipt.erc.deliveredWh <= live.deliveredWh) return false
  takeReceipt(state, receipt)
  return true
}
