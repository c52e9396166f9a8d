import type { LiveCtp } from '../ledger/ctpRow.ts'
import { committeeOf } from '../ledger/epochs.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { certify, findNumber } from '../ledger/voting.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { type Committee, quorumOf } from '../protocol/committee.ts'
import { type IdentifiedCtp, identifyCtp, type SignedCtp } from '../protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { CertificateBatch } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { EquivocationBook } from './equivocationBook.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import { type ListVote, toVote, type VoteList, type VoteLists } from './voteLists.ts'

/** What a desk does with a CTP that it certified. */
export type OnCertified = (identified: IdentifiedCtp) => void

/** Takes hold certificates that other gateways made. */
export class CertificateDesk {
  readonly #context: NodeContext
  readonly #lists: VoteLists
  readonly #equivocations: EquivocationBook
  readonly #onCertified: OnCertified

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
  take(batch: CertificateBatch): Judgement {
    const { state } = this.#context
    const committee = committeeOf(state, batch.epoch)
    if (committee === undefined) return ignore('certificate/wrong-epoch')
    const lists = batch.lists.map((ids) => this.#lists.listOf(ids))
    const voters = this.#countVoters(committee, batch, lists)
    if (voters === undefined) return reject('signature/invalid')
    for (const [place, item] of batch.items.entries()) {
      const identified = identifyAmong(state, batch.lists, item, place)
      if (identified === undefined) return reject('signature/invalid')
      const votes = voters.get(identified.ctpId)
      if (votes === undefined || votes.size < quorumOf(committee)) {
        return reject('certificate/too-few-votes')
      }
      const sorted = [...votes.values()].sort((a, b) => a.member - b.member)
      for (const vote of sorted) this.#equivocations.note(batch.epoch, identified, toVote(vote))
      const known = state.live.get(identified.ctpId)
      if (known !== undefined && known.state !== 'proposed') continue
      const isEnded = known === undefined && findNumber(state, identified) !== undefined
      const quorum = sorted.slice(0, quorumOf(committee))
      certify(state, identified, batch.epoch, quorum.map(toVote))
      // One that ended before closes its nonce, and is no news to anybody.
      if (!isEnded) this.#onCertified(identified)
    }
    // Known ones are passed on too: they came here directly, and observers hear them from us.
    return accepted
  }

  /** Who voted for each id; undefined where a signature is not the member's. */
  #countVoters(
    committee: Committee,
    { ballots }: CertificateBatch,
    lists: readonly VoteList[],
  ): Map<Bytes32, Map<number, ListVote>> | undefined {
    const voters = new Map<Bytes32, Map<number, ListVote>>()
    for (const { member, signature, list: place } of ballots) {
      const list = lists[place]
      if (list === undefined) return undefined
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
    return voters
  }
}

/** A CTP's id; of one that is live here without the recovery of its signature. */
function identifyAmong(
  state: LedgerState,
  lists: readonly (readonly Bytes32[])[],
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
    return { ctp, consumerSignature, ctpId, consumer }
  }
  for (const ids of lists) {
    // Mostly all were accepted, and stand at their places.
    const found = find(ids[place])
    if (found !== undefined) return found
  }
  for (const ids of lists) {
    for (const id of ids) {
      const found = find(id)
      if (found !== undefined) return found
    }
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
