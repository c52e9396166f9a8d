import type { MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import type { MarketAction } from '../../ports/marketAction.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { SignedCtp } from '../../protocol/ctpSubmission.ts'
import type { VoidCertificate } from '../../protocol/holdCertificate.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import type { CtpDossier, CtpView, ErcView } from '../../protocol/views.ts'
import type { Random } from '../random.ts'
import type { Answer, ClientLine } from './clientLine.ts'
import type { RunLog } from './runLog.ts'
import type { SimulatedNode } from './simulatedNode.ts'
import type { Supply } from './supply.ts'
import type { TradeBook } from './tradeBook.ts'
import type { TradePapers } from './tradePapers.ts'
import type { VirtualTime } from './virtualTime.ts'

/** A gateway that does as it likes with what households send it. */
export type RogueGateway = {
  takeTrade(papers: TradePapers): void
  takeReceipt(erc: SignedErc): void
}

/** What households find around them. */
export type NeighbourhoodParts = {
  time: VirtualTime
  log: RunLog
  ethereum: MemoryEthereum
  book: TradeBook
  line: ClientLine
  /** By member: a node, or one that cheats. */
  gateways: readonly (SimulatedNode | RogueGateway)[]
  /** `f`: how many members may cheat. */
  faults: number
  supplies: Supply[]
}

/** What households can do: talk to nodes, send transactions, wait. */
export class Neighbourhood {
  readonly #parts: NeighbourhoodParts

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts
  }

  get book(): TradeBook {
    return this.#parts.book
  }

  get nodeCount(): number {
    return this.#parts.gateways.length
  }

  get faults(): number {
    return this.#parts.faults
  }

  nowMs(): number {
    return this.#parts.time.nowMs()
  }

  headSeconds(): number {
    return this.#parts.ethereum.head().timeSeconds
  }

  later(delayMs: number, task: () => void): void {
    this.#parts.time.schedule(delayMs, task)
  }

  chooseSupply(random: Random): Supply {
    const { supplies } = this.#parts
    return supplies[Math.floor(random.between(0, supplies.length))]!
  }

  /** An account's next nonce as a gateway counts; undefined where it does not say. */
  nextNonceAt(gateway: number, account: Address): number | undefined {
    const node = this.#parts.gateways[gateway]!
    return 'takeTrade' in node ? undefined : node.service?.account(account).nextNonce
  }

  /** Sends a transaction to the market. */
  act(from: Address, action: MarketAction): void {
    this.#parts.ethereum.send(from, action)
  }

  async submit(gateway: number, papers: TradePapers): Promise<Answer<CtpView>> {
    const { log } = this.#parts
    log.write('trade', papers.ctpId.slice(2, 10), 'to', gateway)
    const node = this.#parts.gateways[gateway]!
    if ('takeTrade' in node) {
      node.takeTrade(papers)
      return { kind: 'silence' }
    }
    const { submission, ctpId } = papers
    const answer = await this.#parts.line.ask(
      node,
      (service) => service.submitCtp(submission),
      (view) => {
        if (view.certificate !== undefined) node.acknowledged.noteHeld(ctpId)
      },
    )
    log.write('trade', ctpId.slice(2, 10), describe(answer))
    return answer
  }

  async sendReceipt(gateway: number, receipt: SignedErc): Promise<Answer<ErcView>> {
    const node = this.#parts.gateways[gateway]!
    if ('takeTrade' in node) {
      node.takeReceipt(receipt)
      return { kind: 'silence' }
    }
    const { ctpId, deliveredWh } = receipt.erc
    const answer = await this.#parts.line.ask(
      node,
      (service) => service.submitErc(receipt),
      () => node.acknowledged.noteReceipt(ctpId, deliveredWh),
    )
    this.#parts.log.write('receipt', ctpId.slice(2, 10), deliveredWh, gateway, describe(answer))
    return answer
  }

  async askVoid(
    gateway: number,
    shown: SignedCtp,
    account: Address,
  ): Promise<Answer<VoidCertificate>> {
    const node = this.#parts.gateways[gateway]!
    if ('takeTrade' in node) return { kind: 'silence' }
    const answer = await this.#parts.line.ask(
      node,
      (service) => service.voidNonce(shown),
      ({ nonce }) => node.acknowledged.noteVoid(account, nonce),
    )
    this.#parts.log.write('void', account.slice(2, 8), shown.ctp.nonce, describe(answer))
    return answer
  }

  /** Everything that a node shows of a trade. */
  async askDossier(gateway: number, papers: TradePapers): Promise<Answer<CtpDossier>> {
    const node = this.#parts.gateways[gateway]!
    if ('takeTrade' in node) return { kind: 'silence' }
    return await this.#parts.line.ask(node, async (service) => service.ctp(papers.ctpId))
  }
}

function describe(answer: Answer<unknown>): string {
  return answer.kind === 'refusal' ? answer.code : answer.kind
}
