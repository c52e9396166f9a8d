import { buckets } from '../ledger/buckets.ts'
import { endChange } from '../ledger/epochBook.ts'
import { endsBehind, epochReasonOf, isEpochStarted } from '../ledger/epochs.ts'
import { finishHandOver, hasAllReports, importEntry } from '../ledger/handOver.ts'
import {
  completeChange,
  forgetReports,
  hashEntry,
  makeReport,
  pageChange,
  pagesOf,
  readReportPage,
} from '../ledger/handOverReport.ts'
import type { PeerId } from '../ports/network.ts'
import type { Change } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { quorumOf } from '../protocol/committee.ts'
import { digestOf } from '../protocol/digest.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type {
  EpochEndNotice,
  ReportAsk,
  ReportEntry,
  ReportTell,
} from '../protocol/nodeMessages.ts'
import { recoverSigner, signMessage } from '../protocol/signature.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import { ReportFetcher } from './reportFetcher.ts'
import type { Reason } from './votingGate.ts'

/** How much of a hand-over a node does at a time. */
export type EpochDeskOptions = {
  /** Parts of reports that are taken over in one tick, 1,024 entries each. */
  pagesPerTick: number
  /** Parts of reports that one peer is given between two ticks. */
  pagesPerPeer: number
}

/** Suits two slow cores. */
export const defaultEpochDeskOptions: EpochDeskOptions = { pagesPerTick: 4, pagesPerPeer: 256 }

/** Entries that are known to be taken over; further ones are, should they come again, again. */
const mostRemembered = 1_000_000

type End = { member: number; votesRoot: Bytes32; signature: EpochEndNotice['signature'] }

/**
 * Ends an epoch for this node's member, passes reports of ending members on, and takes those over
 * from which the next committee starts.
 */
export class EpochDesk {
  readonly #options: EpochDeskOptions
  readonly #context: NodeContext
  readonly #fetcher: ReportFetcher
  /** What is to be taken over next; from the first part again after each start. */
  #place = { of: '', report: 0, page: 0 }
  /** Hashes of entries that were taken over. */
  readonly #taken = new Set<string>()
  /** Reports of older epochs may be left. */
  #hasOldReports = true
  readonly #given = new Map<PeerId, number>()

  constructor(options: EpochDeskOptions, context: NodeContext) {
    this.#options = options
    this.#context = context
    this.#fetcher = new ReportFetcher(context)
  }

  /** Why this member may not vote in the present epoch; undefined where it may. */
  reason(): Reason | undefined {
    return epochReasonOf(this.#context.state)
  }

  /**
   * Gives this member's last word in the present epoch, and its report: from now on it votes no
   * more before the next one. To call it again says the same again.
   *
   * Throws why the member may not vote: whoever may have lost what it signed cannot report it.
   */
  end(): EpochView {
    const { state, gate, memberAddress, memberKey, emit } = this.#context
    const { committee, market, store } = state
    const { epoch } = committee
    const member = committee.members.indexOf(memberAddress)
    let end = this.#endsOf(epoch).find((each) => each.member === member)
    if (end === undefined) {
      gate.check()
      const { votesRoot, pages, entries } = makeReport(state)
      const signature = signMessage(market, 'EpochEnd', { epoch, votesRoot }, memberKey)
      end = { member, votesRoot, signature }
      // All at once: a member that has signed its end is silent, also after a crash.
      store.commit([
        ...pages.map((page, index) => pageChange(votesRoot, index, page)),
        completeChange(votesRoot, pages.length),
        endRowChange(epoch, end),
        endChange(epoch),
      ])
      state.epochs.endedEpoch = epoch
      this.#log('info', 'this member ended its epoch, and votes no more in it', { epoch, entries })
    }
    emit({ kind: 'publish', message: { kind: 'epochEnd', epoch, ...end } })
    return this.view()
  }

  /** How far the present epoch is. */
  view(): EpochView {
    const { state, memberAddress } = this.#context
    const { epoch, members } = state.committee
    const isKept = (votesRoot: Bytes32) => pagesOf(state.store, votesRoot) !== undefined
    const isStarted = isEpochStarted(state)
    const behind = isStarted ? [] : endsBehind(state)
    const roots = behind.map(({ votesRoot }) => votesRoot)
    const ends = this.#endsOf(epoch)
    const own = members.indexOf(memberAddress)
    return {
      ...{ epoch, members: [...members], isStarted },
      quorum: members.length === 0 ? 0 : quorumOf(state.committee),
      missingReports: [...new Set(roots)].filter((root) => !isKept(root)),
      hasEnded: ends.some(({ member }) => member === own),
      ends: ends.map((end) => ({ ...end, hasReport: isKept(end.votesRoot) })),
    }
  }

  take(peer: PeerId, message: EpochEndNotice | ReportAsk | ReportTell): Judgement {
    switch (message.kind) {
      case 'epochEnd':
        return this.#takeEnd(message)
      case 'reportAsk':
        return this.#giveReport(peer, message)
      case 'reportTell':
        return this.#fetcher.take(peer, message)
    }
  }

  /** A new peer is told of the ends that are known; of one that left nothing is awaited. */
  noteConnection(peer: PeerId, isConnected: boolean): void {
    const { state, emit } = this.#context
    if (!isConnected) {
      this.#fetcher.noteGone(peer)
      return
    }
    const { epoch } = state.committee
    for (const end of this.#endsOf(epoch)) {
      emit({ kind: 'send', peer, message: { kind: 'epochEnd', epoch, ...end } })
    }
  }

  /** The chain may have named the next committee, or have taken that back. */
  noteUpdate(): void {
    this.#fetcher.want(this.#listWanted())
  }

  /** Goes on with what is fetched and taken over. */
  tick(): void {
    this.#given.clear()
    this.#fetcher.want(this.#listWanted())
    this.#fetcher.tick()
    this.#takeOver()
    if (this.#hasOldReports && this.reason() === undefined) this.#forgetOld()
  }

  #takeEnd({ epoch, member, votesRoot, signature }: EpochEndNotice): Judgement {
    const { state, memberAddress } = this.#context
    const { committee, market, store } = state
    if (epoch !== committee.epoch) return ignore('certificate/wrong-epoch')
    const address = committee.members[member]
    if (address === undefined) return reject('certificate/vote-order')
    const known = this.#endsOf(epoch).find((each) => each.member === member)
    if (known !== undefined && known.votesRoot === votesRoot) return ignore('network/known')
    const digest = digestOf(market, 'EpochEnd', { epoch, votesRoot })
    if (recoverSigner(digest, signature) !== address) return reject('signature/invalid')
    if (known !== undefined) {
      const meta = { epoch, member, votesRoots: [known.votesRoot, votesRoot] }
      this.#log('error', 'a member gave two last words in one epoch', meta)
      return ignore('network/known')
    }
    const changes = [endRowChange(epoch, { member, votesRoot, signature })]
    // Signed in another life of this member: whatever disk it is on, it votes no more.
    if (address === memberAddress) changes.push(endChange(epoch))
    store.commit(changes)
    if (address === memberAddress) state.epochs.endedEpoch = epoch
    this.#log('info', 'a member ended its epoch', { epoch, member, votesRoot })
    this.#fetcher.want(this.#listWanted())
    return accepted
  }

  #giveReport(peer: PeerId, { id, votesRoot, page }: ReportAsk): Judgement {
    const { state, emit } = this.#context
    const given = (this.#given.get(peer) ?? 0) + 1
    if (given > this.#options.pagesPerPeer) return ignore('node/overloaded')
    this.#given.set(peer, given)
    const pages = pagesOf(state.store, votesRoot)
    const entries = pages === undefined ? undefined : readReportPage(state.store, votesRoot, page)
    const found = entries === undefined ? { pages: 0, entries: [] } : { pages: pages!, entries }
    const message: ReportTell = { kind: 'reportTell', id, votesRoot, page, ...found }
    emit({ kind: 'send', peer, message })
    return accepted
  }

  /** Reports of members that end this epoch, and those from which this committee starts. */
  #listWanted(): Bytes32[] {
    const { state } = this.#context
    const ends = this.#endsOf(state.committee.epoch)
    const behind = isEpochStarted(state) ? [] : endsBehind(state)
    return [...behind, ...ends].map(({ votesRoot }) => votesRoot)
  }

  #takeOver(): void {
    const { state } = this.#context
    if (isEpochStarted(state) || !hasAllReports(state)) return
    const { epoch } = state.committee
    const ends = endsBehind(state)
    const of = state.epochs.endsHashOf(epoch - 1)
    if (this.#place.of !== of) {
      this.#place = { of, report: 0, page: 0 }
      this.#taken.clear()
    }
    for (let count = 0; count < this.#options.pagesPerTick; count++) {
      const { report, page } = this.#place
      const { votesRoot } = ends[report]!
      for (const entry of readReportPage(state.store, votesRoot, page) ?? []) {
        this.#takeEntry(entry)
      }
      const isLast = page + 1 >= pagesOf(state.store, votesRoot)!
      this.#place = { of, report: isLast ? report + 1 : report, page: isLast ? 0 : page + 1 }
      if (this.#place.report < ends.length) continue
      finishHandOver(state)
      this.#taken.clear()
      this.#log('info', 'the reports of the ended epoch were taken over', { epoch })
      this.#hasOldReports = true
      return
    }
  }

  /** Members' reports are mostly the same: what one named is not checked again for the others. */
  #takeEntry(entry: ReportEntry): void {
    const hash = hashEntry(entry)
    if (this.#taken.has(hash)) return
    if (this.#taken.size < mostRemembered) this.#taken.add(hash)
    importEntry(this.#context.state, entry)
  }

  /** Others may still ask for the reports behind this epoch; for older ones nobody does. */
  #forgetOld(): void {
    const { state } = this.#context
    const wanted = new Set(
      [...endsBehind(state), ...this.#endsOf(state.committee.epoch)].map(
        ({ votesRoot }) => votesRoot,
      ),
    )
    this.#hasOldReports = forgetReports(state.store, (votesRoot) => wanted.has(votesRoot))
  }

  #endsOf(epoch: number): End[] {
    const { store } = this.#context.state
    const range = { from: endKey(epoch, 0), to: endKey(epoch + 1, 0) }
    return Array.from(store.entries(buckets.epochEnd, range), ({ key, value }) => {
      const reader = new ByteReader(value)
      return { member: key[4]!, votesRoot: reader.hex(32), signature: reader.hex(64) }
    })
  }

  #log(level: 'info' | 'error', message: string, meta: object): void {
    this.#context.emit({ kind: 'log', level, message, meta })
  }
}

const endKey = (epoch: number, member: number): Uint8Array =>
  new ByteWriter(5).uint32(epoch).uint8(member).finish()

function endRowChange(epoch: number, { member, votesRoot, signature }: End): Change {
  const value = new ByteWriter(96).hex(votesRoot).hex(signature).finish()
  return { bucket: buckets.epochEnd, key: endKey(epoch, member), value }
}
