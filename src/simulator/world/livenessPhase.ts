import type { Consumer } from './consumer.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import type { BrokenPromise, PromiseChecker } from './promiseChecker.ts'
import type { RunLog } from './runLog.ts'
import type { SimulatedNode } from './simulatedNode.ts'
import { shownOf, type TradePapers } from './tradePapers.ts'
import type { VirtualTime } from './virtualTime.ts'
import { wholeLifeSeconds } from './worldMarket.ts'

/** What the second part of a run works with. */
export type LivenessParts = {
  time: VirtualTime
  log: RunLog
  around: Neighbourhood
  checker: PromiseChecker
  /** Those that keep to the rules. */
  nodes: readonly SimulatedNode[]
  consumers: readonly Consumer[]
  isOver(): boolean
  fail(broken: BrokenPromise): void
}

/** Time in which every account must be able to trade again, and its trade be paid. */
const tradeSeconds = 60

/**
 * The second part of a run: nothing fails any more. Each account must come to trade, its trade
 * must be paid as receipted, everything else must end, and all honest nodes must agree.
 */
export class LivenessPhase {
  readonly #parts: LivenessParts
  readonly #fresh = new Map<Consumer, TradePapers>()

  constructor(parts: LivenessParts) {
    this.#parts = parts
  }

  async run(): Promise<void> {
    const { time, isOver } = this.#parts
    // Old votes and holds end first: a nonce that got stuck is closed only then.
    await this.#pass(wholeLifeSeconds + 15)
    for (let at = 0; at < 2 * tradeSeconds && !isOver(); at++) {
      await time.runUntil(time.nowMs() + 1_000, isOver)
      this.#trade(at)
      if (this.#isEveryonePaid()) break
    }
    if (isOver()) return
    this.#checkTrades()
    this.#checkAgreement()
    await this.#pass(wholeLifeSeconds)
    if (!isOver()) this.#checkEnds()
  }

  async #pass(seconds: number): Promise<void> {
    const { time, isOver, consumers } = this.#parts
    for (let at = 0; at < seconds && !isOver(); at++) {
      await time.runUntil(time.nowMs() + 1_000, isOver)
      for (const { deliveries } of consumers) for (const delivery of deliveries) delivery.tick()
    }
  }

  /** Has each consumer close the nonce in his way, or trade at it. */
  #trade(round: number): void {
    const { consumers, nodes, around } = this.#parts
    for (const [at, consumer] of consumers.entries()) {
      for (const delivery of consumer.deliveries) delivery.tick()
      const node = nodes[(at + Math.floor(round / 6)) % nodes.length]!
      const known = this.#fresh.get(consumer)
      if (known !== undefined) {
        const isHeld = consumer.deliveries.some(({ ctpId }) => ctpId === known.ctpId)
        if (!isHeld && round % 6 === 0) consumer.submit(known, node.index, shareOf(at))
        continue
      }
      if (round % 3 !== 0 || node.service === undefined) continue
      const { address } = consumer.party
      const { nextNonce } = node.service.account(address)
      const stuck = around.book
        .ofAccount(address)
        .find(({ submission }) => submission.ctp.nonce === nextNonce)
      if (stuck === undefined) {
        const papers = consumer.buyFreshly(nextNonce)
        this.#fresh.set(consumer, papers)
        consumer.submit(papers, node.index, shareOf(at))
      } else void around.askVoid(node.index, shownOf(stuck), address)
    }
  }

  #isEveryonePaid(): boolean {
    const { consumers, nodes } = this.#parts
    return consumers.every((consumer) => {
      const papers = this.#fresh.get(consumer)
      if (papers === undefined) return false
      return nodes.every((node) => {
        return papers !== undefined && stateAt(node, papers) === 'settled'
      })
    })
  }

  #checkTrades(): void {
    const { consumers, nodes, checker, around } = this.#parts
    const paid = checker.checkPayments()
    for (const consumer of consumers) {
      const papers = this.#fresh.get(consumer)
      const { address } = consumer.party
      if (papers === undefined) {
        const nonces = nodes.map(({ service }) => service?.account(address).nextNonce)
        this.#fail(`${consumer.style} ${address} cannot trade; next nonces ${nonces.join(' ')}`)
        continue
      }
      const paidWh = paid.get(papers.ctpId)
      const { receiptedWh } = around.book.get(papers.ctpId)!
      if (paidWh === receiptedWh && paidWh > 0) continue
      const states = nodes.map((node) => stateAt(node, papers)).join(' ')
      const text = `${papers.ctpId}: receipted ${receiptedWh} Wh, paid ${paidWh ?? 0}; ${states}`
      this.#fail(text)
    }
  }

  #checkAgreement(): void {
    const { nodes } = this.#parts
    for (const { name, service } of nodes) {
      const status = service?.status()
      if (status?.isVoting === true) continue
      this.#fail(`${name} does not vote: ${status?.reason ?? 'it is down'}`)
    }
    const roots = new Set(nodes.map(({ service }) => service?.status().root))
    if (roots.size > 1) this.#fail(`honest nodes have ${roots.size} roots: ${[...roots].join(' ')}`)
  }

  /** Money is free, and nothing is live. */
  #checkEnds(): void {
    for (const { name, service, state } of this.#parts.nodes) {
      const live = service?.status().liveCtps ?? 0
      const { fail } = this.#parts
      if (live > 0)
        fail({
          promise: 'P4',
          text: `${name} has ${live} live CTPs when all are over`,
        })
      const heldWei = state?.accounts.totalHeldWei ?? 0n
      if (heldWei > 0n) fail({ promise: 'P4', text: `${name} still holds ${heldWei} wei` })
    }
  }

  #fail(text: string): void {
    this.#parts.fail({ promise: 'live', text })
  }
}

/** Every other trade is delivered in part, and settles late in its grace. */
const shareOf = (consumer: number): number => (consumer % 2 === 0 ? 1 : 0.6)

function stateAt({ service }: SimulatedNode, { ctpId }: TradePapers): string {
  try {
    return service?.ctp(ctpId).state ?? 'down'
  } catch {
    return 'unknown'
  }
}
