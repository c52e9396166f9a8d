import type { NodeService } from '../node/nodeService.ts'
import { type Address, type Bytes32, zeroAddress, zeroBytes32 } from '../protocol/bytes.ts'
import { type CtpSubmission, identifyCtp } from '../protocol/ctpSubmission.ts'
import type { Market } from '../protocol/digest.ts'
import type { MeterEvidence } from '../protocol/meterEvidence.ts'
import { paymentOf } from '../protocol/payment.ts'
import { addressOf, signMessage } from '../protocol/signature.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { maxUint40, seconds, wei, wh } from '../protocol/units.ts'
import type {
  CtpDossier,
  CtpFilter,
  CtpView,
  ErcView,
  MarketView,
  NodeEvent,
  NodeStatus,
  OfferFilter,
  OfferView,
} from '../protocol/views.ts'

/** The market that a fake node serves. */
export const fakeMarket: Market = { chainId: 31_337, address: `0x${'5b'.repeat(20)}` }
/** Block time of a fake node’s head, unix seconds. */
export const fakeNowSeconds = 1_800_000_000

/** A private key that every run has again; `number` from 1 to 255. */
export const fakeKey = (number: number): Uint8Array => new Uint8Array(32).fill(number)
/** The private key, and the account, that sign a fake submission. */
export const consumerKey = fakeKey(1)
export const consumer = addressOf(consumerKey)
/** Who made the fake offer. */
export const producer = addressOf(fakeKey(2))
/** The private key of the one-time meter key that a fake submission names. */
export const fakeMeterKey = fakeKey(3)

const bytes32 = (byte: string): Bytes32 => `0x${byte.repeat(32)}`
const signature: `0x${string}` = `0x${'1f'.repeat(64)}`

/** Evidence of the right shape that vouches for nothing. */
export const fakeEvidence: MeterEvidence = {
  kind: 0,
  path: { index: 1, siblings: [bytes32('aa')] },
  coe: {
    root: bytes32('ab'),
    height: 1,
    notBeforeSeconds: seconds(1),
    notAfterSeconds: seconds(2 ** 33),
  },
  coeSignature: signature,
  witness: {
    meter: addressOf(fakeKey(4)),
    model: bytes32('01'),
    notAfterSeconds: seconds(2 ** 33),
  },
  witnessSignature: signature,
}

/** A submission signed by `consumerKey`, whose fields may be changed. */
export function fakeSubmission(change: Partial<CtpSubmission['ctp']> = {}): CtpSubmission {
  const ctp = {
    producer,
    offerId: 7n,
    amountWei: wei(150n),
    energyWh: wh(1500),
    nonce: 0,
    expirySeconds: seconds(fakeNowSeconds + 900),
    meterKey: addressOf(fakeMeterKey),
    ...change,
  }
  return {
    market: fakeMarket,
    ctp,
    consumerSignature: signMessage(fakeMarket, 'Ctp', ctp, consumerKey),
    meterReadySignature: signature,
    evidence: fakeEvidence,
  }
}

/** The one offer of a fake node: 10 kWh at 100 wei a kWh, 8 kWh of them left. */
export const fakeOffer: OfferView = {
  offerId: 7n,
  producer,
  energyWh: wh(10_000),
  leftWh: wh(8000),
  priceWeiPerKwh: 100n,
  isNegotiable: false,
  untilSeconds: seconds(fakeNowSeconds + 86_400),
  isOpen: true,
  negotiationKey: '0x',
}

const fakeStatus: NodeStatus = {
  isVoting: true,
  member: 0,
  memberAddress: addressOf(fakeKey(5)),
  epoch: 1,
  committee: [addressOf(fakeKey(5))],
  quorum: 1,
  head: { number: 12, timeSeconds: seconds(fakeNowSeconds) },
  confirmed: { number: 10, timeSeconds: seconds(fakeNowSeconds - 4) },
  root: bytes32('0c'),
  liveCtps: 0,
  receiptsWaiting: 0,
  settlementsInFlight: 0,
  curveBackend: 'noble',
  version: '0.1.0',
}

const fakeMarketView: MarketView = {
  ...fakeMarket,
  options: {
    longestLifeSeconds: seconds(93_600),
    graceSeconds: seconds(600),
    withdrawalDelaySeconds: seconds(172_800),
    minimumAmountWei: wei(1n),
    feeWei: wei(0n),
    burnWei: wei(5n),
  },
  deploymentBlock: 3,
  manufacturers: [{ manufacturer: addressOf(fakeKey(6)), endsSeconds: seconds(maxUint40) }],
  revokedMeters: [{ meter: addressOf(fakeKey(7)), endsSeconds: seconds(fakeNowSeconds + 86_400) }],
}

/** What a test can look at and change in a fake node. */
export type FakeNode = NodeService & {
  publish(event: NodeEvent): void
  listenerCount(): number
  /** CTPs that it took in, by id. */
  trades: Map<Bytes32, CtpDossier>
  /** Every submission that came, refused ones included. */
  submissions: CtpSubmission[]
  offerList: OfferView[]
  current: NodeStatus
  /** Nonces closed by a void certificate, each as account and nonce. */
  voided: Set<string>
}

function takeCtp(node: FakeNode, submission: CtpSubmission): CtpDossier {
  node.submissions.push(submission)
  const { ctp, consumerSignature, evidence, meterReadySignature } = submission
  const { ctpId, consumer: account } = identifyCtp(fakeMarket, submission)
  const known = node.trades.get(ctpId)
  if (known !== undefined) return known
  const { nextNonce } = node.account(account)
  if (ctp.nonce < nextNonce) throw new SpbError('ctp/nonce-reused')
  if (ctp.nonce > nextNonce) throw new SpbError('ctp/nonce-skipped')
  const dossier: CtpDossier = {
    number: node.trades.size + 1,
    ctpId,
    consumer: account,
    ctp,
    consumerSignature,
    state: 'held',
    deliveredWh: wh(0),
    paymentWei: wei(0n),
    settlesFromSeconds: ctp.expirySeconds,
    freeAtSeconds: seconds(ctp.expirySeconds + 600),
    certificate: { epoch: 1, members: [0] },
    holdCertificate: {
      ctp,
      consumerSignature,
      epoch: 1,
      votes: [{ member: 0, signature, path: { index: 0, siblings: [] } }],
    },
    evidence,
    meterReadySignature,
  }
  node.trades.set(ctpId, dossier)
  return dossier
}

function viewOf(dossier: CtpDossier): CtpView {
  const { holdCertificate, evidence, meterReadySignature, receipt, ...view } = dossier
  return view
}

function findCtp(node: FakeNode, key: Bytes32 | number): CtpDossier {
  const found = [...node.trades.values()].find((each) => each.number === key || each.ctpId === key)
  if (found === undefined) throw new SpbError('ctp/unknown')
  return found
}

function takeErc(node: FakeNode, signed: SignedErc): ErcView {
  const dossier = findCtp(node, signed.erc.ctpId)
  const { amountWei, energyWh } = dossier.ctp
  const { deliveredWh } = signed.erc
  dossier.deliveredWh = wh(Math.min(deliveredWh, energyWh))
  dossier.paymentWei = paymentOf(amountWei, energyWh, dossier.deliveredWh)
  dossier.state = 'receipted'
  dossier.receipt = signed
  return { ctp: viewOf(dossier), excessWh: wh(Math.max(0, deliveredWh - energyWh)) }
}

function listOffers(node: FakeNode, filter: OfferFilter): OfferView[] {
  const { producer: wanted, atLeastWh = 0, belowWeiPerKwh, isClosedIncluded, limit } = filter
  return node.offerList
    .filter((offer) => wanted === undefined || offer.producer === wanted)
    .filter((offer) => offer.leftWh >= atLeastWh)
    .filter((offer) => belowWeiPerKwh === undefined || offer.priceWeiPerKwh <= belowWeiPerKwh)
    .filter((offer) => offer.isOpen || isClosedIncluded === true)
    .slice(0, limit)
}

function listCtps(node: FakeNode, filter: CtpFilter) {
  const { account, state, afterNumber = 0, beforeNumber = Number.POSITIVE_INFINITY, limit } = filter
  return [...node.trades.values()]
    .filter((each) => account === undefined || [each.consumer, each.ctp.producer].includes(account))
    .filter((each) => state === undefined || each.state === state)
    .filter((each) => each.number > afterNumber && each.number < beforeNumber)
    .reverse()
    .slice(0, limit)
    .map(viewOf)
}

function describeAccount(node: FakeNode, account: Address) {
  const nonces = [...node.trades.values()].filter((each) => each.consumer === account).length
  const voids = [...node.voided].filter((each) => each.startsWith(account)).length
  return {
    account,
    balanceWei: wei(1000n),
    requestedWei: wei(0n),
    readyAtSeconds: seconds(0),
    heldWei: wei(0n),
    freeWei: wei(1000n),
    energyForSaleWh: 0n,
    nextNonce: nonces + voids,
    liveCtps: nonces,
    hasEnergyAccount: false,
    payout: zeroAddress,
    holds: [],
  }
}

/**
 * A node in memory that believes every submission, for tests of what stands above a node; parts of
 * it can be replaced.
 */
export function createFakeNode(replaced: Partial<NodeService> = {}): FakeNode {
  const listeners = new Set<(event: NodeEvent) => void>()
  const node: FakeNode = {
    trades: new Map(),
    submissions: [],
    offerList: [fakeOffer],
    current: fakeStatus,
    voided: new Set(),
    publish: (event) => {
      for (const listener of listeners) listener(event)
    },
    listenerCount: () => listeners.size,
    market: () => fakeMarketView,
    status: () => node.current,
    totals: () => ({
      ctps: node.trades.size,
      refused: 0,
      settled: 4,
      expired: 1,
      receiptedWh: 600,
      paidWei: 2n * 10n ** 18n,
      settlementTransactions: 2,
      settlementGas: 70_000n,
      settlementCalldataBytes: 600,
      heldWei: wei(10n ** 18n),
      receipts: 3,
    }),
    submitCtp: async (submission) => viewOf(takeCtp(node, submission)),
    submitErc: async (signed) => takeErc(node, signed),
    async voidNonce(signed) {
      const { consumer: account } = identifyCtp(fakeMarket, signed)
      const { nonce } = signed.ctp
      node.voided.add(`${account} ${nonce}`)
      return { epoch: 1, account, nonce, signatures: [{ member: 0, signature }] }
    },
    ctp: (key) => findCtp(node, key),
    ctps: (filter) => listCtps(node, filter),
    offers: (filter) => listOffers(node, filter),
    account: (address) => describeAccount(node, address),
    proof: (ctpId) => ({
      root: node.current.root,
      digest: node.trades.has(ctpId) ? zeroBytes32 : null,
      proof: { siblings: [bytes32('0e')], neighbour: null },
    }),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  return Object.assign(node, replaced)
}
