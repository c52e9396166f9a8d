import {
  completeChange,
  encodeReportPage,
  hashEntry,
  pageChange,
  pagesOf,
  votesRootOf,
} from '../ledger/handOverReport.ts'
import type { PeerId } from '../ports/network.ts'
import type { Bytes32, Hex } from '../protocol/bytes.ts'
import type { ReportTell } from '../protocol/nodeMessages.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'

/** Parts that a report may have: 4 million entries. */
export const mostReportPages = 4_096
/** Reports that are fetched at a time. */
const mostDownloads = 4
/** A peer that has not answered for so long is left for another. */
const patienceMs = 5_000

type Download = {
  votesRoot: Bytes32
  peer: PeerId
  id: number
  /** How many there are; undefined before the first is here. */
  pages: number | undefined
  next: number
  hashes: Hex[]
  askedAtMs: number
}

/**
 * Fetches reports of ending members, each from one peer at a time, since only the whole shows
 * whether it is the signed one; a peer that lied, stalled or lacks it is left for the next.
 */
export class ReportFetcher {
  readonly #context: NodeContext
  #wanted: readonly Bytes32[] = []
  readonly #downloads = new Map<Bytes32, Download>()
  /** Peers that were asked for a report in vain; asked again once all were. */
  readonly #tried = new Map<Bytes32, Set<PeerId>>()
  #nextId = 1

  constructor(context: NodeContext) {
    this.#context = context
  }

  /** Says which reports are wanted; those that are kept already are not fetched. */
  want(votesRoots: readonly Bytes32[]): void {
    this.#wanted = [...new Set(votesRoots)]
    for (const votesRoot of [...this.#downloads.keys()]) {
      if (!this.#wanted.includes(votesRoot)) this.#downloads.delete(votesRoot)
    }
    for (const votesRoot of [...this.#tried.keys()]) {
      if (!this.#wanted.includes(votesRoot)) this.#tried.delete(votesRoot)
    }
    this.#begin()
  }

  /** Reports that are wanted and not here. */
  missing(): Bytes32[] {
    const { store } = this.#context.state
    return this.#wanted.filter((votesRoot) => pagesOf(store, votesRoot) === undefined)
  }

  /** Takes a part of a report; true with it where the report is whole now. */
  take(peer: PeerId, tell: ReportTell): Judgement {
    const download = this.#downloads.get(tell.votesRoot)
    if (download === undefined || download.peer !== peer || download.id !== tell.id) {
      return ignore('network/unasked')
    }
    if (tell.pages === 0) {
      this.#giveUp(download)
      return accepted
    }
    const isInOrder = tell.page === download.next && tell.page < tell.pages
    const isSameCount = download.pages === undefined || download.pages === tell.pages
    const isEmpty = tell.entries.length === 0 && tell.pages > 1
    if (!isInOrder || !isSameCount || isEmpty || tell.pages > mostReportPages) {
      this.#giveUp(download)
      return reject('network/wrong-answer')
    }
    const { store } = this.#context.state
    for (const entry of tell.entries) download.hashes.push(hashEntry(entry))
    store.commit([pageChange(download.votesRoot, tell.page, encodeReportPage(tell.entries))])
    download.pages = tell.pages
    download.next++
    if (download.next < tell.pages) {
      this.#ask(download)
      return accepted
    }
    if (votesRootOf(download.hashes) !== download.votesRoot) {
      this.#giveUp(download)
      return reject('epoch/wrong-report')
    }
    store.commit([completeChange(download.votesRoot, tell.pages)])
    this.#downloads.delete(download.votesRoot)
    this.#begin()
    return accepted
  }

  /** A connection went down. */
  noteGone(peer: PeerId): void {
    for (const download of [...this.#downloads.values()]) {
      if (download.peer === peer) this.#giveUp(download)
    }
  }

  /** Leaves peers that do not answer, and asks the next ones. */
  tick(): void {
    const nowMs = this.#context.nowMs()
    for (const download of [...this.#downloads.values()]) {
      if (nowMs - download.askedAtMs > patienceMs) this.#giveUp(download)
    }
    for (const votesRoot of this.missing()) {
      const tried = this.#tried.get(votesRoot)
      const { connected } = this.#context.peers
      if (tried !== undefined && [...connected].every((peer) => tried.has(peer))) tried.clear()
    }
    this.#begin()
  }

  #giveUp(download: Download): void {
    this.#downloads.delete(download.votesRoot)
    const tried = this.#tried.get(download.votesRoot)
    if (tried === undefined) this.#tried.set(download.votesRoot, new Set([download.peer]))
    else tried.add(download.peer)
    this.#begin()
  }

  /** Asks for as much as may be under way, from peers that were not tried. */
  #begin(): void {
    for (const votesRoot of this.missing()) {
      if (this.#downloads.size >= mostDownloads) return
      if (this.#downloads.has(votesRoot)) continue
      const tried = this.#tried.get(votesRoot)
      const peer = [...this.#context.peers.connected].find((each) => !tried?.has(each))
      if (peer === undefined) continue
      const download: Download = {
        ...{ votesRoot, peer, id: 0, pages: undefined, next: 0 },
        ...{ hashes: [], askedAtMs: 0 },
      }
      this.#downloads.set(votesRoot, download)
      this.#ask(download)
    }
  }

  #ask(download: Download): void {
    download.id = this.#nextId++ % 2 ** 32
    download.askedAtMs = this.#context.nowMs()
    const { peer, id, votesRoot, next: page } = download
    this.#context.emit({ kind: 'send', peer, message: { kind: 'reportAsk', id, votesRoot, page } })
  }
}
