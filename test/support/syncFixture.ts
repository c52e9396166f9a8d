import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import { applyChainUpdate, type ChainUpdate } from '../../src/ledger/chainUpdates.ts'
import { emptyAccount, type LedgerState, openLedgerState } from '../../src/ledger/ledgerState.ts'
import type { NodeContext } from '../../src/node/nodeContext.ts'
import type { NodeEffect } from '../../src/node/nodeEffect.ts'
import { PeerBook } from '../../src/node/peerBook.ts'
import type { VotingGate } from '../../src/node/votingGate.ts'
import type { ChainEvent } from '../../src/ports/chain.ts'
import type { PeerId } from '../../src/ports/network.ts'
import type { Store } from '../../src/ports/store.ts'
import { type Bytes32, bytesToHex, zeroBytes32 } from '../../src/protocol/bytes.ts'
import type { Committee } from '../../src/protocol/committee.ts'
import { type CtpSubmission, identifyCtp } from '../../src/protocol/ctpSubmission.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import { buildMerkleTree } from '../../src/protocol/merkle.ts'
import type { CtpRecord } from '../../src/protocol/nodeMessages.ts'
import { signPeerRecord } from '../../src/protocol/peerRecord.ts'
import { signMessage } from '../../src/protocol/signature.ts'
import { seconds, wei } from '../../src/protocol/units.ts'
import {
  growTree,
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testFacts,
  testMarket,
} from './tradeFixture.ts'

export const consumer = partyOf('consumer')
export const producer = partyOf('producer')
/** The members of a committee that survives one fault. */
export const members = Array.from({ length: 4 }, (_, index) => partyOf(`member ${index}`))
export const committee: Committee = { epoch: 1, members: members.map(({ address }) => address) }

/** A ledger that read two blocks: the committee, and the consumer's 1,000,000 wei. */
export function openLedger(store: Store = createMemoryStore()): LedgerState {
  const state = openLedgerState(store, testFacts, {
    ...{ liveCtpsPerAccount: 64, liveCtps: 1_000_000, isFirstStart: true },
  })
  if (state.confirmed !== undefined) return state
  const opened = { kind: 'EpochOpened', epoch: 1, members: [...committee.members] }
  const placed = { blockNumber: 1, transactionHash: zeroBytes32 }
  addBlock(state, { events: [{ ...opened, ...placed } as ChainEvent] })
  const account = { ...emptyAccount(consumer.address), balanceWei: wei(1_000_000n) }
  addBlock(state, { accounts: [account] })
  return state
}

/** The next confirmed block, a second after the last one unless told otherwise. */
export function addBlock(
  state: LedgerState,
  part: Partial<ChainUpdate> & { timeSeconds?: number } = {},
): ChainUpdate {
  const { timeSeconds, ...rest } = part
  const number = (state.confirmed?.number ?? 0) + 1
  const confirmed = {
    number,
    hash: bytesToHex(keccak256(new TextEncoder().encode(`block ${number}`))),
    timeSeconds: seconds(timeSeconds ?? (state.confirmed?.timeSeconds ?? startSeconds) + 1),
  }
  const nothing = { events: [], headEvents: [], trades: [], skipped: [], accounts: [] }
  const update = { ...nothing, confirmed, head: confirmed, ...rest }
  applyChainUpdate(state, update)
  return update
}

/** The consumer's CTP of a nonce. */
export const submissionOf = (nonce = 0) => makeSubmission({ consumer, producer, nonce })

/** A record, and the id of its CTP. */
export type TestRecord = CtpRecord & { ctpId: Bytes32 }

/** Records of CTPs that the given members certified by one signature each. */
export function makeRecords(
  submissions: readonly CtpSubmission[],
  voters: readonly number[] = [0, 1, 2],
  epoch = 1,
): TestRecord[] {
  const identified = submissions.map((submission) => identifyCtp(testMarket, submission))
  const tree = buildMerkleTree(identified.map(({ ctpId }) => ctpId))
  const message = { epoch, ctpsRoot: tree.root }
  const signatures = voters.map((member) => ({
    member,
    signature: signMessage(testMarket, 'HoldVote', message, members[member]!.key),
  }))
  return identified.map(({ ctp, consumerSignature, ctpId }, index) => {
    const votes = signatures.map((signature) => ({ ...signature, path: tree.pathOf(index) }))
    return { certificate: { ctp, consumerSignature, epoch, votes }, ctpId }
  })
}

/** The peer that a member of the committee is. */
export const peerOf = (member: number): PeerId => `peer ${member}`

/** One member's desks' surroundings; effects are gathered, and the clock is set by hand. */
export type TestContext = NodeContext & { effects: NodeEffect[]; clock: { nowMs: number } }

/** The context of one member, which knows the others and is connected to those named. */
export function makeContext(
  state: LedgerState,
  self: number,
  connected: readonly number[],
): TestContext {
  const { key, address } = members[self]!
  const peers = new PeerBook(testMarket, state.store)
  for (const [index, member] of members.entries()) {
    const record = { peerId: peerOf(index), addresses: [], sequence: 1n }
    peers.take(signPeerRecord(testMarket, record, member.key), () => true)
  }
  for (const index of connected) peers.noteConnection(peerOf(index), true)
  const effects: NodeEffect[] = []
  const clock = { nowMs: 1_000_000 }
  return {
    ...{ state, memberKey: key, memberAddress: address, peers, effects, clock },
    // No desk of the sync looks at it: the gate looks at them.
    gate: undefined as unknown as VotingGate,
    nowMs: () => clock.nowMs,
    emit: (effect) => effects.push(effect),
  }
}

const tree = growTree(testMarket, 'sync', 0)

/** Signing takes most of a test's time: what was made once serves all tests of a file. */
const madeRecords = new Map<string, TestRecord[]>()

/** Many records of the consumer's CTPs, certified 64 at a time as under load. */
export function makeManyRecords(count: number, firstNonce = 0): TestRecord[] {
  const name = `${count} ${firstNonce}`
  const made = madeRecords.get(name)
  if (made !== undefined) return made
  const records: TestRecord[] = []
  madeRecords.set(name, records)
  for (let from = 0; from < count; from += 64) {
    const nonces = Array.from({ length: Math.min(64, count - from) }, (_, at) => from + at)
    const options = { consumer, producer, tree, isAccepted: false }
    const submissions = nonces.map((nonce) =>
      makeSubmission({ ...options, nonce: firstNonce + nonce }),
    )
    records.push(...makeRecords(submissions))
  }
  return records
}

/** A receipt of one of those. */
export const receiptOf = ({ ctpId }: TestRecord, deliveredWh: number) =>
  makeReceipt(testMarket, ctpId, deliveredWh, tree.keys[0]!)
