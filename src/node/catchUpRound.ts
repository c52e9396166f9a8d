import { isCertificateKnown, recordOf } from '../ledger/ctpRecords.ts'
import { type LedgerState, stateDigestOf } from '../ledger/ledgerState.ts'
import type { PeerId } from '../ports/network.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import {
  messageLimits,
  type RecordsAsk,
  type RecordsTell,
  type TreeAnswer,
  type TreeAsk,
  type TreePlace,
  type TreeTell,
} from '../protocol/nodeMessages.ts'
import { wh } from '../protocol/units.ts'
import { SyncDeskBudget } from './syncDeskBudget.ts'
import { childPlaces, emptyHash, isBelow, rootPlace } from './treePlaces.ts'

/** Questions on their way to one peer. */
const mostAsks = 4
/** Below what a peer serves, so that none of an honest asker's questions is dropped. */
const asksPerSecond = 128
const asksAtOnce = 512
/** Leaves that wait to be fetched: then no further places are looked at. */
const mostWanted = 8_192
/** Places that one round looks at: a tree of some millions of leaves has fewer that matter. */
const mostPlaces = 2 ** 18
/** Leaves that a peer named and did not show: then it is not believed any more. */
const mostLacking = 4_096
/** A CTP that another round asks for is asked for here too when that takes so long. */
const patienceMs = 1_000
/** Records that a peer is given of its lower receipts; it finds the others itself. */
const mostGiven = 256

type Leaf = { ctpId: Bytes32; digest: Bytes32 }
type Ask = { atMs: number } & (
  | { kind: 'tree'; places: TreePlace[] }
  | { kind: 'records'; leaves: Leaf[] }
)

/** What a round works with; shared with the others of its node. */
export type CatchUpRoundParts = {
  state: LedgerState
  /** What rounds are fetching at the moment, and since when. */
  claimed: Map<Bytes32, number>
  /** Gives a question its number. */
  takeId(): number
  send(peer: PeerId, message: TreeAsk | RecordsAsk | RecordsTell): void
}

const heldDigest = bytesToHex(stateDigestOf({ state: 'held', deliveredWh: wh(0) }))

/**
 * One comparison with one peer: descends where its tree differs, and says what to fetch.
 *
 * Depth first, so that what waits is bounded whatever the trees hold.
 */
export class CatchUpRound {
  readonly peer: PeerId
  readonly #parts: CatchUpRoundParts
  /** Where in each node of the tree this round starts, so that rounds part ways. */
  readonly #turn: number
  readonly #budget = new SyncDeskBudget(asksPerSecond, asksAtOnce)
  readonly #asks = new Map<number, Ask>()
  readonly #tried = new Set<Bytes32>()
  #places: TreePlace[] = [rootPlace]
  #wanted: Leaf[] = []
  /** Claimed by another round when their turn came. */
  #later: Leaf[] = []
  #given = 0
  #lower: Bytes32[] = []
  #placesAsked = 0
  #lacking = 0

  constructor(peer: PeerId, turn: number, parts: CatchUpRoundParts) {
    this.peer = peer
    this.#turn = turn
    this.#parts = parts
  }

  /** True once all that differed was looked at and fetched. */
  get isDone(): boolean {
    return this.#asks.size === 0 && this.#places.length === 0 && this.#countWaiting() === 0
  }

  /** True where the peer led this node further than any correct peer’s tree goes. */
  get isAstray(): boolean {
    return this.#placesAsked > mostPlaces || this.#lacking > mostLacking
  }

  /** True while nothing is on its way, for what is left is on its way to another round. */
  get isIdle(): boolean {
    return this.#asks.size === 0
  }

  /** True where a question is without an answer for so long. */
  isStalled(nowMs: number, stallMs: number): boolean {
    for (const { atMs } of this.#asks.values()) if (nowMs - atMs > stallMs) return true
    return false
  }

  /** True for a question of this round that is on its way. */
  hasAsked(id: number, kind: Ask['kind']): boolean {
    return this.#asks.get(id)?.kind === kind
  }

  /** Asks for as much as may be on its way at a time. */
  advance(nowMs: number): void {
    this.#give()
    while (this.#asks.size < mostAsks) {
      const isFull = this.#countWaiting() >= mostWanted
      const isFewWanted = this.#wanted.length < messageLimits.recordsPerAsk
      const isPlaceNext = isFewWanted && !isFull && this.#places.length > 0
      const leaves = isPlaceNext ? [] : this.#nextLeaves(nowMs)
      const isForPlaces = leaves.length === 0 && !isFull
      const places = isForPlaces ? this.#places.slice(-messageLimits.treePlaces) : []
      if (places.length === 0 && leaves.length === 0) return
      if (!this.#budget.take(nowMs)) {
        this.#wanted.push(...leaves)
        return
      }
      if (places.length > 0) this.#askPlaces(places, nowMs)
      else this.#askRecords(leaves, nowMs)
    }
  }

  /** Takes an answer about places; false where it does not fit the question. */
  takeTree({ id, root, answers }: TreeTell): boolean {
    const ask = this.#asks.get(id)
    if (ask?.kind !== 'tree' || answers.length !== ask.places.length) return false
    this.#asks.delete(id)
    const { tree } = this.#parts.state
    if (ask.places[0] === rootPlace && bytesToHex(tree.root()) === root) return true
    return answers.every((answer, index) => this.#takeAnswer(ask.places[index]!, answer))
  }

  /**
   * Ends a question about records: `shown` are the ids of those that came and were taken in. False
   * where one was not asked for.
   */
  takeRecords(id: number, shown: readonly Bytes32[]): boolean {
    const ask = this.#asks.get(id)
    if (ask?.kind !== 'records') return false
    this.#asks.delete(id)
    const missing = new Map(ask.leaves.map((leaf) => [leaf.ctpId, leaf]))
    for (const { ctpId } of ask.leaves) this.#parts.claimed.delete(ctpId)
    for (const ctpId of shown) {
      const leaf = missing.get(ctpId)
      if (leaf === undefined) return false
      missing.delete(ctpId)
      if (this.#isLower(leaf)) this.#lower.push(ctpId)
    }
    for (const leaf of missing.values()) {
      // An answer has its bounds, and what is live at a peer may have ended meanwhile.
      if (this.#tried.has(leaf.ctpId)) this.#lacking++
      else this.#wanted.push(leaf)
      this.#tried.add(leaf.ctpId)
    }
    return true
  }

  /** Lets go of what this round claimed. */
  abandon(): void {
    for (const ask of this.#asks.values()) {
      if (ask.kind !== 'records') continue
      for (const { ctpId } of ask.leaves) this.#parts.claimed.delete(ctpId)
    }
    this.#asks.clear()
  }

  #countWaiting(): number {
    return this.#wanted.length + this.#later.length
  }

  #askPlaces(places: TreePlace[], nowMs: number): void {
    this.#places.splice(-places.length)
    this.#placesAsked += places.length
    const id = this.#parts.takeId()
    this.#asks.set(id, { kind: 'tree', places, atMs: nowMs })
    this.#parts.send(this.peer, { kind: 'treeAsk', id, places })
  }

  #askRecords(leaves: Leaf[], nowMs: number): void {
    const ctpIds = leaves.map(({ ctpId }) => ctpId)
    for (const ctpId of ctpIds) this.#parts.claimed.set(ctpId, nowMs)
    const id = this.#parts.takeId()
    this.#asks.set(id, { kind: 'records', leaves, atMs: nowMs })
    this.#parts.send(this.peer, { kind: 'recordsAsk', id, ctpIds })
  }

  /** What is asked for next: what nobody fetches, and at the end what somebody is slow to. */
  #nextLeaves(nowMs: number): Leaf[] {
    const leaves: Leaf[] = []
    while (leaves.length < messageLimits.recordsPerAsk) {
      const leaf = this.#wanted.pop()
      if (leaf === undefined) break
      if (this.#parts.claimed.has(leaf.ctpId)) this.#later.push(leaf)
      else if (this.#isWanted(leaf)) leaves.push(leaf)
    }
    const isEnd = this.#places.length === 0 || this.#countWaiting() >= mostWanted
    if (leaves.length > 0 || !isEnd) return leaves
    this.#later = this.#later.filter((leaf) => {
      if (!this.#isWanted(leaf)) return false
      const sinceMs = this.#parts.claimed.get(leaf.ctpId)
      const isPatient = sinceMs !== undefined && nowMs - sinceMs < patienceMs
      if (isPatient || leaves.length >= messageLimits.recordsPerAsk) return true
      leaves.push(leaf)
      return false
    })
    return leaves
  }

  #takeAnswer(place: TreePlace, answer: TreeAnswer): boolean {
    if (answer.kind === 'leaves') {
      for (const leaf of answer.leaves) {
        if (!isBelow(place, leaf.ctpId)) return false
        if (this.#isWanted(leaf)) this.#wanted.push(leaf)
      }
      return true
    }
    const children = childPlaces(place)
    if (answer.hashes.length !== children.length) return false
    const { tree } = this.#parts.state
    for (let step = 0; step < children.length; step++) {
      const child = (step + this.#turn) % children.length
      const { prefix, bits } = children[child]!
      const theirs = answer.hashes[child]!
      if (theirs === emptyHash) continue
      if (bytesToHex(tree.nodeHash(hexToBytes(prefix), bits)) === theirs) continue
      // Deeper than any place that can be asked for there are no 65 leaves.
      if (bits > 252) return false
      this.#places.push(children[child]!)
    }
    return true
  }

  /** True where a peer’s leaf can tell this node something. */
  #isWanted(leaf: Leaf): boolean {
    const { state } = this.#parts
    const live = state.live.get(leaf.ctpId)
    if (live === undefined || live.state === 'proposed') {
      return !isCertificateKnown(state, leaf.ctpId)
    }
    if (bytesToHex(stateDigestOf(live)) === leaf.digest) return false
    if (leaf.digest !== heldDigest) return true
    this.#lower.push(leaf.ctpId)
    return false
  }

  /** True where this node knows a higher receipt than the peer, whose record it has now. */
  #isLower(leaf: Leaf): boolean {
    const live = this.#parts.state.live.get(leaf.ctpId)
    return live !== undefined && bytesToHex(stateDigestOf(live)) !== leaf.digest
  }

  /** Shows the peer the higher receipts that it lacks. */
  #give(): void {
    if (this.#lower.length === 0) return
    const ctpIds = new Set(this.#lower.splice(0))
    const records = []
    for (const ctpId of ctpIds) {
      if (this.#given >= mostGiven || records.length >= messageLimits.recordsPerAsk) break
      const record = recordOf(this.#parts.state, ctpId)
      if (record?.receipt === undefined) continue
      records.push(record)
      this.#given++
    }
    if (records.length === 0) return
    this.#parts.send(this.peer, { kind: 'recordsTell', id: 0, records })
  }
}
