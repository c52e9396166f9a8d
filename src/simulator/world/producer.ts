import { type Committee, quorumOf } from '../../protocol/committee.ts'
import { packDecline, packSettleWithProof } from '../../protocol/proofSettlement.ts'
import { seconds, wh } from '../../protocol/units.ts'
import type { Random } from '../random.ts'
import type { Neighbourhood } from './neighbourhood.ts'
import type { Supply } from './supply.ts'
import type { TradeRecord } from './tradeBook.ts'
import type { WorldParty } from './worldMarket.ts'

/** What a producer works with. */
export type ProducerParts = {
  around: Neighbourhood
  random: Random
  committee: Committee
  /** Offers that consumers choose from. */
  supplies: Supply[]
  /** Id that the next offer gets. */
  nextOfferId(): bigint
}

/** A household that sells: more than it has, and it withdraws, declines and proves now and then. */
export class Producer {
  readonly party: WorldParty
  readonly #parts: ProducerParts
  #offers = 0
  readonly #handled = new Set<string>()

  constructor(party: WorldParty, parts: ProducerParts) {
    this.party = party
    this.#parts = parts
  }

  /** Opens its energy account and offers energy for the first time. */
  open(): void {
    const { around } = this.#parts
    around.act(this.party.address, {
      kind: 'openEnergyAccount',
      burnedWei: 0n as never,
    })
    this.offer()
  }

  /** Offers a few kWh, of which consumers may well want more. */
  offer(): void {
    const { around, random, supplies, nextOfferId } = this.#parts
    const priceWeiPerKwh = 1_000n * BigInt(1 + Math.floor(random.between(0, 6)))
    const offerId = nextOfferId()
    this.#offers++
    around.act(this.party.address, {
      kind: 'addEnergy',
      energyWh: wh(1_000 * (1 + Math.floor(random.between(0, 4)))),
      priceWeiPerKwh,
      isNegotiable: random.chance(0.3),
      untilSeconds: seconds(around.headSeconds() + 600),
      negotiationKey: '0x',
    })
    supplies.push({ producer: this.party, offerId, priceWeiPerKwh })
  }

  tick(): void {
    const { around, random, supplies } = this.#parts
    if (this.#offers < 5 && random.chance(0.02)) this.offer()
    if (random.chance(0.01)) {
      const own = supplies.filter(({ producer }) => producer === this.party)
      const { offerId } = own[Math.floor(random.between(0, own.length))]!
      around.act(this.party.address, { kind: 'withdrawOffer', offerId })
    }
    if (random.chance(0.2)) this.#endOne()
  }

  /** Gives a trade up, or has himself paid without the nodes. */
  #endOne(): void {
    const { around, random } = this.#parts
    for (const trade of around.book.all()) {
      const { producer } = trade.submission.ctp
      if (producer !== this.party.address || this.#handled.has(trade.ctpId)) continue
      if (trade.voters.size < quorumOf(this.#parts.committee)) continue
      this.#handled.add(trade.ctpId)
      if (random.chance(0.75)) continue
      this.#end(trade)
      return
    }
  }

  #end(trade: TradeRecord): void {
    const { around, random, committee } = this.#parts
    const node = Math.floor(random.between(0, around.nodeCount))
    void around.askDossier(node, trade).then((answer) => {
      if (answer.kind !== 'reply') return
      const { holdCertificate, receipt } = answer.value
      if (holdCertificate === undefined) return
      const { address } = this.party
      if (receipt !== undefined && random.chance(0.7)) {
        const call = packSettleWithProof(committee, holdCertificate, receipt)
        around.act(address, { kind: 'settleWithProof', ...call })
      } else {
        around.act(address, {
          kind: 'decline',
          ...packDecline(committee, holdCertificate),
        })
      }
    })
  }
}
