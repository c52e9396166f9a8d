import type { LiveCtp } from '../ledger/ctpRow.ts'
import { committeeOf } from '../ledger/epochs.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { consumerSignatureOf } from '../ledger/receipts.ts'
import { certify, findNumber } from '../ledger/voting.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { type Committee, quorumOf } from '../protocol/committee.ts'
import { type IdentifiedCtp, identifyCtp, type SignedCtp } from '../protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { makeRoom } from '../protocol/makeRoom.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { CertificateBatch } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { EquivocationBook } from './equivocationBook.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import { type ListVote, toVote, type VoteList, type VoteLists } from './voteLists.ts'

/** What a desk does with a CTP that it certified. */
export type OnCertified = (identified: IdentifiedCtp) => void

/** CTPs of which it is remembered that their certificates were passed on. */
const mostPassedOn = 50_000

/** Takes hold certificates that other gateways made. */
export class CertificateDesk {
  readonly #context: NodeContext
  readonly #lists: VoteLists
  readonly #equivocations: EquivocationBook
  readonly #onCertified: OnCertified
  /** CTPs whose published certificates were passed on. */
  readonly #passedOn = new Set<Bytes32>()

  constructor(
    context: NodeContext,
    parts: { lists: VoteLists; equivocations: EquivocationBook; onCertified: OnCertified },
  ) {
    this.#context = context
    this.#lists = parts.lists
    this.#equivocations = parts.equivocations
    this.#onCertified = parts.onCertified
  }

  /** Checks every signature of a batch, and notes what is new of it. */
  take(batch: CertificateBatch, isPublished: boolean): Judgement {
    const { state } = this.#context
    const committee = committeeOf(state, batch.epoch)
    if (committee === undefined) return ignore('certificate/wrong-epoch')
    const voters = this.#countVoters(committee, batch)
    if (voters === undefined) return reject('signature/invalid')
    const ids = new Set(batch.lists.flat())
    let isNews = false
    for (const [place, item] of batch.items.entries()) {
      const identified = identifyAmong(state, { lists: batch.lists, ids }, item, place)
      if (identified === undefined) return reject('signature/invalid')
      const votes = voters.get(identified.ctpId)
      if (votes === undefined || votes.size < quorumOf(committee)) {
        return reject('certificate/too-few-votes')
      }
      const sorted = [...votes.values()].sort((a, b) => a.member - b.member)
      for (const vote of sorted) this.#equivocations.note(batch.epoch, identified, toVote(vote))
      const known = state.live.get(identified.ctpId)
      if (isPublished) {
        if (known !== undefined && !this.#passedOn.has(identified.ctpId)) isNews = true
        this.#notePassedOn(identified.ctpId)
      }
      if (known !== undefined && known.state !== 'proposed') continue
      const isEnded = known === undefined && findNumber(state, identified) !== undefined
      const quorum = sorted.slice(0, quorumOf(committee))
      certify(state, identified, batch.epoch, quorum.map(toVote))
      // One that ended before closes its nonce, and is no news to anybody.
      if (isEnded) continue
      isNews = true
      this.#onCertified(identified)
    }
    // Known ones are passed on too, once: they came here directly, and observers hear them from us.
    return isNews || !isPublished ? accepted : ignore('network/known')
  }

  #notePassedOn(ctpId: Bytes32): void {
    makeRoom(this.#passedOn, mostPassedOn)
    this.#passedOn.add(ctpId)
  }

  /** Who voted for each id; undefined where a signature is not the member's. */
  #countVoters(
    committee: Committee,
    { ballots, lists: ids }: CertificateBatch,
  ): Map<Bytes32, Map<number, ListVote>> | undefined {
    const voters = new Map<Bytes32, Map<number, ListVote>>()
    // A tree is built only for whoever signed it: one wrong signature ends the work.
    const lists: (VoteList | undefined)[] = []
    for (const { member, signature, list: place } of ballots) {
      if (ids[place] === undefined) return undefined
      lists[place] ??= this.#lists.listOf(ids[place])
      const list = lists[place]
      if (!this.#lists.isSigned(committee, member, signature, list.root)) return undefined
      for (const [index, ctpId] of list.ids.entries()) {
        let votes = voters.get(ctpId)
        if (votes === undefined) {
          votes = new Map()
          voters.set(ctpId, votes)
        }
        votes.set(member, { member, signature, list, index })
      }
    }
    return ids.every((_, place) => lists[place] !== undefined) ? voters : undefined
  }
}

/** A CTP's id; of one that is live here without the recovery of its signature. */
function identifyAmong(
  state: LedgerState,
  { lists, ids }: { lists: readonly (readonly Bytes32[])[]; ids: ReadonlySet<Bytes32> },
  item: SignedCtp,
  place: number,
): IdentifiedCtp | undefined {
  const { ctp, consumerSignature } = item
  const digest = digestOf(state.market, 'Ctp', ctp)
  const find = (id: Bytes32 | undefined): IdentifiedCtp | undefined => {
    const live = id === undefined ? undefined : state.live.get(id)
    if (live === undefined || !isLike(live, ctp)) return undefined
    const { consumer, ctpId } = live
    if (ctpIdOf(digest, consumer) !== ctpId) return undefined
    // Another signature may be the consumer's too, and may be nobody's.
    if (consumerSignatureOf(state, live.number) !== consumerSignature) return undefined
    return { ctp, consumerSignature, ctpId, consumer }
  }
  // Mostly all were accepted, and stand at their places.
  const found = find(lists[0]?.[place])
  if (found !== undefined) return found
  // Each id once, however often the lists repeat it.
  for (const id of ids) {
    const found = find(id)
    if (found !== undefined) return found
  }
  try {
    return identifyCtp(state.market, item)
  } catch (error) {
    if (error instanceof SpbError) return undefined
    throw error
  }
}

function isLike(live: LiveCtp, ctp: Ctp): boolean {
  return (
    live.nonce === ctp.nonce &&
    live.producer === ctp.producer &&
    live.amountWei === ctp.amountWei &&
    live.energyWh === ctp.energyWh &&
    live.expirySeconds === ctp.expirySeconds
  )
}
