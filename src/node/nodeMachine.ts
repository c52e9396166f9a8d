import {
  applyChainUpdate,
  type ChainUpdate,
  type ClosedByUpdate,
  forgetChain,
  rollBack,
} from '../ledger/chainUpdates.ts'
import { type LedgerState, offerOf } from '../ledger/ledgerState.ts'
import { viewCtp, viewOffer } from '../ledger/ledgerViews.ts'
import type { PeerId } from '../ports/network.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import type { Hello } from '../protocol/nodeMessages.ts'
import { addressOf } from '../protocol/signature.ts'
import { CatchUp, catchUpDefaults } from './catchUp.ts'
import { CertificateDesk } from './certificateDesk.ts'
import { defaultEpochDeskOptions, EpochDesk } from './epochDesk.ts'
import { EquivocationBook } from './equivocationBook.ts'
import { Greeter } from './greeter.ts'
import type { Judgement, NodeContext } from './nodeContext.ts'
import type { CheckedMessage, NodeEffect, NodeInput } from './nodeEffect.ts'
import type { NodeCounts } from './nodeTotals.ts'
import { PeerBook } from './peerBook.ts'
import { ReceiptDesk } from './receiptDesk.ts'
import { RequestBook } from './requestBook.ts'
import { RootAudit } from './rootAudit.ts'
import { SettlementDesk } from './settlementDesk.ts'
import { SettlementLoop, type SettlementOptions } from './settlementLoop.ts'
import { SyncDesk, syncDeskDefaults } from './syncDesk.ts'
import { VoidDesk } from './voidDesk.ts'
import { VoteCollector } from './voteCollector.ts'
import { VoteDesk } from './voteDesk.ts'
import { VoteLists } from './voteLists.ts'
import { type Reason, VotingGate } from './votingGate.ts'

/** What a machine needs to know besides the ledger. */
export type NodeMachineOptions = {
  memberKey: Uint8Array
  settlement: SettlementOptions
  /** Block time may stand still for so long before the node stops voting. */
  stallMs: number
  /** Clock and chain may differ by so much; left out: by any. */
  clockToleranceMs?: number
}

/**
 * The node as a deterministic state machine: inputs in, effects out, no other contact with the
 * world. The same inputs on the same store give the same effects. It hands each input to the desk
 * that deals with it.
 */
export class NodeMachine {
  readonly memberAddress: Address
  readonly gate: VotingGate
  readonly settlement: SettlementLoop
  readonly peers: PeerBook
  readonly equivocations: EquivocationBook
  readonly catchUp: CatchUp
  readonly rootAudit: RootAudit
  readonly epochDesk: EpochDesk
  readonly #state: LedgerState
  readonly #requests: RequestBook
  readonly #greeter: Greeter
  readonly #collector: VoteCollector
  readonly #voteDesk: VoteDesk
  readonly #certificateDesk: CertificateDesk
  readonly #receiptDesk: ReceiptDesk
  readonly #voidDesk: VoidDesk
  readonly #settlementDesk: SettlementDesk
  readonly #syncDesk: SyncDesk
  #effects: NodeEffect[] = []
  #nowMs = 0

  constructor(options: NodeMachineOptions, state: LedgerState) {
    const { memberKey, stallMs, clockToleranceMs } = options
    this.#state = state
    this.memberAddress = addressOf(memberKey)
    const patience = clockToleranceMs === undefined ? { stallMs } : { stallMs, clockToleranceMs }
    this.gate = new VotingGate(patience, state, this.memberAddress)
    this.peers = new PeerBook(state.market, state.store)
    const context: NodeContext = {
      ...{ state, memberKey, memberAddress: this.memberAddress },
      ...{ peers: this.peers, gate: this.gate },
      nowMs: () => this.#nowMs,
      emit: (effect) => void this.#effects.push(effect),
    }
    const lists = new VoteLists(state.market)
    const requests = new RequestBook(state, context.emit)
    this.#requests = requests
    const equivocations = new EquivocationBook(context)
    this.equivocations = equivocations
    this.#greeter = new Greeter(context)
    this.gate.require(() => this.#greeter.reason())
    this.#collector = new VoteCollector(context, {
      ...{ requests, lists, equivocations },
      onCertified: (identified) => this.#receiptDesk.noteCertified(identified),
    })
    this.#voteDesk = new VoteDesk(context, lists)
    const onCertified = (identified: IdentifiedCtp) => this.#noteCertified(identified)
    this.#certificateDesk = new CertificateDesk(context, { lists, equivocations, onCertified })
    this.#receiptDesk = new ReceiptDesk(context, requests.totals)
    this.#voidDesk = new VoidDesk(context, requests, onCertified)
    this.settlement = new SettlementLoop(options.settlement, context)
    this.#settlementDesk = new SettlementDesk(context, this.settlement)
    this.#syncDesk = new SyncDesk(syncDeskDefaults, context)
    const onReceipted = (ctpId: Bytes32) => this.#receiptDesk.announce(ctpId)
    this.catchUp = new CatchUp(catchUpDefaults, context, { onCertified, onReceipted })
    this.gate.require(() => this.#catchUpReason())
    this.epochDesk = new EpochDesk(defaultEpochDeskOptions, context)
    this.gate.require(() => this.epochDesk.reason())
    this.rootAudit = new RootAudit(context, {
      onDifference: (peer) => this.catchUp.compareWith(peer),
      onRoot: (peer, root) => this.catchUp.noteRoot(peer, root),
    })
  }

  /** Counts since the start. */
  get totals(): NodeCounts {
    return this.#requests.totals
  }

  /** Takes inputs in order and says what they lead to. CTPs of one step share one vote. */
  step(inputs: readonly NodeInput[]): NodeEffect[] {
    this.#effects = []
    for (const input of inputs) {
      if (input.kind === 'ctp') {
        this.#collector.submit(input.request, input.verified)
        continue
      }
      // A vote goes out before anything that may depend on its certificate, such as a receipt.
      this.#collector.flush()
      this.#take(input)
    }
    this.#collector.flush()
    this.#receiptDesk.flush()
    this.#effects.push(...this.settlement.advance(this.#nowMs))
    return this.#effects
  }

  #take(input: Exclude<NodeInput, { kind: 'ctp' }>): void {
    switch (input.kind) {
      case 'receipt':
        this.#requests.answer(input.request, () => this.#receiptDesk.submit(input.signed))
        break
      case 'void':
        this.#voidDesk.submit(input.request, input.shown)
        break
      case 'endEpoch':
        this.#requests.answer(input.request, () => this.epochDesk.end())
        break
      case 'chain':
        this.#applyUpdate(input.update)
        break
      case 'reorganised':
        this.#rollBack()
        break
      case 'chainFailed':
        this.gate.noteFailure(input.error)
        break
      case 'settlementSent':
        this.settlement.noteSent(input.transactionHash)
        break
      case 'settlementFailed':
        this.#log('warn', 'settlement failed', { ...input.error.toJSON() })
        this.settlement.noteFailed(this.#nowMs)
        break
      case 'settlementOutcome':
        this.settlement.noteOutcome(input.outcome, this.#nowMs)
        break
      case 'networkStarted':
        this.#greeter.start(input.peerId, input.addresses, input.mark)
        break
      case 'peer':
        this.#notePeer(input.peer, input.isConnected)
        break
      case 'message':
        this.#takeMessage(input)
        break
      case 'tick':
        this.#tick(input.nowMs)
        break
    }
  }

  #notePeer(peer: PeerId, isConnected: boolean): void {
    this.#greeter.noteConnection(peer, isConnected)
    this.#syncDesk.noteConnection(peer, isConnected)
    this.catchUp.noteConnection(peer, isConnected)
    this.rootAudit.noteConnection(peer, isConnected)
    this.epochDesk.noteConnection(peer, isConnected)
  }

  #catchUpReason(): Reason | undefined {
    if (this.catchUp.hasCaughtUp) return undefined
    const text = 'The node has not compared its database with enough other members yet.'
    return { code: 'node/catching-up', text }
  }

  #tick(nowMs: number): void {
    this.#nowMs = nowMs
    this.gate.tick(nowMs)
    this.catchUp.tick()
    this.epochDesk.tick()
    this.#collector.tick()
    this.#voidDesk.tick()
  }

  #takeMessage(input: Extract<NodeInput, { kind: 'message' }>): void {
    const { peer, message, delivery } = input
    const judgement = this.#judge(peer, message, delivery !== undefined)
    if (delivery !== undefined) {
      this.#effects.push({ kind: 'verdict', delivery, verdict: judgement.verdict })
    }
    // The network blames whoever passed on what is rejected.
    if (judgement.verdict !== 'reject' || delivery !== undefined) return
    this.#effects.push({ kind: 'blame', peer, code: judgement.code })
  }

  #judge(peer: PeerId, message: CheckedMessage, isPublished: boolean): Judgement {
    switch (message.kind) {
      case 'hello':
        return this.#takeHello(peer, message)
      case 'voteRequest':
        return this.#voteDesk.take(peer, message)
      case 'voteReply':
        return this.#collector.takeReply(peer, message)
      case 'certificates':
        return this.#certificateDesk.take(message, isPublished)
      case 'receipts':
        return this.#receiptDesk.take(message)
      case 'voidRequest':
        return this.#voidDesk.takeRequest(peer, message)
      case 'voidReply':
        return this.#voidDesk.takeReply(peer, message)
      case 'voided':
        return this.#voidDesk.take(message)
      case 'equivocation':
        return this.equivocations.take(message)
      case 'settleRequest':
        return this.#settlementDesk.take(peer, message)
      case 'settleReply':
        return this.settlement.takeReply(peer, message)
      case 'treeAsk':
      case 'recordsAsk':
        return this.#syncDesk.take(peer, message)
      case 'treeTell':
      case 'recordsTell':
        return this.catchUp.take(peer, message)
      case 'epochEnd':
      case 'reportAsk':
      case 'reportTell':
        return this.epochDesk.take(peer, message)
      case 'root':
        return this.rootAudit.take(peer, message)
    }
  }

  #takeHello(peer: PeerId, hello: Hello): Judgement {
    const judgement = this.#greeter.take(peer, hello)
    this.catchUp.greet(peer, hello.root)
    return judgement
  }

  /** A certificate that another gateway made is known now. */
  #noteCertified(identified: IdentifiedCtp): void {
    const { ctpId, consumer } = identified
    this.#requests.announceCertified(identified)
    this.#collector.noteCertified(ctpId, consumer)
    this.#receiptDesk.noteCertified(identified)
  }

  #applyUpdate(update: ChainUpdate): void {
    const isNewBlock = update.confirmed.hash !== this.#state.confirmed?.hash
    const closings = applyChainUpdate(this.#state, update)
    this.gate.noteBlock(update.head, this.#nowMs)
    this.settlement.noteUpdate(update, this.#nowMs)
    this.#greeter.noteEpoch()
    this.epochDesk.noteUpdate()
    this.rootAudit.noteUpdate(update)
    for (const closing of closings) this.#announceClosed(closing)
    for (const event of update.events) {
      if (event.kind === 'Settled') {
        this.totals.settlementTransactions++
        this.totals.settlementGas += event.gasUsed
        this.totals.settlementCalldataBytes += event.calldataBytes
      } else if (event.kind === 'SettledWithProof') {
        this.totals.settlementTransactions++
        this.totals.settlementGas += event.gasUsed
      } else if (event.kind === 'OfferAdded' || event.kind === 'OfferWithdrawn') {
        this.#announceOffer(event.offerId)
      }
    }
    for (const trade of update.trades) {
      this.totals.settled++
      this.totals.paidWei += trade.paidWei
    }
    if (!isNewBlock) return
    const { number, timeSeconds } = update.confirmed
    this.#effects.push({ kind: 'event', event: { kind: 'block', number, timeSeconds } })
  }

  #announceOffer(offerId: bigint): void {
    const row = offerOf(this.#state, offerId)
    // One that was made before the block from which this node reads the chain.
    if (row === undefined) return
    const offer = viewOffer(this.#state, row)
    this.#effects.push({ kind: 'event', event: { kind: 'offer', offer } })
  }

  #announceClosed({ ctp, closed }: ClosedByUpdate): void {
    if (closed.state === 'expired') this.totals.expired++
    this.#collector.drop(ctp.ctpId, ctp.consumer)
    if (closed.state === 'expired' && closed.deliveredWh > 0) {
      const meta = { ctpId: ctp.ctpId, deliveredWh: closed.deliveredWh }
      this.#log('error', 'a receipted CTP expired before it was settled', meta)
    }
    const view = viewCtp(this.#state, ctp.ctpId)
    this.#effects.push({ kind: 'event', event: { kind: 'ctp', ctp: view } })
  }

  #rollBack(): void {
    const { confirmed } = this.#state
    if (!rollBack(this.#state)) forgetChain(this.#state)
    this.settlement.noteRollBack()
    this.epochDesk.noteUpdate()
    this.#log('warn', 'the chain was reorganised', {
      from: confirmed?.number ?? null,
      to: this.#state.confirmed?.number ?? null,
    })
  }

  #log(level: 'info' | 'warn' | 'error', message: string, meta: object): void {
    this.#effects.push({ kind: 'log', level, message, meta })
  }
}
