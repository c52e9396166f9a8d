import { certifyRecord } from '../ledger/ctpRecords.ts'
import { RecoveryCache } from '../ledger/recoveryCache.ts'
import type { PeerId } from '../ports/network.ts'
import { type Address, type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { faultsOf } from '../protocol/committee.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { CtpRecord, RecordsTell, TreeTell } from '../protocol/nodeMessages.ts'
import { SpbError } from '../protocol/spbError.ts'
import { CatchUpRound } from './catchUpRound.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'

/** Comparisons under way at a time. */
const mostRounds = 4

/** When peers are asked, and how long they are waited for. */
export type CatchUpOptions = {
  /** Pause between comparisons, each with the next peer. */
  everyMs: number
  /** A peer that leaves a question without answer for so long is not asked on. */
  stallMs: number
  /** So long it is left alone then. */
  restMs: number
  /** So long a peer is left alone that said what no correct node says. */
  banMs: number
}

/** What an operator rarely has a reason to change. */
export const catchUpDefaults: CatchUpOptions = {
  everyMs: 5_000,
  stallMs: 5_000,
  restMs: 15_000,
  banMs: 300_000,
}

/** Who is told of what was fetched. */
export type CatchUpListeners = {
  /** A CTP was certified by a record. */
  onCertified(identified: IdentifiedCtp): void
  /** A record brought a higher receipt, which is taken in already. */
  onReceipted(ctpId: Bytes32): void
}

/**
 * Finds out what other members know and this node does not, and fetches it: at the start from `2f`
 * of them before it votes, then from one after another, always at a cost that grows with the
 * difference. What it fetches proves itself, so that a liar can only waste some time.
 */
export class CatchUp {
  readonly #options: CatchUpOptions
  readonly #context: NodeContext
  readonly #listeners: CatchUpListeners
  readonly #cache: RecoveryCache
  readonly #rounds = new Map<PeerId, CatchUpRound>()
  /** What each round fetched. */
  readonly #fetched = new Map<PeerId, number>()
  readonly #claimed = new Map<Bytes32, number>()
  readonly #restUntilMs = new Map<PeerId, number>()
  /** The last root that each peer told. */
  readonly #roots = new Map<PeerId, Bytes32>()
  /** Members with which this node compared itself to the end. */
  readonly #compared = new Set<Address>()
  #nextId = 1
  #turn = 0
  #nextTurnMs = 0

  constructor(options: CatchUpOptions, context: NodeContext, listeners: CatchUpListeners) {
    this.#options = options
    this.#context = context
    this.#listeners = listeners
    this.#cache = new RecoveryCache(context.state.market)
  }

  /** True once this node knows all that `2f` other members knew: then it may vote. */
  get hasCaughtUp(): boolean {
    const { committee } = this.#context.state
    const others = committee.members.filter((member) => member !== this.#context.memberAddress)
    const compared = others.filter((member) => this.#compared.has(member))
    return compared.length >= 2 * faultsOf(committee)
  }

  /** Comparisons under way. */
  get roundCount(): number {
    return this.#rounds.size
  }

  noteConnection(peer: PeerId, isConnected: boolean): void {
    if (isConnected) return
    this.#roots.delete(peer)
    this.#end(peer)
  }

  /** A peer said hello with its root: where that differs, they are compared. */
  greet(peer: PeerId, root: Bytes32): void {
    this.noteRoot(peer, root)
    const member = this.#memberOf(peer)
    if (member === undefined) return
    if (root === this.#ownRoot()) this.#compared.add(member)
    else this.compareWith(peer)
  }

  /** A peer told its root: the next comparisons pass it by while it is this node’s own. */
  noteRoot(peer: PeerId, root: Bytes32): void {
    if (this.#context.peers.connected.has(peer)) this.#roots.set(peer, root)
  }

  /** Compares with a member soon, unless that is under way or it is left alone. */
  compareWith(peer: PeerId): void {
    const { peers } = this.#context
    const nowMs = this.#context.nowMs()
    if (this.#rounds.has(peer) || this.#rounds.size >= mostRounds) return
    if (!peers.connected.has(peer) || this.#memberOf(peer) === undefined) return
    if (nowMs < (this.#restUntilMs.get(peer) ?? 0)) return
    this.#restUntilMs.delete(peer)
    const round = new CatchUpRound(peer, 4 * this.#rounds.size, {
      state: this.#context.state,
      claimed: this.#claimed,
      takeId: () => this.#takeId(),
      send: (to, message) => this.#context.emit({ kind: 'send', peer: to, message }),
    })
    this.#rounds.set(peer, round)
    this.#fetched.set(peer, 0)
    round.advance(nowMs)
  }

  /** Takes an answer, or records that a peer gives unasked. */
  take(peer: PeerId, message: TreeTell | RecordsTell): Judgement {
    if (message.kind === 'recordsTell' && message.id === 0) return this.#takeUnasked(message)
    const round = this.#rounds.get(peer)
    const kind = message.kind === 'treeTell' ? 'tree' : 'records'
    if (round === undefined || !round.hasAsked(message.id, kind)) return ignore('network/unasked')
    const code =
      message.kind === 'treeTell'
        ? round.takeTree(message)
          ? undefined
          : 'network/wrong-answer'
        : this.#takeRecords(round, message)
    if (code === 'certificate/wrong-epoch') {
      // One of the two has not seen yet that the committee changed.
      this.#giveUp(peer, this.#options.restMs, code)
      return ignore(code)
    }
    if (code !== undefined || round.isAstray) {
      this.#giveUp(peer, this.#options.banMs, code ?? 'network/wrong-answer')
      return reject(code ?? 'network/wrong-answer')
    }
    this.#advance(round)
    this.#advanceIdle()
    return accepted
  }

  /** Time passed: gives stalled peers up, and starts what is due. */
  tick(): void {
    const nowMs = this.#context.nowMs()
    const { stallMs, restMs, everyMs } = this.#options
    for (const round of [...this.#rounds.values()]) {
      if (round.isStalled(nowMs, stallMs)) this.#giveUp(round.peer, restMs, 'node/unreachable')
      else this.#advance(round)
    }
    if (!this.hasCaughtUp) {
      for (const [peer, member] of this.#candidates()) {
        if (!this.#compared.has(member)) this.compareWith(peer)
      }
      return
    }
    if (nowMs < this.#nextTurnMs) return
    this.#nextTurnMs = nowMs + everyMs
    const own = this.#ownRoot()
    const differing = this.#candidates().filter(([peer]) => this.#roots.get(peer) !== own)
    const next = differing[this.#turn++ % differing.length]
    if (next !== undefined) this.compareWith(next[0])
  }

  #advance(round: CatchUpRound): void {
    round.advance(this.#context.nowMs())
    if (!round.isDone) return
    const { peer } = round
    const fetched = this.#fetched.get(peer) ?? 0
    this.#end(peer)
    const member = this.#memberOf(peer)
    if (member !== undefined) this.#compared.add(member)
    if (fetched > 0) this.#log('info', 'fetched what another member knew', { peer, fetched })
  }

  /** Takes in the records that were asked for; the code of what is wrong with one. */
  #takeRecords(round: CatchUpRound, { id, records }: RecordsTell): ErrorCode | undefined {
    const shown: Bytes32[] = []
    for (const record of records) {
      const taken = this.#takeRecord(record)
      if (typeof taken === 'string') return taken
      shown.push(taken.ctpId)
      if (taken.isNew) this.#fetched.set(round.peer, (this.#fetched.get(round.peer) ?? 0) + 1)
    }
    return round.takeRecords(id, shown) ? undefined : 'network/wrong-answer'
  }

  #takeUnasked({ records }: RecordsTell): Judgement {
    let isNew = false
    for (const record of records) {
      const taken = this.#takeRecord(record)
      if (taken === 'certificate/wrong-epoch') return ignore(taken)
      if (typeof taken === 'string') return reject(taken)
      isNew ||= taken.isNew
    }
    return isNew ? accepted : ignore('network/known')
  }

  #takeRecord(record: CtpRecord): { ctpId: Bytes32; isNew: boolean } | ErrorCode {
    try {
      const outcome = certifyRecord(this.#context.state, record, this.#cache)
      const { identified, isCertified, isReceipted } = outcome
      if (isCertified) this.#listeners.onCertified(identified)
      if (isReceipted) this.#listeners.onReceipted(identified.ctpId)
      return { ctpId: identified.ctpId, isNew: isCertified || isReceipted }
    } catch (error) {
      if (error instanceof SpbError) return error.code
      throw error
    }
  }

  #giveUp(peer: PeerId, restMs: number, code: ErrorCode): void {
    this.#end(peer)
    this.#restUntilMs.set(peer, this.#context.nowMs() + restMs)
    this.#log('warn', 'a peer could not be compared with', { peer, code })
    this.#advanceIdle()
  }

  /** What one round fetched, or gave up, others waited for. */
  #advanceIdle(): void {
    for (const round of [...this.#rounds.values()]) if (round.isIdle) this.#advance(round)
  }

  #end(peer: PeerId): void {
    this.#rounds.get(peer)?.abandon()
    this.#rounds.delete(peer)
    this.#fetched.delete(peer)
  }

  /** Members that can be asked, in an order that lasts. */
  #candidates(): [PeerId, Address][] {
    const { state, peers, memberAddress } = this.#context
    return state.committee.members.flatMap((member): [PeerId, Address][] => {
      const peer = member === memberAddress ? undefined : peers.peerOf(member)
      return peer === undefined ? [] : [[peer, member]]
    })
  }

  #memberOf(peer: PeerId): Address | undefined {
    const member = this.#context.peers.memberOf(peer)
    const { members } = this.#context.state.committee
    return member !== undefined && members.includes(member) ? member : undefined
  }

  #ownRoot(): Bytes32 {
    return bytesToHex(this.#context.state.tree.root())
  }

  #takeId(): number {
    const id = this.#nextId
    this.#nextId = id === 0xffff_ffff ? 1 : id + 1
    return id
  }

  #log(level: 'info' | 'warn', message: string, meta: object): void {
    this.#context.emit({ kind: 'log', level, message, meta })
  }
}
