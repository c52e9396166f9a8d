import type { ChainUpdate } from '../ledger/chainUpdates.ts'
import { RootHistory } from '../ledger/rootHistory.ts'
import type { BlockHeader } from '../ports/chain.ts'
import type { PeerId } from '../ports/network.ts'
import { type Address, type Bytes32, type Hex, zeroAddress } from '../protocol/bytes.ts'
import type { RootNotice } from '../protocol/nodeMessages.ts'
import { rootStartOf, rootTextBytes } from '../protocol/rootText.ts'
import { accepted, type Judgement, type NodeContext } from './nodeContext.ts'

/** Roots that are remembered of each peer. */
const mostNotices = 64
/** Proposers whose owners are remembered. */
const mostProposers = 1_024
/** Headers that wait for their proposer's notice. */
const mostWaiting = 256
/** Blocks for which a notice may be late, or a root old by the time it is in a block. */
const patienceBlocks = 3
const staleBlocks = 16

/** What a root text names, and what a header can be compared by. */
type RootStart = Hex
/** Who announced a root, and the newest head for which it did. */
type Claim = { peer: PeerId; headNumber: number }
type Waiting = { header: BlockHeader; start: RootStart }

/** What the audit has others do. */
export type RootAuditListeners = {
  /** A peer's root is not this node's: they should be compared. */
  onDifference(peer: PeerId): void
  /** A peer told its root. */
  onRoot(peer: PeerId, root: Bytes32): void
}

/**
 * Hands this node's root to its Ethereum client for the next block, tells it to its peers, and
 * checks what other proposers' headers say against the roots that their owners told.
 *
 * Honest members' sets differ for moments, so another root alone is no divergence: it makes the
 * two compare themselves. A divergence is a header's root that its owner told nobody, or long ago.
 */
export class RootAudit {
  readonly history: RootHistory
  readonly #context: NodeContext
  readonly #listeners: RootAuditListeners
  readonly #notices = new Map<PeerId, Map<RootStart, number>>()
  readonly #owners = new Map<Address, PeerId>()
  #waiting: Waiting[] = []
  /** Blocks before it were made when this node did not listen. */
  #fromNumber: number | undefined
  #headHash: Bytes32 | undefined
  #divergence = 0
  #audited = 0

  constructor(context: NodeContext, listeners: RootAuditListeners) {
    this.#context = context
    this.#listeners = listeners
    this.history = new RootHistory(context.state)
  }

  /** Headers that diverged since the start. */
  get divergence(): number {
    return this.#divergence
  }

  /** Headers whose root an owner told in time, since the start. */
  get audited(): number {
    return this.#audited
  }

  noteConnection(peer: PeerId, isConnected: boolean): void {
    if (isConnected) return
    this.#notices.delete(peer)
    for (const [proposer, owner] of this.#owners) {
      if (owner === peer) this.#owners.delete(proposer)
    }
  }

  /** A look at the chain was applied: announces where it showed a new head, and audits headers. */
  noteUpdate({ head, headers = [] }: ChainUpdate): void {
    if (head.hash === this.#headHash) return
    this.#headHash = head.hash
    const { emit, peers } = this.#context
    const root = this.history.note(head.number)
    emit({ kind: 'announceRoot', root })
    const message: RootNotice = { kind: 'root', root, headNumber: head.number }
    for (const peer of peers.connected) emit({ kind: 'send', peer, message })
    this.#fromNumber ??= head.number + patienceBlocks
    for (const header of headers) this.#enqueue(header)
    this.#audit(head.number)
  }

  /** A member told its root. */
  take(peer: PeerId, { root, headNumber }: RootNotice): Judgement {
    if (!this.#isMember(peer)) return accepted
    this.#listeners.onRoot(peer, root)
    let notices = this.#notices.get(peer)
    if (notices === undefined) {
      notices = new Map()
      this.#notices.set(peer, notices)
    }
    const start = startOf(root)
    // Put last again, so that the oldest goes first.
    notices.delete(start)
    notices.set(start, headNumber)
    if (notices.size > mostNotices) notices.delete([...notices.keys()][0]!)
    return accepted
  }

  #enqueue(header: BlockHeader): void {
    const start = rootStartOf(header.extra)
    if (start === undefined || header.number < (this.#fromNumber ?? 0)) return
    // Nothing but zeros says nothing: a client that was told no root writes that.
    if (/^0x0*$/.test(start)) return
    this.#waiting.push({ header, start })
    if (this.#waiting.length > mostWaiting) this.#waiting.shift()
  }

  #audit(headNumber: number): void {
    this.#waiting = this.#waiting.filter(({ header, start }) => {
      if (this.#isOwn(header, start)) return false
      const claim = this.#findClaim(header, start)
      if (claim === undefined) {
        if (headNumber < header.number + patienceBlocks) return true
        this.#judgeUnclaimed(header)
        return false
      }
      if (isStale(header, claim.headNumber)) this.#diverge(header, claim.peer)
      else this.#audited++
      this.#listeners.onDifference(claim.peer)
      return false
    })
  }

  /** True for a root that this node announced itself: then they agreed. */
  #isOwn(header: BlockHeader, start: RootStart): boolean {
    return this.history
      .list()
      .some(({ root, headNumber }) => startOf(root) === start && !isStale(header, headNumber))
  }

  /** Who told a header's root. No chain says whose a proposer is: it is learnt from its roots. */
  #findClaim({ proposer = zeroAddress }: BlockHeader, start: RootStart): Claim | undefined {
    const claims: Claim[] = []
    for (const [peer, notices] of this.#notices) {
      const headNumber = notices.get(start)
      if (headNumber !== undefined) claims.push({ peer, headNumber })
    }
    const owner = this.#owners.get(proposer)
    const own = claims.find(({ peer }) => peer === owner)
    if (own !== undefined || claims.length === 0) return own
    // Of several that told the same root, none is known to be the one.
    this.#owners.delete(proposer)
    if (claims.length === 1 && this.#owners.size < mostProposers) {
      this.#owners.set(proposer, claims[0]!.peer)
    }
    return claims.sort((a, b) => b.headNumber - a.headNumber)[0]
  }

  /** A root that nobody told is held against its proposer's owner, or against nobody we know. */
  #judgeUnclaimed(header: BlockHeader): void {
    const owner = this.#owners.get(header.proposer ?? zeroAddress)
    if (owner !== undefined) {
      this.#diverge(header, owner)
      this.#listeners.onDifference(owner)
    } else if (this.#areAllHeard()) {
      this.#diverge(header, undefined)
    }
  }

  /** True where every other member told a root: one that none of them told is nobody's. */
  #areAllHeard(): boolean {
    const { state, peers, memberAddress } = this.#context
    return state.committee.members.every((member) => {
      const peer = peers.peerOf(member)
      return member === memberAddress || (peer !== undefined && this.#notices.has(peer))
    })
  }

  #diverge({ number, hash, proposer }: BlockHeader, peer: PeerId | undefined): void {
    this.#divergence++
    this.#context.emit({
      kind: 'log',
      level: 'warn',
      message: 'a block’s header has a root that its proposer did not tell',
      meta: { number, hash, proposer: proposer ?? null, peer: peer ?? null },
    })
  }

  #isMember(peer: PeerId): boolean {
    const member = this.#context.peers.memberOf(peer)
    return member !== undefined && this.#context.state.committee.members.includes(member)
  }
}

/** As much of a root as a header has room for. */
const startOf = (root: Bytes32): RootStart => root.slice(0, 2 + 2 * rootTextBytes) as Hex

const isStale = (header: BlockHeader, headNumber: number): boolean =>
  headNumber + staleBlocks < header.number
