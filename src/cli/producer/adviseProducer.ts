import type { CheckVerdict } from '../../protocol/tradeProofChecks.ts'
import type { CtpState } from '../../protocol/views.ts'
import { formatSpan } from '../formatTime.ts'
import { formatEnergy } from '../formatUnits.ts'

/** A check of what a producer relies on, and what it found. `unchecked`: not there, or no chain. */
export type Finding = { verdict: CheckVerdict; detail: string }

/** All that advice to a producer depends on, about one CTP. */
export type TradeFacts = {
  /** The CTP’s number, or its id: what commands take. */
  label: string
  /** As the node says; undefined where no node answers, or it does not know the CTP. */
  state: CtpState | undefined
  /**
   * Whether the chain says that its nonce is used: settled, declined or void. Undefined where it
   * was not asked: then the node is believed.
   */
  isNonceUsed: boolean | undefined
  energyWh: number
  expirySeconds: number
  /** Undefined where neither chain nor node has told it. */
  graceSeconds: number | undefined
  /** When it was first seen certified; undefined before. */
  certifiedAtSeconds: number | undefined
  certificate: Finding
  meter: Finding
  /** By the best valid receipt. */
  receiptedWh: number
  /** When the meter signed it, by its own clock. */
  receiptedAtSeconds: number | undefined
  /** What the node has a receipt of. */
  nodeReceiptedWh: number
  /** No block came for a while. */
  isChainStalled: boolean
  /** Block time, else the time of day. */
  nowSeconds: number
}

/** What to do, as a word, and why. `settle`: by proof, and now. */
export type Advice = { kind: 'send' | 'wait' | 'stop' | 'settle' | 'done'; text: string }

/** How receipts go, against energy that flows evenly from certificate to expiry. */
export type ReceiptProgress = { expectedWh: number; lagWh: number }

/** When a trade can be settled by its proof. */
export type ProofWindow = { fromSeconds: number; untilSeconds: number; isUrgent: boolean }

/** Share of a CTP’s energy that receipts may lag before a producer is told to hold back. */
export const mostLagShare = 0.25

/** How much should have been receipted by now, and how much of that is missing. */
export function progressOf(facts: TradeFacts): ReceiptProgress {
  const { energyWh, expirySeconds, certifiedAtSeconds, nowSeconds, receiptedWh } = facts
  const start = certifiedAtSeconds ?? nowSeconds
  const span = Math.max(1, expirySeconds - start)
  const share = Math.min(1, Math.max(0, nowSeconds - start) / span)
  const expectedWh = Math.floor(energyWh * share)
  return { expectedWh, lagWh: Math.max(0, expectedWh - receiptedWh) }
}

const isFull = ({ receiptedWh, energyWh }: TradeFacts): boolean => receiptedWh >= energyWh

/** True for the states in which a CTP ends. */
export const isEndState = (state: CtpState | undefined): boolean =>
  state === 'settled' || state === 'declined' || state === 'expired'

/** A node that calls a CTP ended while its nonce is unused must not cost its producer the money. */
const isOver = ({ state, isNonceUsed }: TradeFacts): boolean => isNonceUsed ?? isEndState(state)

/**
 * When the trade can be settled by proof; undefined where it cannot: over, nothing receipted, or a
 * certificate that the contract would refuse.
 *
 * It is urgent where no node answers, where the node knows of less, and when half of the grace has
 * passed since the node could have settled it.
 */
export function proofWindowOf(facts: TradeFacts): ProofWindow | undefined {
  const { expirySeconds, graceSeconds, certificate, receiptedWh, nowSeconds, state } = facts
  if (isOver(facts) || receiptedWh === 0 || certificate.verdict === 'failed') return undefined
  if (graceSeconds === undefined) return undefined
  const untilSeconds = expirySeconds + graceSeconds
  if (nowSeconds > untilSeconds) return undefined
  const half = Math.floor(graceSeconds / 2)
  const full = isFull(facts)
  const fromSeconds = full ? 0 : expirySeconds
  const receiptedAt = facts.receiptedAtSeconds ?? nowSeconds
  const isSlow = nowSeconds >= (full ? Math.min(receiptedAt, expirySeconds) : expirySeconds) + half
  const knowsLess = facts.nodeReceiptedWh < receiptedWh
  const isUrgent = nowSeconds >= fromSeconds && (state === undefined || knowsLess || isSlow)
  return { fromSeconds, untilSeconds, isUrgent }
}

const advise = (kind: Advice['kind'], text: string): Advice => ({ kind, text })
const wait = (reason: string) => advise('wait', `wait: ${reason}`)
const stop = (reason: string) => advise('stop', `stop: ${reason}`)

/** What is over, for whatever reason; undefined where it is not. */
function adviseOver(facts: TradeFacts): Advice | undefined {
  const { state, nowSeconds, expirySeconds, graceSeconds } = facts
  const isLate = graceSeconds !== undefined && nowSeconds > expirySeconds + graceSeconds
  if (!isOver(facts)) {
    return isLate ? stop('it is past expiry and grace: its money is free again') : undefined
  }
  if (state === 'settled') return advise('done', 'done: it is settled')
  if (state === 'declined') return stop('it is declined')
  if (state === 'expired') return stop('its money is free again')
  return advise('done', 'done: its nonce is used, see your balance')
}

/** What must be right before any energy is sent; undefined where all of it is. */
function adviseBefore({ state, certificate, meter }: TradeFacts): Advice | undefined {
  if (state === 'proposed') return wait('it is not certified yet, nothing is held')
  for (const { verdict, detail } of [certificate, meter]) {
    if (verdict === 'failed') return stop(detail)
  }
  for (const { verdict, detail } of [certificate, meter]) {
    if (verdict === 'unchecked') return wait(detail)
  }
  return undefined
}

function adviseLag(facts: TradeFacts): Advice | undefined {
  const { energyWh, receiptedAtSeconds, nowSeconds } = facts
  const { lagWh } = progressOf(facts)
  if (lagWh <= mostLagShare * energyWh) return undefined
  const last =
    receiptedAtSeconds === undefined
      ? 'none came yet'
      : `the last one is ${formatSpan(nowSeconds - receiptedAtSeconds)} old`
  return wait(`receipts lag by ${formatEnergy(lagWh)}, ${last}`)
}

/** What is receipted, when it is the node’s to settle. */
function adviseReceipted(facts: TradeFacts): Advice | undefined {
  const { nowSeconds, expirySeconds, receiptedWh } = facts
  if (isFull(facts)) return stop('all of it is receipted, the node settles it')
  if (nowSeconds < expirySeconds) return undefined
  if (receiptedWh > 0) {
    return stop('it is past its expiry, the node settles what is receipted after half of the grace')
  }
  return stop('it is past its expiry, and nothing is receipted')
}

/** What a producer should do about a CTP now. */
export function adviseProducer(facts: TradeFacts): Advice {
  const over = adviseOver(facts)
  if (over !== undefined) return over
  if (proofWindowOf(facts)?.isUrgent) {
    return advise('settle', `settle by proof now: spb settle --proof ${facts.label}`)
  }
  const { state, nowSeconds } = facts
  const early = adviseReceipted(facts) ?? adviseBefore(facts)
  if (early !== undefined) return early
  if (state === undefined) return wait('no node that knows it answers, receipts cannot be followed')
  if (isEndState(state)) return wait(`the node calls it ${state}, and the chain does not`)
  if (facts.graceSeconds === undefined || nowSeconds === 0) return wait('the chain does not answer')
  if (facts.isChainStalled) return wait('the chain stands still, no time passes on it')
  return adviseLag(facts) ?? advise('send', 'send')
}
