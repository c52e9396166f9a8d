import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import { checkAdmission } from '../../src/ledger/admission.ts'
import { applyChainUpdate, type ChainUpdate } from '../../src/ledger/chainUpdates.ts'
import { finishHandOver, importEntry } from '../../src/ledger/handOver.ts'
import {
  completeChange,
  decodeReportPage,
  type HandOverReport,
  makeReport,
  pageChange,
} from '../../src/ledger/handOverReport.ts'
import { type LedgerState, openLedgerState } from '../../src/ledger/ledgerState.ts'
import { findNumber, hasVotedFor, recordVote } from '../../src/ledger/voting.ts'
import type { AccountState, ChainEvent } from '../../src/ports/chain.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Address } from '../../src/protocol/bytes.ts'
import {
  type CtpSubmission,
  type VerifiedCtp,
  verifyCtpSubmission,
} from '../../src/protocol/ctpSubmission.ts'
import { signMessage } from '../../src/protocol/signature.ts'
import { SpbError } from '../../src/protocol/spbError.ts'
import { wei } from '../../src/protocol/units.ts'
import { accountOf, blockOf, eventOf, foundingEvents } from './machineFixture.ts'
import { type Party, partyOf, startSeconds, testFacts, testMarket } from './tradeFixture.ts'

/** Members of epoch 1, and of epoch 2: one of them is the same. */
export const oldMembers = [0, 1, 2, 3].map((at) => partyOf(`old member ${at}`))
export const newMembers = [oldMembers[0]!, ...[1, 2, 3].map((at) => partyOf(`new member ${at}`))]

/** A ledger without a node around it. */
export function openLedger(store: Store = createMemoryStore()): LedgerState {
  return openLedgerState(store, testFacts, {
    liveCtpsPerAccount: 64,
    liveCtps: 1_000_000,
    isFirstStart: true,
  })
}

/** A ledger in epoch 1 whose consumers have money. */
export function openEpochOne(balances: ReadonlyMap<Address, bigint>, store?: Store): LedgerState {
  const state = openLedger(store)
  const events = foundingEvents(
    2,
    oldMembers.map(({ address }) => address),
  )
  addBlock(state, { events, accounts: fundsOf(balances) })
  return state
}

export function fundsOf(
  balances: ReadonlyMap<Address, bigint>,
  part: Partial<AccountState> = {},
): AccountState[] {
  return [...balances].map(([account, balance]) =>
    accountOf(account, { balanceWei: wei(balance), ...part }),
  )
}

/** A new confirmed block. */
export function addBlock(
  state: LedgerState,
  { seconds = 1, ...part }: Partial<ChainUpdate> & { seconds?: number } = {},
): void {
  const number = (state.confirmed?.number ?? 1) + 1
  const nowSeconds = (state.confirmed?.timeSeconds ?? startSeconds) + seconds
  const confirmed = blockOf(number, nowSeconds)
  const nothing = { events: [], headEvents: [], trades: [], skipped: [], accounts: [] }
  applyChainUpdate(state, { confirmed, head: confirmed, ...nothing, ...part })
}

/** What the chain says when a quorum's ends open the next epoch. */
export function openingEvents(
  blockNumber: number,
  epoch: number,
  reports: readonly { member: number; votesRoot: HandOverReport['votesRoot'] }[],
  members: readonly Party[] = newMembers,
): ChainEvent[] {
  const ends = reports.map(({ member, votesRoot }) => {
    const { key } = oldMembers[member]!
    const signature = signMessage(testMarket, 'EpochEnd', { epoch, votesRoot }, key)
    return { member, votesRoot, signature }
  })
  const addresses = members.map(({ address }) => address)
  return [
    eventOf(blockNumber, { kind: 'EpochEnded', epoch, ends }),
    eventOf(blockNumber, { kind: 'EpochOpened', epoch: epoch + 1, members: addresses }),
  ]
}

/** Opens epoch 2 with these members' reports, in member order. */
export function openEpochTwo(
  state: LedgerState,
  reports: readonly { member: number; report: HandOverReport }[],
): void {
  const ends = reports.map(({ member, report }) => ({ member, votesRoot: report.votesRoot }))
  addBlock(state, { events: openingEvents((state.confirmed?.number ?? 1) + 1, 1, ends) })
}

/** Keeps reports as if they had been fetched. */
export function keepReports(state: LedgerState, reports: readonly HandOverReport[]): void {
  for (const { votesRoot, pages } of reports) {
    state.store.commit([
      ...pages.map((page, index) => pageChange(votesRoot, index, page)),
      completeChange(votesRoot, pages.length),
    ])
  }
}

/** Takes reports over, one entry after the other. */
export function takeOver(state: LedgerState, reports: readonly HandOverReport[]): void {
  keepReports(state, reports)
  for (const { pages } of reports) {
    for (const entry of pages.flatMap(decodeReportPage)) importEntry(state, entry)
  }
  finishHandOver(state)
}

/** The whole way from ends to a started epoch, at a ledger that need not have taken part. */
export function handOver(state: LedgerState, from: readonly LedgerState[]): void {
  const reports = from.map((each, member) => ({ member, report: makeReport(each) }))
  openEpochTwo(state, reports)
  takeOver(
    state,
    reports.map(({ report }) => report),
  )
}

export const verify = (submission: CtpSubmission): VerifiedCtp =>
  verifyCtpSubmission(testMarket, submission)

/** A member's vote, as its desk gives it: a new one, or the one that it gave; else the refusal. */
export function vote(state: LedgerState, verified: VerifiedCtp): string {
  if (hasVotedFor(state, verified)) {
    return state.live.has(verified.ctpId) ? 'voted' : 'ctp/nonce-closed'
  }
  if (findNumber(state, verified) !== undefined) return 'ctp/nonce-closed'
  try {
    checkAdmission(state, verified, false)
  } catch (error) {
    if (error instanceof SpbError) return error.code
    throw error
  }
  recordVote(state, verified)
  return 'voted'
}
