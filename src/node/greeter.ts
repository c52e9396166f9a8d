import { buckets } from '../ledger/buckets.ts'
import { metaKey } from '../ledger/keys.ts'
import { delayVotes } from '../ledger/votingPause.ts'
import type { PeerId } from '../ports/network.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Address, bytesToHex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { faultsOf } from '../protocol/committee.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { limits } from '../protocol/limits.ts'
import type { Hello, SignedPeerRecord } from '../protocol/nodeMessages.ts'
import { signPeerRecord } from '../protocol/peerRecord.ts'
import { accepted, type Judgement, type NodeContext } from './nodeContext.ts'

/** Numbers of own records that are kept; others know the last two. */
const keptSequences = 256
/** Room below a millisecond for what tells two starts of one moment apart. */
const marksPerMs = 2n ** 20n

/**
 * Says who this node is on each connection, and learns who the others are.
 *
 * A member's record has a number of its own for each start, and all who saw it keep the last two.
 * So a member that runs on a restored or wiped disk is shown a record which that disk knows
 * nothing of: it may have voted since, and waits until nothing of that can be live.
 */
export class Greeter {
  readonly #context: NodeContext
  #self: { peerId: PeerId; addresses: string[] } | undefined
  #own: SignedPeerRecord | undefined
  /** Numbers of the records that this disk knows of, oldest first. */
  readonly #sequences: bigint[]
  /** Members that said hello since the start: each would have shown a later record. */
  readonly #heard = new Set<Address>()
  /** What connected peers said: members of a committee that is known later are among them. */
  readonly #hellos = new Map<PeerId, Hello>()
  #epoch: number

  constructor(context: NodeContext) {
    this.#context = context
    this.#epoch = context.state.committee.epoch
    const bytes = context.state.store.get(buckets.meta, metaKey('recordSequences'))
    const reader = new ByteReader(bytes ?? new Uint8Array())
    this.#sequences = Array.from({ length: reader.remaining / 8 }, () => reader.uint64())
  }

  /**
   * The network is up: this start's record is signed, and on disk before it leaves.
   *
   * `mark` is a random number below 2^20 that tells starts of one moment apart.
   */
  start(peerId: PeerId, addresses: string[], mark: number): void {
    this.#self = { peerId, addresses }
    const now = BigInt(Math.max(0, Math.floor(this.#context.nowMs())))
    this.#sign(now * marksPerMs + BigInt(mark))
    for (const peer of this.#context.peers.connected) this.#greet(peer)
  }

  /** Why a member cannot know yet that it did not vote elsewhere; undefined where it can. */
  reason(): { code: ErrorCode; text: string } | undefined {
    const { state } = this.#context
    const needed = 2 * faultsOf(state.committee)
    const { members } = state.committee
    const heard = members.filter((member) => this.#heard.has(member)).length
    if (heard >= needed) return undefined
    const text = `The node has heard from ${heard} of ${needed} other members yet.`
    return { code: 'node/catching-up', text }
  }

  /** A connection came up or went down. */
  noteConnection(peer: PeerId, isConnected: boolean): void {
    this.#context.peers.noteConnection(peer, isConnected)
    if (isConnected) this.#greet(peer)
    else this.#hellos.delete(peer)
  }

  /** Members of a new committee are told who this node is. */
  noteEpoch(): void {
    const { epoch } = this.#context.state.committee
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    for (const peer of this.#context.peers.connected) this.#greet(peer)
    for (const [peer, hello] of this.#hellos) this.take(peer, hello)
  }

  take(peer: PeerId, hello: Hello): Judgement {
    const { peers, state, memberAddress, emit } = this.#context
    const { committee } = state
    if (peers.connected.has(peer)) this.#hellos.set(peer, hello)
    const memberBefore = peers.memberOf(peer)
    const records = hello.record === undefined ? hello.known : [...hello.known, hello.record]
    for (const record of records) {
      const isOther = (member: Address) =>
        member !== memberAddress && committee.members.includes(member)
      const before = peers.memberOf(record.peerId)
      const member = peers.take(record, isOther)
      if (member === undefined) {
        this.#judgeOwn(record)
      } else if (before === undefined && peers.peerOf(member) === undefined) {
        for (const address of record.addresses) emit({ kind: 'connect', address })
      }
      if (member !== undefined && record === hello.record) peers.confirm(peer, member)
    }
    const member = peers.memberOf(peer)
    if (member === undefined) return accepted
    this.#heard.add(member)
    // Greeted as a stranger: what it did in another life it was not shown.
    if (memberBefore !== member && peers.recordsOf(member).length > 1) this.#greet(peer)
    return accepted
  }

  /** A record that this member may have signed in another life. */
  #judgeOwn(record: SignedPeerRecord): void {
    const { peers, memberAddress, emit, state } = this.#context
    const { sequence } = record
    const oldest = this.#sequences[0]
    if (oldest === undefined || this.#sequences.includes(sequence)) return
    const isForgotten = this.#sequences.length >= keptSequences && sequence < oldest
    if (isForgotten || peers.signerOf(record) !== memberAddress) return
    const until = delayVotes(state, Math.floor(this.#context.nowMs() / 1000))
    const message = 'this member ran elsewhere, or on another disk: it may have voted there'
    emit({ kind: 'log', level: 'error', message, meta: { seen: String(sequence), until } })
    // Known from now on: the wait is on disk.
    this.#remember(sequence)
    this.#sign(sequence + 1n)
    for (const peer of peers.connected) this.#greet(peer)
  }

  #sign(wanted: bigint): void {
    const { state, memberKey } = this.#context
    if (this.#self === undefined) return
    let sequence = wanted
    for (const each of this.#sequences) if (each >= sequence) sequence = each + 1n
    this.#remember(sequence)
    const { peerId, addresses } = this.#self
    this.#own = signPeerRecord(state.market, { peerId, addresses, sequence }, memberKey)
  }

  #remember(sequence: bigint): void {
    this.#sequences.push(sequence)
    if (this.#sequences.length > keptSequences) this.#sequences.shift()
    const writer = new ByteWriter(8 * keptSequences)
    for (const each of this.#sequences) writer.uint64(each)
    const key = metaKey('recordSequences')
    this.#context.state.store.commit([{ bucket: buckets.meta, key, value: writer.finish() }])
  }

  #greet(peer: PeerId): void {
    const { state, peers, emit, memberAddress } = this.#context
    const { committee } = state
    const isMember = committee.members.includes(memberAddress)
    const receiver = peers.memberOf(peer)
    const others = committee.members.filter((member) => member !== receiver)
    // Only to the member itself the record before its newest says something.
    const own = receiver === undefined ? [] : peers.recordsOf(receiver)
    const newest = others.flatMap((member) => peers.recordsOf(member).slice(0, 1))
    const known = [...own, ...newest].slice(0, limits.members)
    const hello: Hello = {
      kind: 'hello',
      ...(isMember && this.#own !== undefined ? { record: this.#own } : {}),
      known,
      epoch: committee.epoch,
      root: bytesToHex(state.tree.root()),
    }
    emit({ kind: 'send', peer, message: hello })
  }
}
