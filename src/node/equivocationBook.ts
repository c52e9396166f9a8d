import { buckets } from '../ledger/buckets.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import { identifyCtp } from '../protocol/ctpSubmission.ts'
import { recoverVoter, type Vote } from '../protocol/holdCertificate.ts'
import { makeRoom } from '../protocol/makeRoom.ts'
import type { EquivocalVote, EquivocationNotice } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../protocol/wire/nodeMessageCodec.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'

/** Votes that are remembered to compare later ones with; the oldest are forgotten first. */
const keptVotes = 50_000

type SeenVote = EquivocalVote & { ctpId: string }

/**
 * Remembers which CTP each member voted for at each nonce, and keeps two votes that contradict
 * each other: they prove to anybody that the member cheats.
 */
export class EquivocationBook {
  readonly #context: NodeContext
  readonly #seen = new Map<string, SeenVote>()
  readonly #notices = new Map<string, EquivocationNotice>()

  constructor(context: NodeContext) {
    this.#context = context
    for (const { value } of context.state.store.entries(buckets.equivocation)) {
      const notice = decodeNodeMessage(value)
      if (notice.kind === 'equivocation') this.#notices.set(nameOf(notice), notice)
    }
  }

  /** The members that are known to have cheated, with the proofs. */
  list(): EquivocationNotice[] {
    return [...this.#notices.values()]
  }

  isCheat(epoch: number, member: number): boolean {
    return this.#notices.size > 0 && this.#notices.has(nameOf({ epoch, member }))
  }

  /** Compares a vote, which was checked, with what is remembered. */
  note(epoch: number, identified: IdentifiedCtp, vote: Vote): void {
    const { ctp, consumerSignature, consumer, ctpId } = identified
    const key = `${epoch} ${vote.member} ${consumer} ${ctp.nonce}`
    const seen = this.#seen.get(key)
    if (seen === undefined) {
      makeRoom(this.#seen, keptVotes)
      this.#seen.set(key, { ctp, consumerSignature, vote, ctpId })
      return
    }
    if (seen.ctpId === ctpId || this.isCheat(epoch, vote.member)) return
    const { ctpId: _, ...first } = seen
    const second = { ctp, consumerSignature, vote }
    this.#keep({ kind: 'equivocation', epoch, member: vote.member, votes: [first, second] })
  }

  /** Takes another node's proof, and checks it. */
  take(notice: EquivocationNotice): Judgement {
    const { state } = this.#context
    if (this.isCheat(notice.epoch, notice.member)) return ignore('network/known')
    if (notice.epoch !== state.committee.epoch) return ignore('certificate/wrong-epoch')
    if (!isProof(state, notice)) return reject('certificate/no-equivocation')
    this.#keep(notice)
    return accepted
  }

  #keep(notice: EquivocationNotice): void {
    const { state, emit } = this.#context
    this.#notices.set(nameOf(notice), notice)
    const key = new ByteWriter(5).uint32(notice.epoch).uint8(notice.member).finish()
    const value = encodeNodeMessage(notice)
    state.store.commit([{ bucket: buckets.equivocation, key, value }])
    const meta = { epoch: notice.epoch, member: notice.member }
    emit({ kind: 'log', level: 'error', message: 'a member voted twice', meta })
    emit({ kind: 'publish', message: notice })
  }
}

function nameOf({ epoch, member }: { epoch: number; member: number }): string {
  return `${epoch} ${member}`
}

/** True where both votes are the member's, of one epoch, account and nonce, for different CTPs. */
function isProof({ market, committee }: LedgerState, notice: EquivocationNotice): boolean {
  const { epoch, member, votes } = notice
  try {
    const [one, other] = votes.map((vote) => ({ ...identifyCtp(market, vote), vote: vote.vote }))
    if (one === undefined || other === undefined || one.ctpId === other.ctpId) return false
    if (one.consumer !== other.consumer || one.ctp.nonce !== other.ctp.nonce) return false
    const address = committee.members[member]
    if (address === undefined) return false
    return [one, other].every(
      ({ ctpId, vote }) =>
        vote.member === member && recoverVoter(market, epoch, ctpId, vote) === address,
    )
  } catch (error) {
    if (error instanceof SpbError) return false
    throw error
  }
}
