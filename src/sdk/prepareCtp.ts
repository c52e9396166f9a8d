import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import type { CtpSubmission } from '../protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf, type Market } from '../protocol/digest.ts'
import { limits } from '../protocol/limits.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { MeterEvidence } from '../protocol/meterEvidence.ts'
import { addressOf, recoverSigner } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Seconds, Wei } from '../protocol/units.ts'
import type { AccountView, CtpView, MarketView, NodeStatus } from '../protocol/views.ts'
import { type CtpTerms, chooseOffer } from './chooseOffer.ts'
import { signCtp } from './householdSignatures.ts'
import type { NodeClient } from './nodeClient.ts'
import type { NonceJournal } from './nonceJournal.ts'

/** What a consumer's meter does for a CTP; `SoftwareMeter` is one. */
export type HouseholdMeter = {
  /** A fresh one-time key that a CTP of this expiry can name, of a tree that serves no other. */
  takeKey(
    expirySeconds: Seconds,
    consumer: Address,
  ): { meterKey: Address } | Promise<{ meterKey: Address }>
  /** Binds the key for good to the CTP that names it. */
  bind(ctp: Ctp, consumer: Address, market: Market): MeterReadiness | Promise<MeterReadiness>
}

/** The meter's part of a submission. */
export type MeterReadiness = { meterReadySignature: Signature; evidence: MeterEvidence }

/** Who buys, and with what. */
export type Household = {
  client: Pick<NodeClient, 'market' | 'status' | 'account' | 'offers' | 'submitCtp' | 'voidNonce'>
  /** The account's private key, 32 bytes. */
  privateKey: Uint8Array
  meter: HouseholdMeter
  journal: NonceJournal
  /** The market that is meant; a node of another is refused. Without it the node is believed. */
  market?: Market
  /** Gets the producer's Accept of negotiated terms, before the consumer signs. */
  askAccept?: (ctp: Ctp, ctpId: Bytes32) => Promise<Signature>
}

/** What to buy, and until when it must have been delivered. */
export type CtpOrder = CtpTerms & { expirySeconds: Seconds }

/** A CTP ready to be sent. */
export type PreparedCtp = {
  submission: CtpSubmission
  ctpId: Bytes32
  consumer: Address
  /** True where it was signed earlier and the node does not have it. */
  isRepeat: boolean
}

function isSameOrder({ ctp }: CtpSubmission, order: CtpOrder): boolean {
  return (
    ctp.producer === order.producer &&
    ctp.energyWh === order.energyWh &&
    (order.offerId ?? ctp.offerId) === ctp.offerId &&
    (order.amountWei ?? ctp.amountWei) === ctp.amountWei
  )
}

/** The market to sign for. Throws `ctp/wrong-market`. */
function checkMarket(facts: MarketView, expected: Market | undefined): Market {
  const { chainId, address } = facts
  if (expected !== undefined && (expected.chainId !== chainId || expected.address !== address)) {
    throw new SpbError('ctp/wrong-market', 'The node serves another market.')
  }
  return { chainId, address }
}

/** Block time as the node has it. Throws `node/not-voting`. */
function timeOf(status: NodeStatus): number {
  const { confirmed, isVoting, reason } = status
  if (confirmed === undefined || !isVoting) {
    throw new SpbError('node/not-voting', undefined, { meta: { reason: reason ?? null } })
  }
  return confirmed.timeSeconds
}

function checkExpiry(expirySeconds: number, facts: MarketView, nowSeconds: number): void {
  const meta = { expirySeconds, nowSeconds }
  if (expirySeconds < nowSeconds + limits.shortestLifeSeconds) {
    throw new SpbError('ctp/expiry-too-near', undefined, { meta })
  }
  if (expirySeconds > nowSeconds + facts.options.longestLifeSeconds) {
    throw new SpbError('ctp/expiry-too-far', undefined, { meta })
  }
}

function checkMoney(amountWei: Wei, { options }: MarketView, account: AccountView): void {
  if (amountWei < options.minimumAmountWei) throw new SpbError('ctp/amount-too-small')
  if (account.freeWei < amountWei) {
    throw new SpbError('ctp/insufficient-balance', undefined, {
      meta: { freeWei: account.freeWei.toString(), amountWei: amountWei.toString() },
    })
  }
}

async function obtainAccept(
  { askAccept }: Household,
  market: Market,
  ctp: Ctp,
  ctpId: Bytes32,
): Promise<Signature | undefined> {
  if (ctp.offerId !== 0n) return undefined
  const signature = await askAccept?.(ctp, ctpId)
  const signer = signature && recoverSigner(digestOf(market, 'Accept', { ctpId }), signature)
  if (signer !== ctp.producer) throw new SpbError('offer/not-accepted')
  return signature
}

/** What a node and an order come to, once no earlier CTP is in the way. */
type Opening = { facts: MarketView; market: Market; consumer: Address; account: AccountView }

async function signNew(
  household: Household,
  order: CtpOrder,
  { facts, market, consumer, account }: Opening,
): Promise<PreparedCtp> {
  const { client, meter, privateKey, journal } = household
  const { producer, energyWh, expirySeconds } = order
  // All that can be refused is, before a nonce is used up by a signature.
  checkExpiry(expirySeconds, facts, timeOf(await client.status()))
  const chosen = await chooseOffer(client, order, household.askAccept !== undefined)
  checkMoney(chosen.amountWei, facts, account)
  const { meterKey } = await meter.takeKey(expirySeconds, consumer)
  const ctp: Ctp = {
    ...{ producer, ...chosen, energyWh, nonce: account.nextNonce, expirySeconds, meterKey },
  }
  const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
  const acceptSignature = await obtainAccept(household, market, ctp, ctpId)
  const { meterReadySignature, evidence } = await meter.bind(ctp, consumer, market)
  const submission: CtpSubmission = {
    ...signCtp(market, ctp, privateKey),
    market,
    meterReadySignature,
    evidence,
    ...(acceptSignature === undefined ? {} : { acceptSignature }),
  }
  // The signature leaves this function only when it is sure to be remembered.
  await journal.save(market, consumer, submission)
  return { submission, ctpId, consumer, isRepeat: false }
}

/**
 * Gets an earlier CTP out of the way of its nonce: sends it again, or, where it can never be live
 * any more, has the nonce closed.
 */
async function finishEarlier(
  { client }: Household,
  { ctp, consumerSignature, ...rest }: CtpSubmission,
  facts: MarketView,
): Promise<void> {
  const closableAtSeconds = ctp.expirySeconds + facts.options.graceSeconds
  if (timeOf(await client.status()) > closableAtSeconds) {
    await client.voidNonce({ ctp, consumerSignature })
    return
  }
  try {
    await client.submitCtp({ ctp, consumerSignature, ...rest })
  } catch (cause) {
    if (!(cause instanceof SpbError) || cause.code.startsWith('node/')) throw cause
    const { nonce } = ctp
    throw new SpbError(cause.code, `An earlier CTP, of nonce ${nonce}: ${cause.message}`, {
      cause,
      hint: 'It was signed, so it goes first; past its expiry and grace its nonce gets closed.',
      meta: { ...cause.meta, nonce, closableAtSeconds },
    })
  }
}

/**
 * Makes a CTP ready to be sent: picks the nonce, checks offer, price, time and money before
 * anything is signed, takes a key of the meter, and keeps what it signs in the journal first.
 *
 * Never signs twice at one nonce. Where the journal holds a CTP at the account's next nonce, which
 * the node lacks since a program crashed or a message was lost, that one is returned if it is the
 * same order; if it is another, it is sent again first, or its nonce is closed where it can never
 * be live any more.
 *
 * Throws `ctp/*`, `offer/*`, `meter/*`, `node/*`, and what the journal throws.
 */
export async function prepareCtp(household: Household, order: CtpOrder): Promise<PreparedCtp> {
  const { client, journal, privateKey } = household
  const consumer = addressOf(privateKey)
  if (order.producer === consumer) throw new SpbError('ctp/self-trade')
  const facts = await client.market()
  const market = checkMarket(facts, household.market)
  let lastNonce = -1
  for (;;) {
    const account = await client.account(consumer)
    const { nextNonce } = account
    const earlier = await journal.load(market, consumer, nextNonce)
    if (earlier === undefined) {
      return signNew(household, order, { facts, market, consumer, account })
    }
    const isLive = earlier.ctp.expirySeconds > timeOf(await client.status())
    if (isLive && isSameOrder(earlier, order)) {
      const ctpId = ctpIdOf(digestOf(market, 'Ctp', earlier.ctp), consumer)
      return { submission: earlier, ctpId, consumer, isRepeat: true }
    }
    // Each round closes a nonce; a node that does not go on must not keep us here.
    if (nextNonce <= lastNonce)
      throw new SpbError('ctp/nonce-skipped', undefined, {
        meta: { nonce: nextNonce },
      })
    lastNonce = nextNonce
    await finishEarlier(household, earlier, facts)
  }
}

/** Prepares a CTP and sends it. Throws what `prepareCtp` and the node throw. */
export async function placeCtp(
  household: Household,
  order: CtpOrder,
): Promise<PreparedCtp & { view: CtpView }> {
  const prepared = await prepareCtp(household, order)
  const view = await household.client.submitCtp(prepared.submission)
  if (view.ctpId !== prepared.ctpId) {
    throw new SpbError('node/bad-answer', 'The node answered with another CTP.')
  }
  return { ...prepared, view }
}
