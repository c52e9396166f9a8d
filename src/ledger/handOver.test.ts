import { describe, expect, it } from 'vitest'
import {
  addBlock,
  fundsOf,
  handOver,
  keepReports,
  openEpochOne,
  openEpochTwo,
  openLedger,
  takeOver,
  verify,
  vote,
} from '../../test/support/epochFixture.ts'
import {
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import type { Change, Store } from '../ports/store.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { wh } from '../protocol/units.ts'
import { finishHandOver, hasAllReports, importEntry } from './handOver.ts'
import {
  decodeReportPage,
  forgetReports,
  makeReport,
  pagesOf,
  readReportPage,
} from './handOverReport.ts'
import { accountStateOf, type LedgerState } from './ledgerState.ts'
import { viewCtp } from './ledgerViews.ts'
import { listSettleable, takeReceipt } from './receipts.ts'
import { applyVoid, certify, findNumber, hasVotedFor, recordVoidVote } from './voting.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const balances = new Map([[consumer.address, 10_000n]])
const refusal = (code: string) => expect.objectContaining({ code })

const ctpOf = (options: Partial<Parameters<typeof makeSubmission>[0]> = {}) =>
  verify(makeSubmission({ consumer, producer, ...options }))
const open = (count: number) => Array.from({ length: count }, () => openEpochOne(balances))
const nextNonce = (state: LedgerState) =>
  state.accounts.nextNonceOf(consumer.address, accountStateOf(state, consumer.address))
const held = (state: LedgerState) => state.accounts.heldOf(consumer.address)
const entriesOf = (state: LedgerState) => makeReport(state).pages.flatMap(decodeReportPage)
/** Past expiry and grace of what ends 900 s after the start. */
const longSeconds = 1_502

describe('a report', () => {
  it('names what its member voted for and what it counts as held, with receipts', () => {
    const [state] = open(1) as [LedgerState]
    const first = makeSubmission({ consumer, producer, nonce: 0 })
    const certified = verify(first)
    certify(state, certified, 1, [])
    const receipt = makeReceipt(testMarket, certified.ctpId, 200, first.meterKey)
    takeReceipt(state, receipt)
    const voted = ctpOf({ nonce: 1 })
    expect(vote(state, voted)).toBe('voted')
    expect(entriesOf(state)).toEqual([
      {
        ...{ ctp: certified.ctp, consumerSignature: certified.consumerSignature },
        ...{ roles: 1, deliveredWh: 200, receipt },
      },
      {
        ...{ ctp: voted.ctp, consumerSignature: voted.consumerSignature },
        ...{ roles: 3, deliveredWh: 0 },
      },
    ])
  })

  it('has the same root for the same content, whatever order it came in', () => {
    const [a, b] = open(2) as [LedgerState, LedgerState]
    const other = partyOf('other')
    const ctps = [ctpOf(), verify(makeSubmission({ consumer: other, producer }))]
    for (const ctp of ctps) certify(a, ctp, 1, [])
    for (const ctp of ctps.toReversed()) certify(b, ctp, 1, [])
    expect(makeReport(a).votesRoot).toBe(makeReport(b).votesRoot)
    expect(makeReport(a).votesRoot).not.toBe(makeReport(open(1)[0]!).votesRoot)
    expect(makeReport(open(1)[0]!)).toMatchObject({ entries: 0, pages: [expect.anything()] })
  })

  it('keeps an account’s highest nonce also of what is over, and of what was voided', () => {
    const [expired, voided] = open(2) as [LedgerState, LedgerState]
    const ctp = ctpOf()
    certify(expired, ctp, 1, [])
    for (const state of [expired, voided]) addBlock(state, { seconds: longSeconds })
    recordVoidVote(voided, ctp)
    for (const state of [expired, voided]) {
      expect(entriesOf(state)).toMatchObject([{ ctp: ctp.ctp, roles: 2, deliveredWh: 0 }])
    }
  })
})

describe('reports that are kept', () => {
  it('are forgotten once nobody asks for them any more', () => {
    const [state, other] = open(2) as [LedgerState, LedgerState]
    vote(other, ctpOf())
    const reports = [makeReport(state), makeReport(other)] as const
    keepReports(state, reports)
    const isWanted = (votesRoot: string) => votesRoot === reports[1].votesRoot
    expect(forgetReports(state.store, isWanted)).toBe(true)
    expect(pagesOf(state.store, reports[0].votesRoot)).toBeUndefined()
    expect(readReportPage(state.store, reports[0].votesRoot, 0)).toBeUndefined()
    expect(readReportPage(state.store, reports[1].votesRoot, 0)).toEqual(entriesOf(other))
    expect(forgetReports(state.store, isWanted)).toBe(false)
  })
})

describe('a hand-over', () => {
  it('P2: an old uncertified vote and a new one are never both certified', () => {
    const old = open(3)
    const ctp = ctpOf({ amountWei: 8_000n })
    expect(vote(old[0]!, ctp)).toBe('voted')
    const [fresh] = open(1) as [LedgerState]
    for (const state of [old[0]!, fresh]) {
      if (state === fresh) handOver(state, old)
      else {
        const reports = old.map((each, member) => ({ member, report: makeReport(each) }))
        openEpochTwo(state, reports)
        takeOver(
          state,
          reports.map(({ report }) => report),
        )
      }
      // Its money is held, though nobody has a certificate, and nobody votes there any more.
      expect(held(state)).toBe(8_000n)
      expect(nextNonce(state)).toBe(0)
      expect(vote(state, ctpOf({ amountWei: 20n }))).toBe('ctp/nonce-inherited')
      expect(vote(state, ctp)).toBe('ctp/nonce-inherited')
      expect(hasVotedFor(state, ctp)).toBe(false)
      expect(vote(state, ctpOf({ nonce: 1, amountWei: 20n }))).toBe('ctp/nonce-skipped')
      expect(state.tree.size).toBe(0)
      expect(viewCtp(state, ctp.ctpId).state).toBe('proposed')
    }
  })

  it('P2: goes on with the money that is left once the old certificate is there', () => {
    const old = open(3)
    const ctp = ctpOf({ amountWei: 8_000n })
    vote(old[1]!, ctp)
    const [fresh] = open(1) as [LedgerState]
    handOver(fresh, old)
    certify(fresh, ctp, 1, [])
    expect(held(fresh)).toBe(8_000n)
    expect(viewCtp(fresh, ctp.ctpId).state).toBe('held')
    expect(fresh.tree.size).toBe(1)
    expect(vote(fresh, ctpOf({ nonce: 1, amountWei: 2_001n }))).toBe('ctp/insufficient-balance')
    expect(vote(fresh, ctpOf({ nonce: 1, amountWei: 2_000n }))).toBe('voted')
  })

  it('frees what was never certified when it is over, and its nonce by a void alone', () => {
    const old = open(3)
    const ctp = ctpOf()
    vote(old[0]!, ctp)
    const [fresh] = open(1) as [LedgerState]
    handOver(fresh, old)
    expect(() => recordVoidVote(fresh, ctp)).toThrow(refusal('ctp/not-stuck'))
    addBlock(fresh, { seconds: longSeconds })
    expect(held(fresh)).toBe(0n)
    const expirySeconds = startSeconds + 9_000
    const again = ctpOf({ expirySeconds })
    expect(vote(fresh, again)).toBe('ctp/nonce-inherited')
    // Of the same nonce, but not over: what a member voted for may have ended, that has not.
    expect(() => recordVoidVote(fresh, again)).toThrow(refusal('ctp/not-stuck'))
    recordVoidVote(fresh, ctp)
    expect(nextNonce(fresh)).toBe(0)
    applyVoid(fresh, { epoch: 2, account: consumer.address, nonce: 0, signatures: [] })
    expect(vote(fresh, ctpOf({ nonce: 1, expirySeconds }))).toBe('voted')
  })

  it('closes every nonce below the highest reported one that no report names', () => {
    const old = open(3)
    for (const nonce of [0, 1, 2, 3]) {
      for (const state of old) certify(state, ctpOf({ nonce, amountWei: 100n }), 1, [])
    }
    const used = fundsOf(balances, { nonceBitmap: 0b1001n })
    for (const state of old) addBlock(state, { accounts: used })
    const [fresh] = open(1) as [LedgerState]
    addBlock(fresh, { accounts: used })
    handOver(fresh, old)
    // 0 and 3 are used on chain, 1 and 2 are live: reported, and without a certificate here.
    expect(held(fresh)).toBe(200n)
    expect(nextNonce(fresh)).toBe(1)
    certify(fresh, ctpOf({ nonce: 1, amountWei: 100n }), 1, [])
    expect(nextNonce(fresh)).toBe(2)
    certify(fresh, ctpOf({ nonce: 2, amountWei: 100n }), 1, [])
    expect(nextNonce(fresh)).toBe(4)
  })

  it('jumps over nonces that ended long ago, however many', () => {
    const [reporter, fresh] = open(2) as [LedgerState, LedgerState]
    const far = ctpOf({ nonce: 4_000_000_000 })
    recordShown(reporter, far)
    handOver(fresh, [reporter])
    expect(nextNonce(fresh)).toBe(4_000_000_000)
    expect(vote(fresh, ctpOf({ nonce: 12 }))).toBe('ctp/nonce-closed')
    expect(vote(fresh, far)).toBe('ctp/nonce-inherited')
  })

  it('counts both of two CTPs that were signed at one nonce, until it is used', () => {
    const old = open(3)
    const [a, b] = [ctpOf({ amountWei: 3_000n }), ctpOf({ amountWei: 4_000n })]
    vote(old[0]!, a)
    vote(old[1]!, b)
    const [fresh] = open(1) as [LedgerState]
    handOver(fresh, old)
    expect(held(fresh)).toBe(7_000n)
    certify(fresh, a, 1, [])
    expect(held(fresh)).toBe(7_000n)
    addBlock(fresh, { accounts: fundsOf(balances, { nonceBitmap: 1n }) })
    expect(held(fresh)).toBe(0n)
    expect(fresh.live.size).toBe(0)
  })

  it('brings receipts, which settle only with the certificate', () => {
    const old = open(3)
    const submission = makeSubmission({ consumer, producer })
    const ctp = verify(submission)
    certify(old[2]!, ctp, 1, [])
    takeReceipt(old[2]!, makeReceipt(testMarket, ctp.ctpId, 500, submission.meterKey))
    const [fresh] = open(1) as [LedgerState]
    handOver(fresh, old)
    expect([...listSettleable(fresh, startSeconds + 10)]).toEqual([])
    certify(fresh, ctp, 1, [])
    expect([...listSettleable(fresh, startSeconds + 10)]).toMatchObject([{ ctpId: ctp.ctpId }])
    expect(viewCtp(fresh, ctp.ctpId)).toMatchObject({ state: 'receipted', deliveredWh: 500 })
    const reopened = openLedger(fresh.store)
    expect([...listSettleable(reopened, startSeconds + 10)]).toHaveLength(1)
  })

  it('passes over entries that nobody signed, and receipts of another meter', () => {
    const [reporter, fresh] = open(2) as [LedgerState, LedgerState]
    const ctp = ctpOf()
    vote(reporter, ctp)
    const [entry] = entriesOf(reporter)
    const receipt = makeReceipt(testMarket, ctp.ctpId, 500, partyOf('thief'))
    const forged = { ...entry!, deliveredWh: wh(500), receipt }
    importEntry(fresh, { ...forged, consumerSignature: `0x${'00'.repeat(64)}` })
    expect(fresh.live.size).toBe(0)
    importEntry(fresh, forged)
    expect(fresh.live.get(ctp.ctpId)).toMatchObject({ deliveredWh: 0, isInherited: true })
  })

  it('forgets own proposals that no report names, and judges them anew', () => {
    const [mine, ...reporters] = open(4) as [LedgerState, ...LedgerState[]]
    const ctp = ctpOf({ amountWei: 8_000n })
    vote(mine, ctp)
    handOver(mine, reporters)
    expect(mine.live.size).toBe(0)
    expect(findNumber(mine, ctp)).toBeUndefined()
    expect(hasVotedFor(mine, ctp)).toBe(false)
    // Less money than before: the old vote must not count as admission.
    addBlock(mine, { accounts: fundsOf(new Map([[consumer.address, 7_999n]])) })
    expect(vote(mine, ctp)).toBe('ctp/insufficient-balance')
    expect(vote(mine, ctpOf({ amountWei: 7_000n }))).toBe('voted')
  })

  it('tells the next committee in turn', () => {
    const old = open(3)
    const [live, over] = [ctpOf({ expirySeconds: startSeconds + 9_000 }), ctpOf()]
    const other = partyOf('other')
    const past = verify(makeSubmission({ consumer: other, producer }))
    vote(old[0]!, live)
    vote(old[1]!, over)
    certify(old[2]!, past, 1, [])
    const [fresh] = open(1) as [LedgerState]
    handOver(fresh, old)
    addBlock(fresh, { seconds: longSeconds })
    const entries = entriesOf(fresh)
    expect(entries.map(({ ctp }) => ctp.expirySeconds)).toContain(live.ctp.expirySeconds)
    // An account that did nothing since keeps its floor, by the CTP that was reported.
    expect(entries).toContainEqual(expect.objectContaining({ ctp: past.ctp, roles: 2 }))
  })

  it('may crash at every point, and ends the same', () => {
    const old = open(3)
    const submissions = [0, 1].map((nonce) => makeSubmission({ consumer, producer, nonce }))
    const ctps = submissions.map(verify)
    for (const state of old) certify(state, ctps[0]!, 1, [])
    takeReceipt(old[1]!, makeReceipt(testMarket, ctps[0]!.ctpId, 9, submissions[0]!.meterKey))
    vote(old[2]!, ctps[1]!)
    const reports = old.map((each, member) => ({ member, report: makeReport(each) }))
    const whole = reports.map(({ report }) => report)

    const prepare = () => {
      const store = new StoppingStore()
      const state = openEpochOne(balances, store)
      // Own ones: a vote that is reported, and one that is not.
      certify(state, ctps[0]!, 1, [])
      vote(state, ctpOf({ nonce: 1, amountWei: 77n }))
      openEpochTwo(state, reports)
      keepReports(state, whole)
      return { store, state }
    }
    const complete = prepare()
    const before = complete.store.commits
    takeOver(complete.state, whole)
    const commits = complete.store.commits - before
    const expected = snapshotOf(complete.state)
    expect(snapshotOf(openLedger(complete.store))).toEqual(expected)
    for (let crash = 0; crash < commits; crash++) {
      const { store, state } = prepare()
      store.stopAfter(crash)
      expect(() => takeOver(state, whole)).toThrow('crash')
      store.stopAfter(Number.POSITIVE_INFINITY)
      const again = openLedger(store)
      takeOver(again, whole)
      expect(snapshotOf(again), `crash ${crash}`).toEqual(expected)
    }
    expect(commits).toBeGreaterThan(5)
  })

  it('is not finished before all reports are here', () => {
    const [reporter, fresh] = open(2) as [LedgerState, LedgerState]
    openEpochTwo(fresh, [{ member: 0, report: makeReport(reporter) }])
    expect(hasAllReports(fresh)).toBe(false)
    expect(() => finishHandOver(fresh)).toThrow()
  })
})

/** Has a member report a CTP by way of a void, which asks for less than a vote does. */
function recordShown(state: LedgerState, ctp: ReturnType<typeof ctpOf>): void {
  const { nonce } = ctp.ctp
  const base = fundsOf(balances, { nonceBase: nonce })
  addBlock(state, { seconds: longSeconds, accounts: base })
  recordVoidVote(state, ctp)
}

/** A store that fails after so many further commits, as a process that is killed does. */
class StoppingStore implements Store {
  readonly #store = createMemoryStore()
  commits = 0
  #most = Number.POSITIVE_INFINITY

  stopAfter(more: number): void {
    this.#most = this.commits + more
  }
  commit(changes: readonly Change[]): void {
    if (this.commits >= this.#most) throw new Error('crash')
    this.commits++
    this.#store.commit(changes)
  }
  get = (bucket: number, key: Uint8Array) => this.#store.get(bucket, key)
  entries = (...args: Parameters<Store['entries']>) => this.#store.entries(...args)
  count = (bucket: number) => this.#store.count(bucket)
  sync = () => this.#store.sync()
  close = () => this.#store.close()
}

/** All that rules read, but for local numbers. */
function snapshotOf(state: LedgerState) {
  return {
    live: [...state.live.values()].map(({ number: _, ...rest }) => rest).sort(byId),
    heldWei: held(state),
    nextNonce: nextNonce(state),
    root: bytesToHex(state.tree.root()),
    started: state.epochs.started,
    report: makeReport(state).votesRoot,
  }
}

const byId = (a: { ctpId: string }, b: { ctpId: string }) => (a.ctpId < b.ctpId ? -1 : 1)
