import type { Seconds } from '../../protocol/units.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'
import type { Random } from '../random.ts'
import type { ConsumerStyle } from './consumerStyle.ts'
import { Delivery } from './delivery.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import { shownOf, signTrade, type TradePapers } from './tradePapers.ts'
import { type WorldParty, worldFacts } from './worldMarket.ts'

type Pending = { papers: TradePapers; askedAtMs: number; isAnswered: boolean }

const askAgainMs = 5_000

/** A household that buys: signs CTPs, sends them to gateways, and has its meter receipt them. */
export class Consumer {
  readonly party: WorldParty
  readonly style: ConsumerStyle
  readonly deliveries: Delivery[] = []
  readonly #around: Neighbourhood
  readonly #random: Random
  #nonce = 0
  #pending: Pending | undefined
  /** When the withdrawal that he asked for is due. */
  #leavesAt: number | undefined
  /** What it signed against its word; any of it may be sent again at any time. */
  readonly #rivals: TradePapers[] = []

  constructor(party: WorldParty, style: ConsumerStyle, around: Neighbourhood, random: Random) {
    this.party = party
    this.style = style
    this.#around = around
    this.#random = random
  }

  /** Goes on with its business, about every second. */
  tick(): void {
    for (const delivery of this.deliveries) delivery.tick()
    if (this.style === 'leaver') {
      this.#leave()
      return
    }
    if (this.#pending !== undefined) this.#press(this.#pending)
    else if (this.#random.chance(0.35)) this.#buy()
    if (this.#random.chance(0.01)) this.#withdraw()
    if (this.#random.chance(this.style === 'overspender' ? 0.2 : 0.05)) this.#deposit()
  }

  /** One trade as an honest consumer makes it; receipted as far as told once it is held. */
  buyFreshly(nonce: number): TradePapers {
    return this.#sign(nonce, {
      isNegotiated: true,
      lifeSeconds: 25,
      amountWei: 2_000n,
    })
  }

  /** Sends papers of a fresh trade, also again after an answer that got lost. */
  submit(papers: TradePapers, gateway: number, deliveredShare: number): void {
    this.#submit(papers, gateway, deliveredShare)
  }

  #buy(): void {
    const random = this.#random
    const nonce = this.#nonce
    switch (this.style) {
      case 'honest':
        this.#pend(this.#sign(nonce))
        return
      case 'doubleSpender': {
        const old = this.#rivals[Math.floor(random.between(0, this.#rivals.length))]
        if (old !== undefined && random.chance(0.3)) {
          this.#submit(old, this.#anyNode())
          return
        }
        const rivals = [this.#sign(nonce), this.#sign(nonce)]
        this.#rivals.push(...rivals)
        for (const papers of rivals) this.#submit(papers, this.#anyNode())
        // Too early: no correct member calls a nonce void at which it gave a vote that lives.
        if (random.chance(0.8)) void this.#askVoidOf(rivals[1]!)
        if (random.chance(0.2)) this.#pend(rivals[0]!)
        const next = this.#around.nextNonceAt(this.#anyNode(), this.party.address) ?? nonce
        this.#nonce = Math.max(0, next + Math.floor(random.between(-0.2, 1.2)))
        return
      }
      case 'overspender':
        for (let at = 0; at < 3; at++) {
          const amountWei = BigInt(Math.floor(random.between(3_000, 9_000)))
          const papers = this.#sign(nonce + at, {
            isNegotiated: true,
            amountWei,
          })
          this.#submit(papers, this.#anyNode())
          if (at === 0) this.#pend(papers)
        }
        return
      case 'leaver':
        this.#pend(this.#sign(nonce, { isNegotiated: true, amountWei: 6_000n, lifeSeconds: 35 }))
        return
      case 'forger':
        this.#submit(this.#sign(nonce, { isGenuine: false }), this.#anyNode())
        if (random.chance(0.3)) this.#pend(this.#sign(nonce))
        return
    }
  }

  #sign(
    nonce: number,
    wish: {
      isGenuine?: boolean
      isNegotiated?: boolean
      amountWei?: bigint
      lifeSeconds?: number
    } = {},
  ): TradePapers {
    const random = this.#random
    const { isGenuine = true, isNegotiated = random.chance(0.5) } = wish
    const supply = this.#around.chooseSupply(random)
    const energyWh = 100 * (1 + Math.floor(random.between(0, 10)))
    const priceWei = (supply.priceWeiPerKwh * BigInt(energyWh)) / 1000n
    // Some ask for more than a CTP may live.
    const lifeSeconds = wish.lifeSeconds ?? Math.floor(random.between(8, 44))
    const papers = signTrade({
      ...{ consumer: this.party, producer: supply.producer, isGenuine, nonce },
      offerId: isNegotiated ? 0n : supply.offerId,
      amountWei: wei(isNegotiated ? (wish.amountWei ?? priceWei) : priceWei),
      energyWh: wh(energyWh),
      expirySeconds: seconds(this.#around.headSeconds() + lifeSeconds),
    })
    this.#around.book.add(papers, isGenuine)
    return papers
  }

  #pend(papers: TradePapers): void {
    this.#pending = {
      papers,
      askedAtMs: this.#around.nowMs(),
      isAnswered: false,
    }
    this.#submit(papers, this.#anyNode())
  }

  /** Asks again, elsewhere; closes the nonce once nothing can come of it any more. */
  #press(pending: Pending): void {
    const { papers, askedAtMs } = pending
    const nowMs = this.#around.nowMs()
    if (pending.isAnswered) {
      this.#pending = undefined
      this.#nonce = papers.submission.ctp.nonce + 1
      return
    }
    if (nowMs - askedAtMs < askAgainMs) return
    pending.askedAtMs = nowMs
    const overAt = papers.submission.ctp.expirySeconds + worldFacts.options.graceSeconds
    if (this.#around.headSeconds() <= overAt) {
      this.#submit(papers, this.#anyNode())
      return
    }
    this.#askVoid(pending)
  }

  #askVoid(pending: Pending): void {
    void this.#askVoidOf(pending.papers).then((isClosed) => {
      if (isClosed) pending.isAnswered = true
    })
  }

  async #askVoidOf(papers: TradePapers): Promise<boolean> {
    const { address } = this.party
    const answer = await this.#around.askVoid(this.#anyNode(), shownOf(papers), address)
    return (
      answer.kind === 'reply' || (answer.kind === 'refusal' && answer.code === 'ctp/nonce-closed')
    )
  }

  #submit(papers: TradePapers, node: number, deliveredShare?: number): void {
    void this.#around.submit(node, papers).then((answer) => {
      if (answer.kind !== 'reply') return
      if (this.#pending?.papers === papers) this.#pending.isAnswered = true
      if (this.deliveries.some(({ ctpId }) => ctpId === papers.ctpId)) return
      const share = deliveredShare ?? this.#drawShare()
      this.deliveries.push(new Delivery(papers, share, this.#around, this.#random))
    })
  }

  #drawShare(): number {
    const draw = this.#random.unit()
    if (draw < 0.2) return 0
    return draw < 0.45 ? this.#random.between(0.1, 0.9) : this.#random.between(1, 1.2)
  }

  /** Promises all his money shortly before he takes it away, and comes back. */
  #leave(): void {
    const { address } = this.party
    const now = this.#around.headSeconds()
    const { withdrawalDelaySeconds: delay } = worldFacts.options
    if (this.#leavesAt === undefined) {
      this.#around.act(address, { kind: 'requestWithdrawal', amountWei: wei(1_000_000n) })
      this.#leavesAt = now + delay + 6
    } else if (now >= this.#leavesAt) {
      this.#around.act(address, { kind: 'withdraw' })
      this.#leavesAt = undefined
      this.#around.later(10_000, () => {
        this.#around.act(address, { kind: 'deposit', amountWei: wei(10_000n) })
      })
    }
    if (this.#pending !== undefined) this.#press(this.#pending)
    else if (this.#leavesAt !== undefined && now >= this.#leavesAt - 15) this.#buy()
  }

  #deposit(): void {
    const amountWei = wei(BigInt(Math.floor(this.#random.between(500, 6_000))))
    this.#around.act(this.party.address, { kind: 'deposit', amountWei })
  }

  #withdraw(): void {
    const amountWei = wei(BigInt(Math.floor(this.#random.between(1_000, 12_000))))
    const { address } = this.party
    this.#around.act(address, { kind: 'requestWithdrawal', amountWei })
    const delay: Seconds = worldFacts.options.withdrawalDelaySeconds
    this.#around.later(1_000 * (delay + 8), () => {
      this.#around.act(address, { kind: 'withdraw' })
    })
  }

  #anyNode(): number {
    return Math.floor(this.#random.between(0, this.#around.nodeCount))
  }
}
