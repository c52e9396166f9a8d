import { recordOf } from '../ledger/ctpRecords.ts'
import { committeeOf } from '../ledger/epochs.ts'
import { accountStateOf } from '../ledger/ledgerState.ts'
import {
  applyVoid,
  certify,
  closingOf,
  nonceRowOf,
  recordVoidVote,
  voidOf,
} from '../ledger/voting.ts'
import type { PeerId } from '../ports/network.ts'
import type { Address } from '../protocol/bytes.ts'
import { type MemberSignature, quorumOf } from '../protocol/committee.ts'
import { type IdentifiedCtp, identifyCtp, type SignedCtp } from '../protocol/ctpSubmission.ts'
import { digestOf } from '../protocol/digest.ts'
import {
  type HoldCertificate,
  type VoidCertificate,
  verifyHoldCertificate,
  verifyVoidCertificate,
} from '../protocol/holdCertificate.ts'
import { limits } from '../protocol/limits.ts'
import type { VoidedNotice, VoidReply, VoidRequest } from '../protocol/nodeMessages.ts'
import { recoverSigner, signMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import type { RequestBook } from './requestBook.ts'

/** How long signatures are waited for. */
const patienceMs = 10_000
/** Nonces that may be under way at a time. */
const mostRounds = 1_000
/** Voids that a member signs for an account within the time of grace: each leaves rows for good. */
const mostVoids = limits.nonceWindow

type Round = {
  id: number
  shown: SignedCtp
  account: Address
  nonce: number
  epoch: number
  requests: number[]
  signatures: Map<number, MemberSignature>
  refusals: Map<number, SpbError>
  sinceMs: number
}

/** Closes nonces that got stuck: gathers members' word that no hold can exist there any more. */
export class VoidDesk {
  readonly #context: NodeContext
  readonly #requests: RequestBook
  readonly #onCertified: (identified: IdentifiedCtp) => void
  readonly #rounds = new Map<number, Round>()
  /** Accounts for which voids were signed of late, and since when how many. */
  readonly #voids = new Map<Address, { sinceSeconds: number; count: number }>()
  #nextId = 1

  constructor(
    context: NodeContext,
    requests: RequestBook,
    onCertified: (identified: IdentifiedCtp) => void,
  ) {
    this.#context = context
    this.#requests = requests
    this.#onCertified = onCertified
  }

  /** Takes a client's request; the answer comes with the void certificate, or is a refusal. */
  submit(request: number, shown: SignedCtp): void {
    try {
      const { state, gate, memberAddress } = this.#context
      gate.checkServing()
      const { consumer, ctp } = identifyCtp(state.market, shown)
      const known = voidOf(state, consumer, ctp.nonce)
      if (known !== undefined) {
        this.#requests.reply(request, known)
        return
      }
      const running = [...this.#rounds.values()].find(
        ({ account, nonce }) => account === consumer && nonce === ctp.nonce,
      )
      if (running !== undefined) {
        running.requests.push(request)
        return
      }
      if (this.#rounds.size >= mostRounds) throw new SpbError('node/overloaded')
      const { committee, facts } = state
      // No member would sign it: anybody can make up such accounts, and have all asked about each.
      if (accountStateOf(state, consumer).balanceWei < facts.options.minimumAmountWei) {
        throw new SpbError('ctp/insufficient-balance', 'The account has no money at this market.')
      }
      const isOnlyMember = quorumOf(committee) === 1
      const isMember = committee.members.includes(memberAddress)
      if (isOnlyMember && isMember) gate.check()
      const own = isMember && gate.reason() === undefined ? this.#sign(shown) : undefined
      this.#start(request, shown, consumer, own)
    } catch (error) {
      this.#requests.refuse(request, error)
    }
  }

  /** A member's side: signs, or shows why not. */
  takeRequest(peer: PeerId, { id, shown }: VoidRequest): Judgement {
    const { state, emit, gate } = this.#context
    const { epoch } = state.committee
    const reply = { kind: 'voidReply' as const, id, epoch }
    try {
      const { consumer, ctp } = identifyCtp(state.market, shown)
      const closing = closingOf(state, consumer, ctp.nonce)
      if (closing?.kind === 'voided') {
        const { certificate } = closing
        emit({ kind: 'send', peer, message: { kind: 'voided', certificate } })
        return accepted
      }
      const certificate = closing && recordOf(state, closing.ctpId)?.certificate
      if (certificate !== undefined) {
        emit({ kind: 'send', peer, message: { ...reply, code: 'ctp/nonce-closed', certificate } })
        return accepted
      }
      gate.check()
      const { signature } = this.#sign(shown)
      emit({ kind: 'send', peer, message: { ...reply, signature } })
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      emit({ kind: 'send', peer, message: { ...reply, code: error.code } })
    }
    return accepted
  }

  takeReply(peer: PeerId, reply: VoidReply): Judgement {
    const { state, peers } = this.#context
    const round = this.#rounds.get(reply.id)
    const { committee, market } = state
    const member = committee.members.indexOf(peers.memberOf(peer) ?? '0x')
    if (round === undefined || member < 0) return ignore('network/unasked')
    if (reply.epoch !== committee.epoch || round.epoch !== committee.epoch) {
      return ignore('certificate/wrong-epoch')
    }
    if (reply.certificate !== undefined) return this.#takeCertificate(round, reply.certificate)
    if (reply.signature === undefined) {
      round.refusals.set(member, new SpbError(reply.code ?? 'node/bad-answer'))
      this.#judge(round)
      return accepted
    }
    const { epoch, account, nonce } = round
    const digest = digestOf(market, 'NonceVoid', { epoch, account, nonce })
    if (recoverSigner(digest, reply.signature) !== committee.members[member]) {
      return reject('signature/invalid')
    }
    round.signatures.set(member, { member, signature: reply.signature })
    this.#judge(round)
    return accepted
  }

  /** Takes a void certificate that others made. */
  take({ certificate }: VoidedNotice): Judgement {
    const { state } = this.#context
    const { account, nonce, epoch } = certificate
    if (voidOf(state, account, nonce) !== undefined) return ignore('network/known')
    const committee = committeeOf(state, epoch)
    if (committee === undefined) return ignore('certificate/wrong-epoch')
    try {
      verifyVoidCertificate(state.market, committee, certificate)
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      return reject(error.code)
    }
    this.#apply(certificate)
    return accepted
  }

  /** Ends rounds that wait too long. */
  tick(): void {
    const nowMs = this.#context.nowMs()
    for (const [account, { sinceSeconds }] of this.#voids) {
      if (this.#isOld(sinceSeconds)) this.#voids.delete(account)
    }
    for (const round of this.#rounds.values()) {
      if (nowMs - round.sinceMs <= patienceMs) continue
      const [refusal] = round.refusals.values()
      this.#end(round, refusal ?? new SpbError('certificate/too-few-votes'))
    }
  }

  #sign(shown: SignedCtp): MemberSignature {
    const { state, memberAddress, memberKey } = this.#context
    const identified = identifyCtp(state.market, shown)
    this.#countVoid(identified)
    const { committee, market } = state
    const message = {
      epoch: committee.epoch,
      account: identified.consumer,
      nonce: shown.ctp.nonce,
    }
    const member = committee.members.indexOf(memberAddress)
    return { member, signature: signMessage(market, 'NonceVoid', message, memberKey) }
  }

  /** Writes down that this member voids a nonce, unless its account had too many voided of late. */
  #countVoid(identified: IdentifiedCtp): void {
    const { state } = this.#context
    const { consumer, ctp } = identified
    const { isVoidSigned } = nonceRowOf(state, consumer, ctp.nonce)
    const known = this.#voids.get(consumer)
    const isFresh = known === undefined || this.#isOld(known.sinceSeconds)
    if (!isVoidSigned && !isFresh && known.count >= mostVoids) {
      throw new SpbError('node/overloaded', 'The account had too many nonces voided of late.')
    }
    recordVoidVote(state, identified)
    if (isVoidSigned) return
    const sinceSeconds = isFresh ? (state.confirmed?.timeSeconds ?? 0) : known.sinceSeconds
    this.#voids.set(consumer, { sinceSeconds, count: isFresh ? 1 : known.count + 1 })
  }

  #isOld(sinceSeconds: number): boolean {
    const { confirmed, facts } = this.#context.state
    return (confirmed?.timeSeconds ?? 0) > sinceSeconds + facts.options.graceSeconds
  }

  #start(request: number, shown: SignedCtp, account: Address, own?: MemberSignature): void {
    const { state, peers, emit, memberAddress } = this.#context
    const { committee } = state
    const id = this.#nextId++ % 2 ** 32
    const round: Round = {
      ...{ id, shown, account, nonce: shown.ctp.nonce, epoch: committee.epoch },
      requests: [request],
      signatures: new Map(own === undefined ? [] : [[own.member, own]]),
      refusals: new Map(),
      sinceMs: this.#context.nowMs(),
    }
    this.#rounds.set(id, round)
    for (const member of committee.members) {
      const peer = member === memberAddress ? undefined : peers.peerOf(member)
      if (peer !== undefined) {
        emit({ kind: 'send', peer, message: { kind: 'voidRequest', id, shown } })
      }
    }
    this.#judge(round)
  }

  #judge(round: Round): void {
    const { committee } = this.#context.state
    const quorum = quorumOf(committee)
    if (round.signatures.size >= quorum) {
      const { account, nonce, epoch } = round
      const sorted = [...round.signatures.values()].sort((a, b) => a.member - b.member)
      this.#apply({ account, nonce, epoch, signatures: sorted.slice(0, quorum) })
      return
    }
    if (committee.members.length - round.refusals.size >= quorum) return
    const [refusal] = round.refusals.values()
    this.#end(round, refusal ?? new SpbError('certificate/too-few-votes'))
  }

  /** A hold exists there after all. */
  #takeCertificate(round: Round, certificate: HoldCertificate): Judgement {
    const { state } = this.#context
    const committee = committeeOf(state, certificate.epoch)
    if (committee === undefined) return ignore('certificate/wrong-epoch')
    try {
      const identified = verifyHoldCertificate(state.market, committee, certificate)
      const { consumer, ctp } = identified
      if (consumer !== round.account || ctp.nonce !== round.nonce) return reject('input/shape')
      certify(state, identified, certificate.epoch, certificate.votes)
      this.#onCertified(identified)
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      return reject(error.code)
    }
    this.#end(round, new SpbError('ctp/nonce-closed'))
    return accepted
  }

  #apply(certificate: VoidCertificate): void {
    const { state, emit, peers } = this.#context
    const { account, nonce } = certificate
    applyVoid(state, certificate)
    // Walks on past what is closed now.
    state.accounts.nextNonceOf(account, accountStateOf(state, account))
    if (peers.connected.size > 0) {
      emit({ kind: 'publish', message: { kind: 'voided', certificate } })
    }
    for (const round of this.#rounds.values()) {
      if (round.account !== account || round.nonce !== nonce) continue
      this.#rounds.delete(round.id)
      for (const request of round.requests) this.#requests.reply(request, certificate)
    }
  }

  #end(round: Round, error: SpbError): void {
    this.#rounds.delete(round.id)
    for (const request of round.requests) this.#requests.refuse(request, error)
  }
}
