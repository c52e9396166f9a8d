import type { Bytes32 } from '../../protocol/bytes.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import type { Random } from '../random.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { signReceipt, type TradePapers } from './tradePapers.ts'

/** A meter that receipts one trade, in steps, to as many nodes as it must. */
export class Delivery {
  readonly papers: TradePapers
  readonly #around: Neighbourhood
  readonly #random: Random
  readonly #targetWh: number
  #deliveredWh = 0
  #receipt: SignedErc | undefined
  /** Nodes that acknowledged the newest receipt. */
  #acknowledged = new Set<number>()

  constructor(papers: TradePapers, share: number, around: Neighbourhood, random: Random) {
    this.papers = papers
    this.#around = around
    this.#random = random
    this.#targetWh = Math.floor(papers.submission.ctp.energyWh * share)
  }

  get ctpId(): Bytes32 {
    return this.papers.ctpId
  }

  /** What the meter receipted so far. */
  get receiptedWh(): number {
    return this.#deliveredWh
  }

  /** True once as many nodes as needed know the last receipt. */
  get isDone(): boolean {
    return this.#deliveredWh >= this.#targetWh && this.#isKnown
  }

  get #isKnown(): boolean {
    return this.#receipt === undefined || this.#acknowledged.size > this.#around.faults
  }

  tick(): void {
    const { expirySeconds } = this.papers.submission.ctp
    if (this.#around.headSeconds() > expirySeconds + 20) return
    if (!this.#isKnown) {
      this.#send()
      return
    }
    const isOver = this.#around.headSeconds() > expirySeconds
    if (isOver || this.#deliveredWh >= this.#targetWh || this.#random.chance(0.5)) return
    const step = Math.ceil(this.#targetWh * this.#random.between(0.3, 1))
    this.#deliveredWh = Math.min(this.#targetWh, this.#deliveredWh + step)
    if (this.#deliveredWh === 0) return
    this.#receipt = signReceipt(this.papers, this.#deliveredWh, this.#around.nowMs())
    this.#acknowledged = new Set()
    const record = this.#around.book.get(this.ctpId)!
    record.receiptedWh = Math.max(record.receiptedWh, this.#deliveredWh)
    this.#send()
  }

  #send(): void {
    const receipt = this.#receipt!
    const start = Math.floor(this.#random.between(0, this.#around.nodeCount))
    for (let at = 0; at <= this.#around.faults; at++) {
      const node = (start + at) % this.#around.nodeCount
      if (this.#acknowledged.has(node)) continue
      void this.#around.sendReceipt(node, receipt).then((answer) => {
        const isKnown =
          answer.kind === 'reply' ||
          (answer.kind === 'refusal' && /^erc\/(repeated|lower|closed)$/.test(answer.code))
        if (isKnown && this.#receipt === receipt) this.#acknowledged.add(node)
      })
    }
  }
}
