import type { Address } from '../../protocol/bytes.ts'
import { formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, shortenHex } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'
import {
  type Advice,
  adviseProducer,
  type ProofWindow,
  progressOf,
  proofWindowOf,
  type TradeFacts,
} from './adviseProducer.ts'
import { type BookEntry, findingsOf } from './bookEntry.ts'
import type { ProducerBook } from './producerBook.ts'

/** What a producer is told of one CTP: the document’s form. */
export type WatchedTrade = ReturnType<typeof describeEntry>

/** What advice on an entry depends on; undefined where nothing of its CTP is known. */
export function factsOf(entry: BookEntry, book: ProducerBook): TradeFacts | undefined {
  const { view, proof, report, isNonceUsed } = entry
  const ctp = proof?.ctp ?? view?.ctp
  if (ctp === undefined) return undefined
  const receiptedWh = report?.facts.deliveredWh ?? 0
  return {
    label: String(view?.number ?? proof?.number ?? entry.ctpId),
    state: view?.state,
    isNonceUsed,
    energyWh: ctp.energyWh,
    expirySeconds: ctp.expirySeconds,
    graceSeconds: book.graceSeconds,
    certifiedAtSeconds: proof?.certifiedAtSeconds,
    ...findingsOf(entry),
    receiptedWh,
    receiptedAtSeconds: receiptedWh === 0 ? undefined : proof?.receipt?.erc.measuredAtSeconds,
    nodeReceiptedWh: view?.deliveredWh ?? 0,
    isChainStalled: book.isChainStalled,
    nowSeconds: book.nowSeconds,
  }
}

const windowJson = (window: ProofWindow | undefined, label: string) =>
  window === undefined ? null : { ...window, command: `spb settle --proof ${label}` }

function describeEntry(entry: BookEntry, facts: TradeFacts, book: ProducerBook) {
  const { view, proof, report } = entry
  const ctp = (proof ?? view)!.ctp
  const { certificate, meter, receiptedWh, receiptedAtSeconds, nowSeconds } = facts
  const grace = book.graceSeconds
  return {
    number: view?.number ?? proof?.number ?? null,
    ctpId: entry.ctpId,
    consumer: report?.facts.consumer ?? view?.consumer ?? null,
    ...{ energyWh: ctp.energyWh, amountWei: ctp.amountWei },
    priceWeiPerKwh: (ctp.amountWei * 1000n) / BigInt(ctp.energyWh),
    expirySeconds: ctp.expirySeconds,
    freeAtSeconds: grace === undefined ? null : ctp.expirySeconds + grace,
    state: view?.state ?? null,
    certificate,
    meter,
    ...{ receiptedWh, earnedWei: report?.facts.paymentWei ?? 0n },
    receiptedAtSeconds: receiptedAtSeconds ?? null,
    receiptAgeSeconds:
      receiptedAtSeconds === undefined ? null : Math.max(0, nowSeconds - receiptedAtSeconds),
    ...progressOf(facts),
    settleByProof: windowJson(proofWindowOf(facts), facts.label),
    proofFile: book.keptAt(entry.ctpId) ?? null,
    advice: adviseProducer(facts),
  }
}

/** All CTPs of a book, those that need something first, then by number. */
export function describeTrades(book: ProducerBook): WatchedTrade[] {
  const trades = book.entries().flatMap((entry) => {
    const facts = factsOf(entry, book)
    return facts === undefined ? [] : [describeEntry(entry, facts, book)]
  })
  const isUrgent = ({ advice }: WatchedTrade) => Number(advice.kind === 'settle')
  return trades.sort((a, b) => isUrgent(b) - isUrgent(a) || (a.number ?? 0) - (b.number ?? 0))
}

const colours: Record<Advice['kind'], 'green' | 'yellow' | 'red' | 'dim' | 'bold'> = {
  send: 'green',
  wait: 'yellow',
  stop: 'red',
  settle: 'bold',
  done: 'dim',
}

/** Advice in its colour. */
export function paintAdvice({ kind, text }: Advice, palette: Palette): string {
  return palette[colours[kind]](text)
}

/** What a trade is called: its number, else the ends of its id. */
export const nameOfTrade = ({ number, ctpId }: WatchedTrade): string =>
  number === null ? shortenHex(ctpId) : String(number)

const columns = [
  { head: 'CTP', align: 'right' },
  { head: 'consumer' },
  { head: 'energy', align: 'right' },
  { head: 'a kWh', align: 'right' },
  { head: 'receipted', align: 'right' },
  { head: 'expiry' },
  { head: 'advice' },
] as const

/** When the money is free, and from when on the proof path is open. */
function describeTimes(trade: WatchedTrade, nowMs: number): string[] {
  const { settleByProof, freeAtSeconds } = trade
  if (settleByProof === null || trade.advice.kind === 'done') return []
  const { fromSeconds, untilSeconds, command } = settleByProof
  const from = fromSeconds === 0 ? 'now' : `from ${formatTime(fromSeconds, nowMs)}`
  const free = freeAtSeconds === null ? '' : '; then the money is free again'
  return [
    `CTP ${nameOfTrade(trade)} by proof: ${from} until ` +
      `${formatTime(untilSeconds, nowMs)}${free}: ${command}`,
  ]
}

/** The trades as a table, with the proof path of each below. */
export function formatTrades(
  trades: readonly WatchedTrade[],
  nameOf: (address: Address) => string,
  palette: Palette,
  nowMs: number,
): string {
  if (trades.length === 0) return 'No CTP to you is live. Offers of yours: spb offers'
  const rows = trades.map((trade) => [
    ...[nameOfTrade(trade), trade.consumer === null ? '?' : nameOf(trade.consumer)],
    ...[formatEnergy(trade.energyWh), formatAmount(trade.priceWeiPerKwh)],
    formatEnergy(trade.receiptedWh),
    formatTime(trade.expirySeconds, nowMs),
    paintAdvice(trade.advice, palette),
  ])
  const times = trades.flatMap((trade) => describeTimes(trade, nowMs))
  return [formatTable(columns, rows, palette), ...(times.length > 0 ? ['', ...times] : [])].join(
    '\n',
  )
}
