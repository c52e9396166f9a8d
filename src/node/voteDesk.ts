import { checkAdmission } from '../ledger/admission.ts'
import { recordOf } from '../ledger/ctpRecords.ts'
import { accountStateOf } from '../ledger/ledgerState.ts'
import { findNumber, hasVotedFor, recordVote } from '../ledger/voting.ts'
import type { PeerId } from '../ports/network.ts'
import { faultsOf } from '../protocol/committee.ts'
import type { VerifiedCtp } from '../protocol/ctpSubmission.ts'
import { recoverVoter, type Vote } from '../protocol/holdCertificate.ts'
import type { CtpRecord, VoteRefusal } from '../protocol/nodeMessages.ts'
import { signMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { accepted, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import type { CheckedVoteRequest } from './nodeEffect.ts'
import type { VoteLists } from './voteLists.ts'

/** A member's side of a vote: it judges what a gateway asks for, and signs what it admits. */
export class VoteDesk {
  readonly #context: NodeContext
  readonly #lists: VoteLists

  constructor(context: NodeContext, lists: VoteLists) {
    this.#context = context
    this.#lists = lists
  }

  /** Answers a request with one signature over all that it admits, and with its refusals. */
  take(peer: PeerId, { id, items }: CheckedVoteRequest): Judgement {
    const { state, emit, memberAddress, memberKey } = this.#context
    const { committee, market } = state
    const places: number[] = []
    const refusals: VoteRefusal[] = []
    const records: CtpRecord[] = []
    for (const [place, { verified, vouches }] of items.entries()) {
      try {
        if (verified instanceof SpbError) throw verified
        const record = this.#knownRecord(verified)
        if (record !== undefined) records.push(record)
        this.#admit(verified, vouches)
        places.push(place)
      } catch (error) {
        if (!(error instanceof SpbError)) throw error
        refusals.push(this.#describe(place, verified, error))
      }
    }
    // What is certified already spares the gateway the other votes.
    if (records.length > 0) {
      emit({ kind: 'send', peer, message: { kind: 'recordsTell', id: 0, records } })
    }
    const { epoch } = committee
    const reply = { kind: 'voteReply' as const, id, epoch, accepted: places, refusals }
    // A gateway checks what it takes before it asks anybody.
    const broken = items.map(({ verified }) => verified).find((one) => one instanceof SpbError)
    const judgement = broken === undefined ? accepted : reject(broken.code)
    if (places.length === 0) {
      emit({ kind: 'send', peer, message: reply })
      return judgement
    }
    const ids = places.map((place) => (items[place]!.verified as VerifiedCtp).ctpId)
    const message = { epoch, ctpsRoot: this.#lists.listOf(ids).root }
    const member = committee.members.indexOf(memberAddress)
    if (member < 0) return judgement
    const signature = signMessage(market, 'HoldVote', message, memberKey)
    emit({ kind: 'send', peer, message: { ...reply, signature } })
    return judgement
  }

  /** Writes the vote down, or finds the one that was given. Throws why there is none. */
  #admit(verified: VerifiedCtp, vouches: readonly Vote[]): void {
    const { state, gate } = this.#context
    gate.check()
    if (hasVotedFor(state, verified)) {
      if (!state.live.has(verified.ctpId)) throw new SpbError('ctp/nonce-closed')
      return
    }
    if (findNumber(state, verified) !== undefined) throw new SpbError('ctp/nonce-closed')
    this.#checkAdmission(verified, vouches)
    recordVote(state, verified)
  }

  /** What others voted is looked at only where it matters: anybody can show anything. */
  #checkAdmission(verified: VerifiedCtp, vouches: readonly Vote[]): void {
    const { state } = this.#context
    try {
      checkAdmission(state, verified, false)
    } catch (error) {
      const isClosed = error instanceof SpbError && error.code === 'offer/closed'
      if (!isClosed || !this.#isVouched(verified, vouches)) throw error
      checkAdmission(state, verified, true)
    }
  }

  #knownRecord({ ctpId }: VerifiedCtp): CtpRecord | undefined {
    const live = this.#context.state.live.get(ctpId)
    return live === undefined || live.state === 'proposed'
      ? undefined
      : recordOf(this.#context.state, ctpId)
  }

  /** `f + 1` others voted for it: an honest one among them found its offer open. */
  #isVouched({ ctpId }: VerifiedCtp, vouches: readonly Vote[]): boolean {
    const { market, committee } = this.#context.state
    const voters = new Set<number>()
    // A gateway shows just so many, and checked them: one that is wrong ends the work.
    for (const vote of vouches.slice(0, faultsOf(committee) + 1)) {
      const voter = recoverVoter(market, committee.epoch, ctpId, vote)
      if (voter === undefined || voter !== committee.members[vote.member]) return false
      voters.add(vote.member)
    }
    return voters.size > faultsOf(committee)
  }

  #describe(place: number, verified: VerifiedCtp | SpbError, error: SpbError): VoteRefusal {
    const { code } = error
    if (code !== 'ctp/nonce-skipped' || verified instanceof SpbError) return { place, code }
    const { state } = this.#context
    const { consumer } = verified
    const chain = accountStateOf(state, consumer)
    return { place, code, nextNonce: state.accounts.nextNonceOf(consumer, chain) }
  }
}
