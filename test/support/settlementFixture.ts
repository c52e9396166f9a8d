import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import type { ChainUpdate } from '../../src/ledger/chainUpdates.ts'
import { certifyRecord } from '../../src/ledger/ctpRecords.ts'
import type { LedgerState } from '../../src/ledger/ledgerState.ts'
import { takeReceipt } from '../../src/ledger/receipts.ts'
import { RecoveryCache } from '../../src/ledger/recoveryCache.ts'
import type { Judgement, NodeContext } from '../../src/node/nodeContext.ts'
import { accepted } from '../../src/node/nodeContext.ts'
import type { NodeEffect } from '../../src/node/nodeEffect.ts'
import { PeerBook } from '../../src/node/peerBook.ts'
import { SettlementDesk } from '../../src/node/settlementDesk.ts'
import { SettlementLoop, type SettlementOptions } from '../../src/node/settlementLoop.ts'
import { VotingGate } from '../../src/node/votingGate.ts'
import type { SettleCall } from '../../src/ports/chain.ts'
import type { Bytes32 } from '../../src/protocol/bytes.ts'
import type { SettleReply, SettleRequest } from '../../src/protocol/nodeMessages.ts'
import { signPeerRecord } from '../../src/protocol/peerRecord.ts'
import type { SignedErc } from '../../src/protocol/signedErc.ts'
import { addBlock, makeRecords, members, openLedger, type TestRecord } from './syncFixture.ts'
import { makeReceipt, makeSubmission, type Party, partyOf, testMarket } from './tradeFixture.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')

/** A member's desks for settlements. */
export type SettlementMember = {
  at: number
  peer: string
  state: LedgerState
  gate: VotingGate
  peers: PeerBook
  loop: SettlementLoop
  desk: SettlementDesk
  /** Settlements that it sent to its chain. */
  calls: SettleCall[]
  /** All its other effects but messages. */
  effects: NodeEffect[]
  /** Answers for it to what it is asked: a Byzantine member. Undefined: it says nothing. */
  lie?: (request: SettleRequest) => SettleReply | undefined
}

/** A certified CTP and what its meter signs. */
export type SettlementTrade = {
  ctpId: Bytes32
  record: TestRecord
  receiptOf(deliveredWh: number, key?: Party): SignedErc
}

type Sent = { from: number; to: number; message: Extract<NodeEffect, { kind: 'send' }>['message'] }
type Settling = Partial<SettlementOptions>

/** Four members whose settlement desks talk to each other, one message after the other. */
export class SettlementWorld {
  readonly members: SettlementMember[]
  /** What was thought of each message, in order. */
  readonly judgements: (Judgement & { from: number; to: number; about: string })[] = []
  /** Drops a message where it returns false. */
  filter: (sent: Sent) => boolean = () => true
  readonly sent: Sent[] = []
  nowMs: number
  readonly #queue: Sent[] = []
  #nonce = 0

  constructor(options: Settling = {}) {
    this.members = members.map((party, at) => this.#open(at, party, options))
    this.nowMs = 0
    for (const a of this.members) {
      for (const b of this.members) if (a !== b) a.peers.noteConnection(b.peer, true)
    }
    this.block()
  }

  #open(at: number, party: Party, options: Settling): SettlementMember {
    const store = createMemoryStore()
    const state = openLedger(store)
    const gate = new VotingGate({ stallMs: 60_000 }, state, party.address)
    const peers = new PeerBook(testMarket, store)
    for (const [index, { key }] of members.entries()) {
      const record = { peerId: `peer-${index}`, addresses: [], sequence: 1n }
      peers.take(signPeerRecord(testMarket, record, key), () => true)
    }
    const calls: SettleCall[] = []
    const effects: NodeEffect[] = []
    const context: NodeContext = {
      ...{ state, gate, peers, memberKey: party.key, memberAddress: party.address },
      nowMs: () => this.nowMs,
      emit: (effect) => this.#release(at, effect),
    }
    const loop = new SettlementLoop(
      {
        ...{ batchItems: 100, batchAgeMs: 1_000, resendMs: 30_000, answerMs: 2_000 },
        ...{ spanBlocks: 1_000, takeoverMs: 10_000, beneficiary: party.address },
        ...options,
      },
      context,
    )
    const desk = new SettlementDesk(context, loop)
    return { at, peer: `peer-${at}`, state, gate, peers, loop, desk, calls, effects }
  }

  #release(from: number, effect: NodeEffect): void {
    const member = this.members[from]!
    if (effect.kind === 'settle') member.calls.push(effect.call)
    else if (effect.kind !== 'send') member.effects.push(effect)
    else {
      const to = Number(effect.peer.slice('peer-'.length))
      const sent = { from, to, message: effect.message }
      this.sent.push(sent)
      if (this.filter(sent)) this.#queue.push(sent)
    }
  }

  /** Cuts or restores the connections of a member. */
  connect(at: number, isConnected: boolean): void {
    for (const other of this.members) {
      if (other.at === at) continue
      other.peers.noteConnection(`peer-${at}`, isConnected)
      this.members[at]!.peers.noteConnection(other.peer, isConnected)
    }
  }

  /** The consumer's next CTP of 500 Wh for 1,000 wei, certified at some members. */
  trade(at: readonly number[] = [0, 1, 2, 3], options: { expirySeconds?: number } = {}) {
    const nonce = this.#nonce++
    const submission = makeSubmission({ consumer, producer, nonce, ...options })
    const [record] = makeRecords([submission])
    const { ctpId } = record!
    for (const member of at) this.certify(member, record!)
    const receiptOf = (deliveredWh: number, key = submission.meterKey) =>
      makeReceipt(testMarket, ctpId, deliveredWh, key)
    return { ctpId, record: record!, receiptOf } satisfies SettlementTrade
  }

  certify(at: number, record: TestRecord): void {
    certifyRecord(this.members[at]!.state, record, new RecoveryCache(testMarket))
  }

  /** Gives a receipt to some members. */
  receipt(signed: SignedErc, at: readonly number[] = [0, 1, 2, 3]): void {
    for (const member of at) takeReceipt(this.members[member]!.state, signed)
  }

  /** A new confirmed block for everyone; time goes on with it. */
  block(part: Parameters<typeof addBlock>[1] = {}): void {
    for (const { state, gate, loop } of this.members) {
      const update: ChainUpdate = addBlock(state, part)
      this.nowMs = Math.max(this.nowMs, update.head.timeSeconds * 1000)
      gate.tick(this.nowMs)
      gate.noteBlock(update.head, this.nowMs)
      loop.noteUpdate(update, this.nowMs)
    }
    this.#advance()
  }

  /** Time passes without a block. */
  tick(ms: number): void {
    this.nowMs += ms
    for (const { gate } of this.members) gate.tick(this.nowMs)
    this.#advance()
  }

  #advance(): void {
    for (const { at, loop } of this.members) {
      for (const effect of loop.advance(this.nowMs)) this.#release(at, effect)
    }
    for (let sent = this.#queue.shift(); sent; sent = this.#queue.shift()) this.#deliver(sent)
  }

  #deliver({ from, to, message }: Sent): void {
    const judgement = this.take(to, from, message)
    this.judgements.push({ ...judgement, from, to, about: message.kind })
  }

  /** Hands a message to a member, as its machine would. */
  take(to: number, from: number, message: Sent['message']): Judgement {
    const member = this.members[to]!
    const peer = `peer-${from}`
    if (message.kind === 'settleReply') return member.loop.takeReply(peer, message)
    if (message.kind === 'recordsTell') {
      for (const record of message.records) {
        certifyRecord(member.state, record, new RecoveryCache(testMarket))
      }
      return accepted
    }
    if (message.kind !== 'settleRequest') throw new Error(`nobody sends ${message.kind} here`)
    if (member.lie === undefined) return member.desk.take(peer, message)
    const reply = member.lie(message)
    if (reply !== undefined) this.#release(to, { kind: 'send', peer, message: reply })
    return accepted
  }

  /** All settlements that were sent, with their senders. */
  calls(): { at: number; call: SettleCall }[] {
    return this.members.flatMap(({ at, calls }) => calls.map((call) => ({ at, call })))
  }

  /** What was not accepted: by whom it came, to whom, and why. */
  blames(): string[] {
    return this.judgements.flatMap((judgement) =>
      judgement.verdict === 'accept'
        ? []
        : `${judgement.from}→${judgement.to} ${judgement.verdict} ${judgement.code}`,
    )
  }
}
