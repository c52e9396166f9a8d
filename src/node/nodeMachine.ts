import { checkAdmission, checkEnergyLeft } from '../ledger/admission.ts'
import {
  applyChainUpdate,
  type ChainUpdate,
  type ClosedByUpdate,
  forgetChain,
  rollBack,
} from '../ledger/chainUpdates.ts'
import { type LedgerState, offerOf } from '../ledger/ledgerState.ts'
import { viewCtp, viewOffer, viewOfRow } from '../ledger/ledgerViews.ts'
import { takeReceipt } from '../ledger/receipts.ts'
import {
  applyVoid,
  certify,
  findNumber,
  recordVoidVote,
  recordVote,
  voidOf,
} from '../ledger/voting.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { quorumOf } from '../protocol/committee.ts'
import { identifyCtp, type SignedCtp, type VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { VoidCertificate } from '../protocol/holdCertificate.ts'
import { limits } from '../protocol/limits.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import { addressOf, signMessage } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import type { ErcView } from '../protocol/views.ts'
import { CertificateAssembler } from './certificateAssembler.ts'
import type { NodeEffect, NodeInput, Reply } from './nodeEffect.ts'
import { emptyTotals, type NodeCounts } from './nodeTotals.ts'
import { SettlementLoop, type SettlementOptions } from './settlementLoop.ts'
import { VotingGate } from './votingGate.ts'

/** What a machine needs to know besides the ledger. */
export type NodeMachineOptions = {
  memberKey: Uint8Array
  settlement: SettlementOptions
  /** Block time may stand still for so long before the node stops voting. */
  stallMs: number
}

/**
 * The node as a deterministic state machine: inputs in, effects out, no other contact with the
 * world. The same inputs on the same store give the same effects.
 */
export class NodeMachine {
  readonly memberAddress: Address
  readonly totals: NodeCounts = emptyTotals()
  readonly gate: VotingGate
  readonly settlement: SettlementLoop
  readonly #state: LedgerState
  readonly #memberKey: Uint8Array
  readonly #assembler = new CertificateAssembler()
  /** Requests that wait for a CTP's certificate. */
  readonly #waiting = new Map<Bytes32, number[]>()
  /** Whose CTPs are on the ballot of this step. */
  readonly #balloted = new Set<Address>()
  #effects: NodeEffect[] = []
  #nowMs = 0

  constructor(options: NodeMachineOptions, state: LedgerState) {
    this.#state = state
    this.#memberKey = options.memberKey
    this.memberAddress = addressOf(options.memberKey)
    this.gate = new VotingGate({ stallMs: options.stallMs }, state, this.memberAddress)
    this.settlement = new SettlementLoop(options.settlement, state, options.memberKey)
  }

  /** Takes inputs in order and says what they lead to. CTPs of one step share one vote. */
  step(inputs: readonly NodeInput[]): NodeEffect[] {
    this.#effects = []
    const ballot: VerifiedCtp[] = []
    for (const input of inputs) {
      if (input.kind === 'ctp') {
        this.#admit(input.request, input.verified, ballot)
        continue
      }
      // A vote goes out before anything that may depend on its certificate, such as a receipt.
      this.#castVotes(ballot.splice(0))
      this.#take(input)
    }
    this.#castVotes(ballot)
    this.#effects.push(...this.settlement.advance(this.#nowMs))
    return this.#effects
  }

  #take(input: Exclude<NodeInput, { kind: 'ctp' }>): void {
    switch (input.kind) {
      case 'receipt':
        this.#answer(input.request, () => this.#takeReceipt(input.signed))
        break
      case 'void':
        this.#answer(input.request, () => this.#void(input.shown))
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
      case 'tick':
        this.#nowMs = input.nowMs
        this.gate.tick(input.nowMs)
        break
    }
  }

  /** Runs a request; a refusal is an answer, anything else is our own bug and passes on. */
  #answer(request: number, run: () => Reply): void {
    try {
      this.#effects.push({ kind: 'reply', request, reply: run() })
    } catch (error) {
      this.#refuse(request, error)
    }
  }

  #refuse(request: number, error: unknown): void {
    if (!(error instanceof SpbError)) throw error
    this.totals.refused++
    this.#effects.push({ kind: 'refuse', request, error })
  }

  #admit(request: number, verified: VerifiedCtp, ballot: VerifiedCtp[]): void {
    const { ctpId } = verified
    const known = findNumber(this.#state, verified)
    const isUncertified = this.#state.live.get(ctpId)?.state === 'proposed'
    if (known !== undefined && !isUncertified) {
      // Sent again, after a lost answer: the same answer once more.
      this.#answer(request, () => viewCtp(this.#state, ctpId))
      return
    }
    try {
      this.gate.check()
      if (known === undefined) {
        // The vote for an account's earlier CTP of this step closes its nonce.
        if (this.#balloted.has(verified.consumer)) this.#castVotes(ballot.splice(0))
        checkAdmission(this.#state, verified, false)
        checkEnergyLeft(this.#state, verified)
        recordVote(this.#state, verified)
        this.totals.ctps++
      }
    } catch (error) {
      this.#refuse(request, error)
      return
    }
    const isNew = !this.#waiting.has(ctpId) || !this.#balloted.has(verified.consumer)
    this.#waiting.set(ctpId, [...(this.#waiting.get(ctpId) ?? []), request])
    if (!isNew) return
    ballot.push(verified)
    this.#balloted.add(verified.consumer)
  }

  #castVotes(ballot: VerifiedCtp[]): void {
    const { committee, market } = this.#state
    const member = committee.members.indexOf(this.memberAddress)
    this.#balloted.clear()
    for (let from = 0; from < ballot.length; from += limits.ctpsPerVote) {
      const batch = ballot.slice(from, from + limits.ctpsPerVote)
      const tree = buildMerkleTree(batch.map(({ ctpId }) => ctpId))
      const { epoch } = committee
      const message = { epoch, ctpsRoot: tree.root }
      const signature = signMessage(market, 'HoldVote', message, this.#memberKey)
      for (const [index, verified] of batch.entries()) {
        const vote = { member, signature, path: tree.pathOf(index) }
        const votes = this.#assembler.add(committee, verified, vote)
        if (votes === undefined) continue
        certify(this.#state, verified, epoch, votes)
        this.#announceCertified(verified)
      }
    }
  }

  #announceCertified(verified: VerifiedCtp): void {
    const { ctpId } = verified
    const number = this.#state.live.get(ctpId)?.number
    const view =
      number === undefined
        ? viewCtp(this.#state, ctpId)
        : viewOfRow(this.#state, { ...verified, number })
    for (const request of this.#waiting.get(ctpId) ?? []) {
      this.#effects.push({ kind: 'reply', request, reply: view })
    }
    this.#waiting.delete(ctpId)
    this.#effects.push({ kind: 'event', event: { kind: 'ctp', ctp: view } })
  }

  #takeReceipt(signed: SignedErc): ErcView {
    const before = this.#state.live.get(signed.erc.ctpId)?.deliveredWh ?? 0
    const live = takeReceipt(this.#state, signed)
    this.totals.receipts++
    const payable = (deliveredWh: number) => Math.min(deliveredWh, live.energyWh)
    this.totals.receiptedWh += payable(live.deliveredWh) - payable(before)
    const ctp = viewCtp(this.#state, live.ctpId)
    this.#effects.push({ kind: 'event', event: { kind: 'ctp', ctp } })
    return { ctp, excessWh: wh(Math.max(0, live.deliveredWh - live.energyWh)) }
  }

  #void(shown: SignedCtp): VoidCertificate {
    this.gate.check()
    const { market, committee } = this.#state
    const identified = identifyCtp(market, shown)
    const known = voidOf(this.#state, identified.consumer, shown.ctp.nonce)
    if (known !== undefined) return known
    recordVoidVote(this.#state, identified)
    const account = identified.consumer
    const { nonce } = shown.ctp
    const { epoch } = committee
    const message = { epoch, account, nonce }
    const member = committee.members.indexOf(this.memberAddress)
    const signature = signMessage(market, 'NonceVoid', message, this.#memberKey)
    const signatures = [{ member, signature }]
    if (signatures.length < quorumOf(committee)) throw new SpbError('certificate/too-few-votes')
    const certificate = { ...message, signatures }
    applyVoid(this.#state, certificate)
    return certificate
  }

  #applyUpdate(update: ChainUpdate): void {
    const isNewBlock = update.confirmed.hash !== this.#state.confirmed?.hash
    const closings = applyChainUpdate(this.#state, update)
    this.gate.noteBlock(update.head, this.#nowMs)
    this.settlement.noteUpdate(update, this.#nowMs)
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
    this.#assembler.drop(ctp.ctpId)
    for (const request of this.#waiting.get(ctp.ctpId) ?? []) {
      const error = new SpbError('certificate/too-few-votes', 'The CTP expired without a quorum.')
      this.#effects.push({ kind: 'refuse', request, error })
    }
    this.#waiting.delete(ctp.ctpId)
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
    this.#log('warn', 'the chain was reorganised', {
      from: confirmed?.number ?? null,
      to: this.#state.confirmed?.number ?? null,
    })
  }

  #log(level: 'info' | 'warn' | 'error', message: string, meta: object): void {
    this.#effects.push({ kind: 'log', level, message, meta })
  }
}
