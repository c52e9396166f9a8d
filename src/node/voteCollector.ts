import { checkAdmission, checkEnergyLeft } from '../ledger/admission.ts'
import { recordOf } from '../ledger/ctpRecords.ts'
import { accountStateOf } from '../ledger/ledgerState.ts'
import { viewCtp } from '../ledger/ledgerViews.ts'
import { certify, closingOf, findNumber, hasVotedFor, recordVote } from '../ledger/voting.ts'
import type { PeerId } from '../ports/network.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { faultsOf, quorumOf } from '../protocol/committee.ts'
import type { VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { limits } from '../protocol/limits.ts'
import type { VoteRefusal, VoteReply } from '../protocol/nodeMessages.ts'
import { signMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { EquivocationBook } from './equivocationBook.ts'
import {
  batchesOf,
  describeVotes,
  type Gathering,
  quorumVotesOf,
  renewGathering,
  startGathering,
} from './gathering.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import { ParkedCtps } from './parkedCtps.ts'
import type { RequestBook } from './requestBook.ts'
import { type ListVote, toVote, type VoteLists } from './voteLists.ts'

/** CTPs that may wait for votes at a time. */
const mostGatherings = 20_000
/** A member that has not answered for so long is asked again. */
const askAgainMs = 2_000
/** Who waits for a certificate is told after so long that there is none yet. */
const patienceMs = 10_000
/** After so long nobody is asked any more: the CTP may be sent again. */
const gatheringMs = 60_000
/** A member is shown so often what it lacks of one account's nonces. */
const mostRepairs = 3

type Ask = { peer: PeerId; member: number; items: Gathering[]; atMs: number }

/** What the collector works with besides the context. */
export type VoteCollectorParts = {
  requests: RequestBook
  lists: VoteLists
  equivocations: EquivocationBook
  /** A CTP was certified here. */
  onCertified(identified: VerifiedCtp): void
}

/**
 * The gateway's side of a CTP: admits it, casts this member's own vote, gathers the others', makes
 * the hold certificate and spreads it. Submissions of one step share votes and requests.
 */
export class VoteCollector {
  readonly #context: NodeContext
  readonly #parts: VoteCollectorParts
  readonly #gatherings = new Map<Bytes32, Gathering>()
  readonly #asks = new Map<number, Ask>()
  readonly #parked = new ParkedCtps()
  #ballot: VerifiedCtp[] = []
  /** Whose CTPs are on the ballot. */
  readonly #balloted = new Set<Address>()
  #nextAsk = 1

  constructor(context: NodeContext, parts: VoteCollectorParts) {
    this.#context = context
    this.#parts = parts
  }

  /** Takes a client's CTP; the answer comes with its certificate, or is a refusal. */
  submit(request: number, verified: VerifiedCtp): void {
    const { state } = this.#context
    const { requests } = this.#parts
    const { ctpId, consumer } = verified
    const known = findNumber(state, verified)
    const isUncertified = state.live.get(ctpId)?.state === 'proposed'
    if (known !== undefined && !isUncertified) {
      // Sent again, after a lost answer: the same answer once more.
      requests.answer(request, () => viewCtp(state, ctpId))
      return
    }
    try {
      this.#checkServing()
      if (known === undefined) {
        // With one member, the vote for an account's earlier CTP of this step closes its nonce.
        if (this.#balloted.has(consumer)) this.flush()
        if (this.#park(request, verified)) return
        checkAdmission(state, verified, false)
        checkEnergyLeft(state, verified)
        recordVote(state, verified)
        requests.totals.ctps++
      }
    } catch (error) {
      requests.refuse(request, error)
      return
    }
    const isUnderWay = this.#gatherings.has(ctpId) || this.#ballot.includes(verified)
    const isBalloted = requests.isWaiting(ctpId) && this.#balloted.has(consumer)
    requests.wait(ctpId, request)
    if (isUnderWay || isBalloted) return
    this.#ballot.push(verified)
    this.#balloted.add(consumer)
  }

  /** Votes for what was submitted since, and asks the other members. */
  flush(): void {
    const ballot = this.#ballot
    this.#ballot = []
    this.#balloted.clear()
    for (let from = 0; from < ballot.length; from += limits.ctpsPerVote) {
      this.#gather(ballot.slice(from, from + limits.ctpsPerVote))
    }
  }

  takeReply(peer: PeerId, reply: VoteReply): Judgement {
    const ask = this.#asks.get(reply.id)
    if (ask === undefined || ask.peer !== peer) return ignore('network/unasked')
    this.#asks.delete(reply.id)
    const { committee } = this.#context.state
    // What was asked for before the committee changed is asked for anew, and gathered by itself.
    const isOld = ask.items.some(({ epoch }) => epoch !== committee.epoch)
    if (isOld || reply.epoch !== committee.epoch) return ignore('certificate/wrong-epoch')
    const items = reply.accepted.map((place) => ask.items[place])
    const isOrdered = reply.accepted.every((place, at) => place > (reply.accepted[at - 1] ?? -1))
    if (!isOrdered || items.includes(undefined)) return reject('certificate/vote-order')
    const voted = items as Gathering[]
    if (voted.length > 0) {
      if (reply.signature === undefined) return reject('signature/invalid')
      const { lists } = this.#parts
      const list = lists.listOf(voted.map(({ verified }) => verified.ctpId))
      if (!lists.isSigned(committee, ask.member, reply.signature, list.root)) {
        return reject('signature/invalid')
      }
      for (const [index, gathering] of voted.entries()) {
        const vote = { member: ask.member, signature: reply.signature, list, index }
        this.#addVote(gathering, vote)
      }
    }
    for (const refusal of reply.refusals) {
      const gathering = ask.items[refusal.place]
      if (gathering !== undefined) this.#noteRefusal(ask, gathering, refusal)
    }
    this.#certifyReady(voted)
    for (const gathering of ask.items) this.#judge(gathering)
    return accepted
  }

  /** Asks again, tells those who wait too long, forgets what is too old. */
  tick(): void {
    const nowMs = this.#context.nowMs()
    for (const [id, { atMs }] of this.#asks) {
      if (nowMs - atMs > patienceMs) this.#asks.delete(id)
    }
    const again = new Map<number, Gathering[]>()
    const { committee } = this.#context.state
    for (const gathering of this.#gatherings.values()) {
      const { ctpId, consumer } = gathering.verified
      if (nowMs - gathering.sinceMs > patienceMs) {
        const text = describeVotes(gathering, committee)
        this.#refuse(ctpId, new SpbError('certificate/too-few-votes', text))
        this.#refuseParked(consumer)
      }
      if (nowMs - gathering.sinceMs > gatheringMs) {
        this.#gatherings.delete(ctpId)
        continue
      }
      if (gathering.epoch !== committee.epoch) renewGathering(gathering, committee.epoch)
      for (const member of this.#listLate(gathering, nowMs)) {
        const late = again.get(member)
        if (late === undefined) again.set(member, [gathering])
        else late.push(gathering)
      }
    }
    for (const [member, gatherings] of again) {
      for (let from = 0; from < gatherings.length; from += limits.ctpsPerVote) {
        this.#ask(member, gatherings.slice(from, from + limits.ctpsPerVote))
      }
    }
  }

  /** A CTP was certified by another gateway's work. */
  noteCertified(ctpId: Bytes32, consumer: Address): void {
    this.#gatherings.delete(ctpId)
    this.#unpark(consumer)
  }

  /** A CTP ended without a certificate. */
  drop(ctpId: Bytes32, consumer: Address): void {
    this.#refuse(ctpId, new SpbError('certificate/too-few-votes', 'The CTP expired without one.'))
    // Those that are parked wait for another one of the account's.
    if (this.#gatherings.delete(ctpId)) this.#refuseParked(consumer)
  }

  /** Throws why no certificate can be made here and now. */
  #checkServing(): void {
    const { gate, state, peers, memberAddress } = this.#context
    gate.checkServing()
    if (this.#gatherings.size >= mostGatherings) {
      throw new SpbError('node/overloaded', undefined, { meta: { retryAfterSeconds: 5 } })
    }
    const { committee } = state
    const others = committee.members.filter(
      (member) => member !== memberAddress && peers.peerOf(member) !== undefined,
    ).length
    const reason = gate.reason()
    const reachable = others + (reason === undefined ? 1 : 0)
    if (reachable >= quorumOf(committee)) return
    if (reason !== undefined && others === 0) gate.check()
    throw new SpbError(
      'node/too-few-members',
      `${reachable} of ${quorumOf(committee)} members of the committee can be asked for votes.`,
      { meta: { reachable, quorum: quorumOf(committee) } },
    )
  }

  /** Keeps a CTP whose account's earlier ones are about to be certified. */
  #park(request: number, verified: VerifiedCtp): boolean {
    const { state } = this.#context
    const { consumer, ctp } = verified
    const next = state.accounts.nextNonceOf(consumer, accountStateOf(state, consumer))
    if (ctp.nonce <= next) return false
    const before = state.accounts.liveOf(consumer).get(next)
    if (before === undefined || !this.#gatherings.has(before.ctpId)) return false
    return this.#parked.add({ request, verified }, next)
  }

  #unpark(consumer: Address): void {
    for (const { request, verified } of this.#parked.take(consumer)) this.submit(request, verified)
  }

  #refuseParked(consumer: Address): void {
    for (const { request } of this.#parked.take(consumer)) {
      this.#parts.requests.refuse(request, new SpbError('ctp/nonce-skipped'))
    }
  }

  #refuse(ctpId: Bytes32, error: SpbError): void {
    this.#parts.requests.refuseWaiting(ctpId, error)
  }

  #gather(batch: readonly VerifiedCtp[]): void {
    const { state, memberAddress, gate } = this.#context
    const { committee } = state
    const nowMs = this.#context.nowMs()
    const gatherings = batch.map((verified) => {
      const gathering = startGathering(verified, committee.epoch, nowMs)
      this.#gatherings.set(verified.ctpId, gathering)
      return gathering
    })
    const own = committee.members.indexOf(memberAddress)
    if (own >= 0 && gate.reason() === undefined) this.#castOwn(own, gatherings)
    for (const member of committee.members.keys()) {
      if (member !== own) this.#ask(member, gatherings)
    }
    this.#certifyReady(gatherings)
  }

  #castOwn(member: number, gatherings: readonly Gathering[]): void {
    const { state, memberKey } = this.#context
    // Nothing is signed but what is on disk as this member's vote.
    const voted = gatherings.filter(({ verified }) => hasVotedFor(state, verified))
    if (voted.length === 0) return
    const list = this.#parts.lists.listOf(voted.map(({ verified }) => verified.ctpId))
    const message = { epoch: state.committee.epoch, ctpsRoot: list.root }
    const signature = signMessage(state.market, 'HoldVote', message, memberKey)
    for (const [index, gathering] of voted.entries()) {
      gathering.votes.set(member, { member, signature, list, index })
    }
  }

  #ask(member: number, items: Gathering[], vouches?: readonly ListVote[]): void {
    const { state, peers, emit } = this.#context
    const peer = peers.peerOf(state.committee.members[member]!)
    if (peer === undefined) return
    const id = this.#nextAsk++ % 2 ** 32
    const atMs = this.#context.nowMs()
    this.#asks.set(id, { peer, member, items, atMs })
    const shown = vouches?.map(toVote) ?? []
    const requested = items.map((gathering) => {
      gathering.askedAtMs.set(member, atMs)
      return { submission: gathering.verified.submission, vouches: shown }
    })
    emit({ kind: 'send', peer, message: { kind: 'voteRequest', id, items: requested } })
  }

  #addVote(gathering: Gathering, vote: ListVote): void {
    gathering.votes.set(vote.member, vote)
    gathering.refusals.delete(vote.member)
    const { epoch, verified } = gathering
    this.#parts.equivocations.note(epoch, verified, toVote(vote))
  }

  #certifyReady(gatherings: readonly Gathering[]): void {
    const { state } = this.#context
    const { committee } = state
    const { equivocations, requests } = this.#parts
    const certified: { signed: VerifiedCtp; votes: ListVote[] }[] = []
    for (const gathering of gatherings) {
      const { verified, epoch } = gathering
      if (this.#gatherings.get(verified.ctpId) !== gathering) continue
      const isCheat = (member: number) => equivocations.isCheat(epoch, member)
      const votes = quorumVotesOf(gathering, committee, isCheat)
      if (votes === undefined) continue
      this.#gatherings.delete(verified.ctpId)
      certify(state, verified, epoch, votes.map(toVote))
      certified.push({ signed: verified, votes })
    }
    if (certified.length === 0) return
    // Before anything that may depend on it, such as a request for the account's next nonce.
    this.#spread(certified)
    for (const { signed } of certified) {
      requests.announceCertified(signed)
      this.#parts.onCertified(signed)
      this.#unpark(signed.consumer)
    }
  }

  /** To each member in order with what is asked of it later, and to everyone by way of others. */
  #spread(certified: { signed: VerifiedCtp; votes: ListVote[] }[]): void {
    const { state, peers, emit, memberAddress } = this.#context
    if (peers.connected.size === 0) return
    for (const message of batchesOf(state.committee.epoch, certified)) {
      for (const member of state.committee.members) {
        const peer = member === memberAddress ? undefined : peers.peerOf(member)
        if (peer !== undefined) emit({ kind: 'send', peer, message })
      }
      emit({ kind: 'publish', message })
    }
  }

  #noteRefusal({ member, peer }: Ask, gathering: Gathering, refusal: VoteRefusal): void {
    gathering.refusals.set(member, refusal.code)
    const { code, nextNonce } = refusal
    if (code !== 'ctp/nonce-skipped' || nextNonce === undefined) return
    const repairs = gathering.repairs.get(member) ?? 0
    if (repairs >= mostRepairs) return
    gathering.repairs.set(member, repairs + 1)
    this.#showNonces(peer, gathering, nextNonce)
    this.#ask(member, [gathering])
  }

  /** Sends what closed an account's nonces, from the first that is lacked on. */
  #showNonces(peer: PeerId, { verified }: Gathering, nextNonce: number): void {
    const { state, emit } = this.#context
    const { consumer, ctp } = verified
    const end = Math.min(ctp.nonce, nextNonce + limits.nonceWindow)
    const records = []
    for (let nonce = nextNonce; nonce < end; nonce++) {
      const closing = closingOf(state, consumer, nonce)
      if (closing?.kind === 'voided') {
        emit({ kind: 'send', peer, message: { kind: 'voided', certificate: closing.certificate } })
      } else if (closing !== undefined) {
        const record = recordOf(state, closing.ctpId)
        if (record !== undefined) records.push(record)
      }
    }
    if (records.length === 0) return
    emit({ kind: 'send', peer, message: { kind: 'recordsTell', id: 0, records } })
  }

  /** Ends what can get no quorum any more; shows votes of others to those that miss an offer. */
  #judge(gathering: Gathering): void {
    const { ctpId } = gathering.verified
    if (this.#gatherings.get(ctpId) !== gathering) return
    const { committee } = this.#context.state
    const votes = [...gathering.votes.values()].slice(0, faultsOf(committee) + 1)
    if (votes.length > faultsOf(committee)) {
      for (const [member, code] of gathering.refusals) {
        if (code !== 'offer/closed' || gathering.vouched.has(member)) continue
        gathering.vouched.add(member)
        gathering.refusals.delete(member)
        this.#ask(member, [gathering], votes)
      }
    }
    const final = [...gathering.refusals.values()].filter(isFinal)
    if (committee.members.length - final.length >= quorumOf(committee)) return
    this.#gatherings.delete(ctpId)
    const { consumer } = gathering.verified
    this.#refuse(ctpId, new SpbError(final[0]!, undefined, { meta: { members: final.length } }))
    this.#refuseParked(consumer)
  }

  #listLate({ votes, refusals, askedAtMs }: Gathering, nowMs: number): number[] {
    const { committee } = this.#context.state
    const own = committee.members.indexOf(this.#context.memberAddress)
    return [...committee.members.keys()].filter((member) => {
      if (member === own || votes.has(member)) return false
      const code = refusals.get(member)
      if (code !== undefined && isFinal(code)) return false
      return nowMs - (askedAtMs.get(member) ?? Number.NEGATIVE_INFINITY) >= askAgainMs
    })
  }
}

/** A refusal that asking again does not change. */
function isFinal(code: ErrorCode): boolean {
  return !new SpbError(code).isRetryable
}
