import { viewCtp } from '../ledger/ledgerViews.ts'
import { takeReceipt } from '../ledger/receipts.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { IdentifiedCtp } from '../protocol/ctpSubmission.ts'
import { digestOf } from '../protocol/digest.ts'
import { makeRoom } from '../protocol/makeRoom.ts'
import { messageLimits, type ReceiptsNotice } from '../protocol/nodeMessages.ts'
import { recoverSigner } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import type { ErcView } from '../protocol/views.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import type { NodeCounts } from './nodeTotals.ts'

/** Receipts that may wait for the certificate of their CTP; the oldest make room. */
const mostEarly = 10_000

/** Takes receipts from meters and from other nodes, and tells the others. */
export class ReceiptDesk {
  readonly #context: NodeContext
  readonly #totals: NodeCounts
  /** What this step brought from meters: published together. */
  #fresh: SignedErc[] = []
  /** By CTP and signer: overtook the certificate, which will say whose word counts. */
  readonly #early = new Map<string, SignedErc>()

  constructor(context: NodeContext, totals: NodeCounts) {
    this.#context = context
    this.#totals = totals
  }

  /** Takes a meter's receipt. Throws what `takeReceipt` throws. */
  submit(signed: SignedErc): ErcView {
    const view = this.#keep(signed)
    this.#fresh.push(signed)
    return view
  }

  /** Takes what another node publishes. */
  take({ receipts }: ReceiptsNotice): Judgement {
    let isNew = false
    let isChecked = true
    for (const signed of receipts) {
      try {
        this.#keep(signed)
        isNew = true
      } catch (error) {
        if (!(error instanceof SpbError)) throw error
        if (error.code === 'erc/wrong-key' || error.code === 'erc/zero') return reject(error.code)
        if (error.code === 'erc/unknown-ctp') this.#keepEarly(signed)
        if (error.code !== 'erc/repeated' && error.code !== 'erc/lower') isChecked = false
      }
    }
    // What could not be checked here is not passed on: who can check it would blame this node.
    return isNew && isChecked ? accepted : ignore('erc/repeated')
  }

  /** A CTP was certified: its receipt may be here already. */
  noteCertified({ ctpId, ctp }: IdentifiedCtp): void {
    const name = nameOf(ctpId, ctp.meterKey)
    const signed = this.#early.get(name)
    if (signed === undefined) return
    this.#early.delete(name)
    this.take({ kind: 'receipts', receipts: [signed] })
  }

  /** Tells who listens of a receipt that came with a record. */
  announce(ctpId: Bytes32): void {
    const ctp = viewCtp(this.#context.state, ctpId)
    this.#context.emit({ kind: 'event', event: { kind: 'ctp', ctp } })
  }

  /** Publishes what came since the last step. */
  flush(): void {
    const fresh = this.#fresh
    this.#fresh = []
    if (this.#context.peers.connected.size === 0) return
    for (let from = 0; from < fresh.length; from += messageLimits.receiptsPerNotice) {
      const receipts = fresh.slice(from, from + messageLimits.receiptsPerNotice)
      this.#context.emit({ kind: 'publish', message: { kind: 'receipts', receipts } })
    }
  }

  #keep(signed: SignedErc): ErcView {
    const { state, emit } = this.#context
    const before = state.live.get(signed.erc.ctpId)?.deliveredWh ?? 0
    const live = takeReceipt(state, signed)
    this.#totals.receipts++
    const payable = (deliveredWh: number) => Math.min(deliveredWh, live.energyWh)
    this.#totals.receiptedWh += payable(live.deliveredWh) - payable(before)
    const ctp = viewCtp(state, live.ctpId)
    emit({ kind: 'event', event: { kind: 'ctp', ctp } })
    return { ctp, excessWh: wh(Math.max(0, live.deliveredWh - live.energyWh)) }
  }

  #keepEarly(signed: SignedErc): void {
    const { ctpId, deliveredWh } = signed.erc
    const signer = recoverSigner(
      digestOf(this.#context.state.market, 'Erc', signed.erc),
      signed.signature,
    )
    if (signer === undefined) return
    const name = nameOf(ctpId, signer)
    const known = this.#early.get(name)
    if (known !== undefined && known.erc.deliveredWh >= deliveredWh) return
    this.#early.delete(name)
    makeRoom(this.#early, mostEarly)
    this.#early.set(name, signed)
  }
}

const nameOf = (ctpId: Bytes32, signer: Address) => `${ctpId} ${signer}`
