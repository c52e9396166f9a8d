import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { identifyCtp } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { formatTradeProof, type TradeProof } from '../../protocol/tradeProof.ts'
import type { CtpDossier, CtpView } from '../../protocol/views.ts'
import {
  type ChainReader,
  readHead,
  readProofTerms,
  readUsedNonces,
} from '../../sdk/marketReader.ts'
import type { NodeClient } from '../../sdk/nodeClient.ts'
import { verifyTradeProof } from '../../sdk/verifyTradeProof.ts'
import type { DataFolder } from '../dataFolder.ts'
import {
  type BookEntry,
  combineProofs,
  isEndedAtNode,
  isRefused,
  isWorthKeeping,
} from './bookEntry.ts'
import { listSavedProofs, proofPath, saveProof } from './proofFolder.ts'

/** Where a producer's book gets its knowledge from. */
export type BookSources = {
  folder: DataFolder
  producer: Address
  /** The folder's market, where it has one; else that of what is read first. */
  market: Market | undefined
  chain: ChainReader | undefined
  nowMs(): number
}

const liveStates = ['proposed', 'held', 'receipted'] as const
const pageItems = 1000
/** How long what is over stays in sight. */
const overStaysSeconds = 600
/** A chain without a new block for so long stands still: a node stops voting then. */
const stallMs = 60_000
/** How long one look at a node may take: the rest waits, the chain does not. */
const longestReadMs = 30_000

/**
 * What a node answers. A refusal that says nothing of its own troubles is none that such a
 * question has: it must not pass for ours.
 */
async function hear<Answer>(question: Promise<Answer>): Promise<Answer> {
  try {
    return await question
  } catch (error) {
    if (!(error instanceof SpbError) || error.code.startsWith('node/')) throw error
    throw new SpbError('node/bad-answer', undefined, { cause: error, meta: { code: error.code } })
  }
}

/** A CTP as a consumer signed it, whatever else a node says of it. */
function isGenuine(market: Market, view: CtpView): boolean {
  try {
    const { ctpId, consumer } = identifyCtp(market, view)
    return ctpId === view.ctpId && consumer === view.consumer
  } catch (error) {
    if (error instanceof SpbError) return false
    throw error
  }
}

function isSame(a: CtpView | undefined, b: CtpView): boolean {
  const isCertified = ({ certificate }: CtpView) => certificate !== undefined
  return (
    a?.state === b.state && a.deliveredWh === b.deliveredWh && isCertified(a) === isCertified(b)
  )
}

const isSameMarket = (a: Market, b: Market): boolean =>
  a.chainId === b.chainId && a.address === b.address

/** What a producer knows of his CTPs: from a node, the chain, and the proofs that he keeps. */
export class ProducerBook {
  readonly #sources: BookSources
  readonly #entries = new Map<Bytes32, BookEntry>()
  readonly #keptTexts = new Map<Bytes32, string>()
  #market: Market | undefined
  #blockSeconds: number | undefined
  #head: { number: number; sinceMs: number } | undefined
  #graceSeconds: number | undefined
  #areTermsRead = false

  /** Begins with the folder's own proofs. */
  constructor(sources: BookSources) {
    this.#sources = sources
    this.#market = sources.market
    for (const { ctpId, proof } of listSavedProofs(sources.folder)) {
      if (proof.ctp.producer !== sources.producer) continue
      this.#market ??= proof.market
      if (!isSameMarket(proof.market, this.#market)) continue
      const isToldSettled = proof.settlement !== undefined
      this.#entries.set(ctpId, { ctpId, proof, isOnChain: false, isToldSettled })
      this.#keptTexts.set(ctpId, formatTradeProof(proof))
    }
  }

  /** Block time, else the time of day. */
  get nowSeconds(): number {
    return this.#blockSeconds ?? Math.floor(this.#sources.nowMs() / 1000)
  }

  /** Undefined where neither chain nor node has told it. */
  get graceSeconds(): number | undefined {
    return this.#graceSeconds
  }

  /** True while the chain answers. */
  get hasChain(): boolean {
    return this.#blockSeconds !== undefined
  }

  /** True where no block came for a while, as with a client that lost its peers. */
  get isChainStalled(): boolean {
    return this.#head !== undefined && this.#sources.nowMs() - this.#head.sinceMs > stallMs
  }

  /** Where the proof of a CTP is kept; undefined where none is. */
  keptAt(ctpId: Bytes32): string | undefined {
    return this.#keptTexts.has(ctpId) ? proofPath(this.#sources.folder, ctpId) : undefined
  }

  /** All CTPs in sight, in the order in which they were seen: those that need attention. */
  entries(): BookEntry[] {
    this.#prune()
    return [...this.#entries.values()].filter(
      ({ isToldSettled, isNonceUsed }) => isToldSettled !== true || isNonceUsed === false,
    )
  }

  /** The node tells nothing any more. */
  forgetNode(): void {
    for (const entry of this.#entries.values()) if (!isEndedAtNode(entry)) delete entry.view
  }

  /** Reads the live CTPs of a node, and keeps their proofs. Throws `node/*`, `ctp/wrong-market`. */
  async readNode(node: NodeClient): Promise<void> {
    const { producer, nowMs } = this.#sources
    const endMs = nowMs() + longestReadMs
    const market = await this.#readMarket(node)
    const pages = await Promise.all(
      liveStates.map((state) => hear(node.ctps({ account: producer, state, limit: pageItems }))),
    )
    const live = pages
      .flat()
      .filter((view) => view.ctp.producer === producer && isGenuine(market, view))
    for (const view of live) {
      if (nowMs() > endMs) return
      await this.#absorb(node, market, view)
    }
    const listed = new Set(live.map(({ ctpId }) => ctpId))
    for (const entry of [...this.#entries.values()]) {
      if (nowMs() > endMs) return
      if (listed.has(entry.ctpId) || isEndedAtNode(entry)) continue
      const view = await this.#lookUp(node, entry.ctpId)
      if (view?.ctpId !== entry.ctpId || !isGenuine(market, view)) delete entry.view
      else await this.#absorb(node, market, view)
    }
  }

  /** Reads block time and used nonces, and checks what was not checked. Throws `chain/*`. */
  async readChain(): Promise<void> {
    const { chain } = this.#sources
    if (chain === undefined) throw new SpbError('chain/unreachable', 'No Ethereum client is known.')
    try {
      const { number, timeSeconds } = await readHead(chain)
      if (number !== this.#head?.number) this.#head = { number, sinceMs: this.#sources.nowMs() }
      this.#blockSeconds = timeSeconds
      await this.#readTrades(chain)
    } catch (error) {
      this.#blockSeconds = undefined
      // What is used stays so, but for a reorganisation; what was not may be by now.
      for (const entry of this.#entries.values()) if (!entry.isNonceUsed) delete entry.isNonceUsed
      throw error
    }
  }

  async #readMarket(node: NodeClient): Promise<Market> {
    const { chainId, address, options } = await hear(node.market())
    const market = this.#market ?? { chainId, address }
    if (!isSameMarket(market, { chainId, address })) {
      throw new SpbError('ctp/wrong-market', 'The node serves another market.')
    }
    this.#market = market
    this.#graceSeconds ??= options.graceSeconds
    return market
  }

  /** What a node has of a CTP; undefined where it knows of none. */
  #lookUp(node: NodeClient, ctpId: Bytes32): Promise<CtpDossier | undefined> {
    const dossier = node.ctp(ctpId).catch((error) => {
      if (error instanceof SpbError && error.code === 'ctp/unknown') return undefined
      throw error
    })
    return hear(dossier)
  }

  async #absorb(node: NodeClient, market: Market, view: CtpView): Promise<void> {
    const { ctpId } = view
    const entry: BookEntry = this.#entries.get(ctpId) ?? { ctpId, isOnChain: false }
    this.#entries.set(ctpId, entry)
    const isKnown = isSame(entry.view, view) && entry.report !== undefined
    entry.view = view
    if (isKnown && !isRefused(entry)) return
    const dossier = await this.#lookUp(node, ctpId)
    const proof = dossier && combineProofs(market, dossier, entry, this.nowSeconds)
    if (proof === undefined) return
    entry.proof = proof
    await this.#verify(entry, proof, market)
  }

  /** Checks a proof as far as the chain answers, and keeps it where it holds. */
  async #verify(entry: BookEntry, proof: TradeProof, market: Market): Promise<void> {
    const { chain } = this.#sources
    // What became of it is told apart: only what a payment needs is looked at.
    const { settlement: _, ...promised } = proof
    const expected = { market: market.address }
    entry.isOnChain = false
    if (chain !== undefined) {
      try {
        entry.report = await verifyTradeProof(promised, { ...expected, chain })
        entry.isOnChain = true
      } catch (error) {
        if (!(error instanceof SpbError)) throw error
      }
    }
    if (!entry.isOnChain) entry.report = await verifyTradeProof(promised, expected)
    this.#keep(entry, proof)
  }

  #keep(entry: BookEntry, proof: TradeProof): void {
    const { ctpId } = entry
    const text = formatTradeProof(proof)
    if (!isWorthKeeping(entry) || this.#keptTexts.get(ctpId) === text) return
    saveProof(this.#sources.folder, { ctpId, proof })
    this.#keptTexts.set(ctpId, text)
  }

  async #readTrades(chain: ChainReader): Promise<void> {
    const market = this.#market
    if (market === undefined) return
    const reader = { ...chain, market }
    if (!this.#areTermsRead) {
      this.#graceSeconds = (await readProofTerms(reader)).graceSeconds
      this.#areTermsRead = true
    }
    this.#prune()
    for (const entry of this.#entries.values()) {
      const { proof, ctpId, isOnChain } = entry
      // Kept once, and refused now: a client that lags, or lost its state, may say so for a moment.
      const isDoubtful = this.#keptTexts.has(ctpId) && isRefused(entry)
      if (proof !== undefined && (!isOnChain || isDoubtful)) {
        await this.#verify(entry, proof, market)
      }
    }
    const asked = [...this.#entries.values()].flatMap((entry) => {
      const account = entry.report?.facts.consumer
      if (entry.proof === undefined || account === undefined) return []
      return [{ entry, account, nonce: entry.proof.ctp.nonce }]
    })
    const used = await readUsedNonces(reader, asked)
    asked.forEach(({ entry }, at) => {
      entry.isNonceUsed = used[at] === true
    })
  }

  /** Marks what is over, and drops what was for long. */
  #prune(): void {
    const now = this.nowSeconds
    const grace = this.#graceSeconds ?? now
    for (const entry of this.#entries.values()) {
      const { expirySeconds } = (entry.proof ?? entry.view)?.ctp ?? { expirySeconds: 0 }
      const isLate = now > expirySeconds + grace
      if (!isLate && !(entry.isNonceUsed ?? isEndedAtNode(entry))) continue
      entry.overAtSeconds ??= isLate ? expirySeconds + grace : now
      if (now - entry.overAtSeconds > overStaysSeconds) this.#entries.delete(entry.ctpId)
    }
  }
}
