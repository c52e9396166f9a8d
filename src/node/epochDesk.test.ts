import { describe, expect, it } from 'vitest'
import {
  addBlock,
  newMembers,
  oldMembers,
  openEpochOne,
  openingEvents,
  openLedger,
  verify,
  vote,
} from '../../test/support/epochFixture.ts'
import {
  makeSubmission,
  type Party,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { importEntry } from '../ledger/handOver.ts'
import { pagesOf } from '../ledger/handOverReport.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { certify } from '../ledger/voting.ts'
import type { EpochEndNotice, NodeMessage, ReportTell } from '../protocol/nodeMessages.ts'
import { signMessage } from '../protocol/signature.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { EpochDesk } from './epochDesk.ts'
import type { Judgement } from './nodeContext.ts'
import type { NodeEffect } from './nodeEffect.ts'
import { PeerBook } from './peerBook.ts'
import { VotingGate } from './votingGate.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const balances = new Map([[consumer.address, 10_000n]])
const refusal = (code: string) => expect.objectContaining({ code })
const ctpOf = (options: Partial<Parameters<typeof makeSubmission>[0]> = {}) =>
  verify(makeSubmission({ consumer, producer, ...options }))

/** A desk on a ledger; what it sends is kept, and delivered by the test. */
class Node {
  readonly name: string
  readonly party: Party
  readonly state: LedgerState
  readonly desk: EpochDesk
  readonly gate: VotingGate
  readonly peers: PeerBook
  sent: { to: string | undefined; message: NodeMessage }[] = []
  logs: string[] = []
  nowMs = startSeconds * 1000

  constructor(name: string, party: Party, state: LedgerState) {
    this.name = name
    this.party = party
    this.state = state
    this.gate = new VotingGate({ stallMs: 60_000_000 }, state, party.address)
    this.peers = new PeerBook(testMarket, state.store)
    const context = {
      ...{ state, peers: this.peers, gate: this.gate },
      ...{ memberKey: party.key, memberAddress: party.address },
      nowMs: () => this.nowMs,
      emit: (effect: NodeEffect) => this.#emit(effect),
    }
    this.desk = new EpochDesk({ pagesPerTick: 1, pagesPerPeer: 8 }, context)
    this.gate.require(() => this.desk.reason())
    this.gate.tick(this.nowMs)
    this.gate.noteBlock(state.head ?? state.confirmed!, this.nowMs)
  }

  /** The same disk, another process. */
  restart(): Node {
    const node = new Node(this.name, this.party, openLedger(this.state.store))
    for (const peer of this.peers.connected) node.peers.noteConnection(peer, true)
    return node
  }

  #emit(effect: NodeEffect): void {
    if (effect.kind === 'send') this.sent.push({ to: effect.peer, message: effect.message })
    if (effect.kind === 'publish') this.sent.push({ to: undefined, message: effect.message })
    if (effect.kind === 'log') this.logs.push(effect.message)
  }

  connect(...names: string[]): void {
    for (const name of names) {
      this.peers.noteConnection(name, true)
      this.desk.noteConnection(name, true)
    }
  }

  tick(seconds = 1): void {
    this.nowMs += 1000 * seconds
    this.desk.tick()
  }
}

const openOld = (at: number) => new Node(`old-${at}`, oldMembers[at]!, openEpochOne(balances))

type Deliver = (message: ReportTell) => ReportTell

/** Carries messages between nodes until none is left; judgements by receiver. */
function carry(nodes: readonly Node[], change: Deliver = (message) => message): Judgement[] {
  const judgements: Judgement[] = []
  const next = () => nodes.find(({ sent }) => sent.length > 0)
  for (let from = next(); from !== undefined; from = next()) {
    const { to, message } = from.sent.shift()!
    for (const node of nodes) {
      if (node === from || (to !== undefined && node.name !== to)) continue
      const shown = message.kind === 'reportTell' ? change(message) : message
      judgements.push(node.desk.take(from.name, shown as EpochEndNotice))
    }
  }
  return judgements
}

/** Three members end, and everyone's chain opens the next epoch with their words. */
function openNext(olds: readonly Node[], all: readonly Node[]): void {
  const ends = olds.map(({ desk }, member) => {
    const { votesRoot } = desk.end().ends.find((end) => end.member === member)!
    return { member, votesRoot }
  })
  for (const { state, desk } of all) {
    const events = openingEvents(state.confirmed!.number + 1, 1, ends)
    addBlock(state, { events })
    desk.noteUpdate()
  }
}

describe('ending an epoch', () => {
  it('is for good, before its word leaves and after a crash', () => {
    const node = openOld(0)
    const ctp = ctpOf()
    expect(vote(node.state, ctp)).toBe('voted')
    expect(node.gate.reason()).toBeUndefined()
    const view = node.desk.end()
    expect(view).toMatchObject({ epoch: 1, hasEnded: true, ends: [{ member: 0, hasReport: true }] })
    expect(node.sent).toMatchObject([{ to: undefined, message: { kind: 'epochEnd', member: 0 } }])
    expect(node.gate.reason()?.code).toBe('epoch/ended')
    const again = node.restart()
    expect(() => again.gate.check()).toThrow(refusal('epoch/ended'))
    // What came afterwards changes neither word nor report.
    certify(again.state, ctpOf({ nonce: 1 }), 1, [])
    expect(again.desk.end()).toEqual(view)
  })

  it('is refused to whoever may have lost what it signed, or did not start', () => {
    const stranger = new Node('x', partyOf('stranger'), openEpochOne(balances))
    expect(() => stranger.desk.end()).toThrow(refusal('node/not-voting'))
    const wiped = openOld(1)
    wiped.state.votesFromSeconds = startSeconds + 90_000
    expect(() => wiped.desk.end()).toThrow(refusal('node/not-voting'))
    const olds = [0, 1, 2].map(openOld)
    const fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    openNext(olds, [fresh])
    // Its report would lack what it inherits.
    expect(() => fresh.desk.end()).toThrow(refusal('epoch/not-started'))
  })

  it('is heard by others, who keep one word of each member', () => {
    const [a, b] = [openOld(0), openOld(1)]
    a.connect('old-1')
    b.connect('old-0')
    a.desk.end()
    expect(carry([a, b]).every(({ verdict }) => verdict === 'accept')).toBe(true)
    expect(b.desk.view()).toMatchObject({ hasEnded: false, ends: [{ member: 0, hasReport: true }] })
    const notice = (member: number, votesRoot: `0x${string}`, epoch = 1): EpochEndNotice => {
      const signature = signMessage(
        testMarket,
        'EpochEnd',
        { epoch, votesRoot },
        oldMembers[0]!.key,
      )
      return { kind: 'epochEnd', epoch, member, votesRoot, signature }
    }
    const { votesRoot } = b.desk.view().ends[0]!
    const other = `0x${'77'.repeat(32)}` as const
    expect(b.desk.take('p', notice(0, votesRoot))).toMatchObject({ code: 'network/known' })
    expect(b.desk.take('p', notice(0, other))).toMatchObject({ verdict: 'ignore' })
    expect(b.logs).toContain('a member gave two last words in one epoch')
    expect(b.desk.view().ends).toMatchObject([{ votesRoot }])
    expect(b.desk.take('p', notice(2, other))).toMatchObject({ code: 'signature/invalid' })
    expect(b.desk.take('p', notice(9, other))).toMatchObject({ code: 'certificate/vote-order' })
    expect(b.desk.take('p', notice(0, other, 2))).toMatchObject({ code: 'certificate/wrong-epoch' })
    // Told to whoever connects later.
    b.connect('late')
    expect(b.sent).toMatchObject([{ to: 'late', message: { kind: 'epochEnd', votesRoot } }])
  })

  it('counts for a member whose disk does not know of it', () => {
    const before = openOld(0)
    before.desk.end()
    const restored = openOld(0)
    restored.desk.take('old-1', before.sent[0]!.message as EpochEndNotice)
    expect(restored.gate.reason()?.code).toBe('epoch/ended')
    expect(restored.restart().gate.reason()?.code).toBe('epoch/ended')
    expect(restored.desk.end().ends[0]!.votesRoot).toBe(before.desk.view().ends[0]!.votesRoot)
  })
})

describe('starting an epoch', () => {
  it('P2: waits for the reports behind it, and holds what they say', () => {
    const olds = [0, 1, 2].map(openOld)
    const submission = makeSubmission({ consumer, producer, amountWei: 8_000n })
    const ctp = verify(submission)
    vote(olds[1]!.state, ctp)
    const fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    const all = [...olds, fresh]
    openNext(olds, all)
    // Nobody to ask yet.
    fresh.tick()
    expect(fresh.gate.reason()?.code).toBe('epoch/not-started')
    const missing = fresh.desk.view().missingReports.length
    expect(missing).toBeGreaterThan(0)
    fresh.connect('old-0', 'old-1', 'old-2')
    for (let round = 0; round < 20 && fresh.gate.reason() !== undefined; round++) {
      for (const node of all) node.tick(6)
      carry(all)
    }
    expect(fresh.gate.reason()).toBeUndefined()
    expect(fresh.desk.view()).toMatchObject({ epoch: 2, isStarted: true, missingReports: [] })
    expect(fresh.state.accounts.heldOf(consumer.address)).toBe(8_000n)
    expect(vote(fresh.state, ctp)).toBe('ctp/nonce-inherited')
    // The member that serves again had its part of the reports at home.
    olds[0]!.connect('old-1', 'old-2')
    for (let round = 0; round < 20; round++) {
      for (const node of all) node.tick(6)
      carry(all)
    }
    expect(olds[0]!.gate.reason()).toBeUndefined()
    expect(olds[0]!.state.accounts.heldOf(consumer.address)).toBe(8_000n)
    expect(olds[1]!.gate.reason()?.code).toBe('node/not-voting')
  })

  it('goes on after a restart at any tick', () => {
    const olds = [0, 1, 2].map(openOld)
    for (const { state } of olds) certify(state, ctpOf(), 1, [])
    vote(olds[2]!.state, ctpOf({ nonce: 1 }))
    let fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    openNext(olds, [...olds, fresh])
    fresh.connect('old-0', 'old-1', 'old-2')
    for (let round = 0; round < 30; round++) {
      fresh.tick(6)
      carry([...olds, fresh])
      for (const node of olds) node.tick()
      if (round % 5 === 4) fresh = fresh.restart()
    }
    expect(fresh.gate.reason()).toBeUndefined()
    expect(fresh.state.accounts.heldOf(consumer.address)).toBe(2_000n)
  })

  it('takes a report from another where one peer lies, lacks it or says nothing', () => {
    const olds = [0, 1, 2].map(openOld)
    for (const { state } of olds) certify(state, ctpOf(), 1, [])
    const fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    openNext(olds, [...olds, fresh])
    fresh.connect('silent', 'ignorant', 'old-0')
    const lie: Deliver = (tell) => ({ ...tell, entries: tell.entries.slice(1) })
    fresh.tick()
    const ask = fresh.sent.shift()!
    expect(ask).toMatchObject({ to: 'silent', message: { kind: 'reportAsk', page: 0 } })
    fresh.tick(6)
    const second = fresh.sent.shift()!
    expect(second.to).toBe('ignorant')
    const { id, votesRoot: root } = second.message as { id: number; votesRoot: `0x${string}` }
    const none = {
      kind: 'reportTell' as const,
      id,
      votesRoot: root,
      page: 0,
      pages: 0,
      entries: [],
    }
    expect(fresh.desk.take('ignorant', none)).toEqual({ verdict: 'accept' })
    expect(fresh.sent[0]!.to).toBe('old-0')
    expect(carry([olds[0]!, fresh], lie)).toContainEqual({
      ...{ verdict: 'reject', code: 'epoch/wrong-report' },
    })
    expect(pagesOf(fresh.state.store, root)).toBeUndefined()
    // All were tried: from the first one on again.
    for (let round = 0; round < 10; round++) {
      fresh.tick(6)
      carry([olds[0]!, fresh])
      fresh.sent = []
      olds[0]!.tick()
    }
    expect(fresh.gate.reason()).toBeUndefined()
  })

  it('refuses answers that do not fit what was asked', () => {
    const olds = [0, 1, 2].map(openOld)
    const fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    openNext(olds, [fresh])
    fresh.connect('p')
    const askNow = () => {
      fresh.sent = []
      fresh.tick(6)
      fresh.tick(6)
      return fresh.sent.at(-1)!.message as { id: number; votesRoot: `0x${string}` }
    }
    const tell = (part: Partial<ReportTell>): ReportTell => {
      const { id, votesRoot } = askNow()
      const base = { kind: 'reportTell' as const, id, votesRoot, page: 0, pages: 1, entries: [] }
      return { ...base, ...part }
    }
    for (const part of [{ page: 1 }, { pages: 4_097 }, { pages: 2 }]) {
      expect(fresh.desk.take('p', tell(part))).toMatchObject({ code: 'network/wrong-answer' })
    }
    expect(fresh.desk.take('q', tell({}))).toMatchObject({ code: 'network/unasked' })
    expect(fresh.desk.take('p', tell({ id: 9_999 }))).toMatchObject({ code: 'network/unasked' })
    fresh.desk.noteConnection('p', false)
    fresh.peers.noteConnection('p', false)
    fresh.tick(6)
    expect(fresh.gate.reason()?.code).toBe('epoch/not-started')
  })

  it('moves reports of several parts, as many as one peer may ask for', () => {
    const olds = [0, 1, 2].map(openOld)
    for (let place = 0; place < 1_030; place++) importEntry(olds[0]!.state, entryOf(place))
    const fresh = new Node('new-1', newMembers[1]!, openEpochOne(balances))
    openNext(olds, [...olds, fresh])
    fresh.connect('old-0', 'old-1')
    for (let round = 0; round < 12; round++) {
      fresh.tick(6)
      carry([...olds, fresh])
      for (const node of olds) node.tick()
    }
    expect(fresh.desk.view().missingReports).toEqual([])
    expect(fresh.gate.reason()).toBeUndefined()
    expect(fresh.state.live.size).toBe(1_030)
    for (let ask = 0; ask < 8; ask++) expect(giveOne(olds[0]!)).toMatchObject({ verdict: 'accept' })
    expect(giveOne(olds[0]!)).toMatchObject({ verdict: 'ignore', code: 'node/overloaded' })
  })
})

const giveOne = (node: Node) =>
  node.desk.take('greedy', {
    ...({ kind: 'reportAsk', id: 1, page: 0 } as const),
    votesRoot: `0x${'01'.repeat(32)}`,
  })

/** An entry of an account of its own. */
function entryOf(place: number) {
  const party = partyOf(`consumer ${place}`)
  const ctp = {
    ...{ producer: producer.address, offerId: 1n, amountWei: wei(10n), energyWh: wh(1) },
    ...{ nonce: 0, expirySeconds: seconds(startSeconds + 900), meterKey: producer.address },
  }
  const consumerSignature = signMessage(testMarket, 'Ctp', ctp, party.key)
  return { ctp, consumerSignature, roles: 1 as const, deliveredWh: wh(0) }
}
