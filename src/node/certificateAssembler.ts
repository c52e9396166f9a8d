import type { Bytes32 } from '../protocol/bytes.ts'
import { type Committee, quorumOf } from '../protocol/committee.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import type { Vote } from '../protocol/holdCertificate.ts'

type Gathering = { identified: IdentifiedCtp; votes: Map<number, Vote> }

/** Gathers members' votes until a quorum makes a hold certificate. The votes were checked. */
export class CertificateAssembler {
  readonly #gatherings = new Map<Bytes32, Gathering>()

  /** Adds a vote; returns the certificate's votes, in member order, as soon as they are enough. */
  add(committee: Committee, identified: IdentifiedCtp, vote: Vote): Vote[] | undefined {
    const { ctpId } = identified
    let gathering = this.#gatherings.get(ctpId)
    if (gathering === undefined) {
      gathering = { identified, votes: new Map() }
      this.#gatherings.set(ctpId, gathering)
    }
    gathering.votes.set(vote.member, vote)
    const quorum = quorumOf(committee)
    if (gathering.votes.size < quorum) return undefined
    this.#gatherings.delete(ctpId)
    return [...gathering.votes.values()].sort((a, b) => a.member - b.member).slice(0, quorum)
  }

  /** Forgets a CTP that ended without a certificate. */
  drop(ctpId: Bytes32): void {
    this.#gatherings.delete(ctpId)
  }
}
