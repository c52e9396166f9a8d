import type { Address } from './bytes.ts'
import {
  addressCodec,
  bigintCodec,
  booleanCodec,
  bytesCodec,
  type Codec,
  hexCodec,
  listCodec,
  nullableCodec,
  numberCodec,
  type OptionalFields,
  objectCodec,
  type RequiredFields,
  textCodec,
  unionCodec,
  wordCodec,
} from './codec.ts'
import { limits } from './limits.ts'
import {
  ctpCodec,
  holdCertificateCodec,
  meterEvidenceCodec,
  signedErcCodec,
} from './messageCodecs.ts'
import { decodeSparseProof, type SparseLeaf, type SparseProof } from './sparseProof.ts'
import { SpbError } from './spbError.ts'
import type { ManufacturerStanding, MeterRevocation } from './standing.ts'
import { maxUint32, maxUint40, type Seconds, type Wei, type Wh } from './units.ts'
import type {
  AccountView,
  BlockView,
  CtpDossier,
  CtpState,
  CtpView,
  EquivocationView,
  ErcView,
  HoldView,
  MarketOptions,
  MarketView,
  NodeEvent,
  NodeStatus,
  NodeTotals,
  OfferView,
  PeerView,
  ProofView,
  SettlementView,
} from './views.ts'

/** Bounds of what a node answers; each list of a view is refused above them. */
export const viewLimits = {
  /** CTPs or offers in one answer. */
  pageItems: 1000,
  /** Manufacturers that a market trusts. */
  manufacturers: 1024,
  /** Meters that a market revoked. */
  revokedMeters: 16_384,
  /** Bytes of a producer's negotiation key; the contract's bound. */
  negotiationKeyBytes: 65,
  /** Characters of a reason or a version. */
  textLength: 200,
  /** Nodes that one is connected to. */
  peers: 256,
  /** Multiaddresses of a node, and the characters of each. */
  networkAddresses: 64,
  networkAddressLength: 512,
  /** Members that are proved to have voted twice, over all epochs. */
  equivocations: 1024,
} as const

/** The states of a CTP, in the order of its life. */
export const ctpStates: readonly CtpState[] = [
  'proposed',
  'held',
  'receipted',
  'settled',
  'expired',
  'declined',
]

const count = numberCodec()
const member = numberCodec(limits.members - 1)
const epoch = numberCodec(maxUint32)
const timeSeconds = numberCodec<Seconds>(maxUint40)
const energyWh = numberCodec<Wh>(maxUint32)
const amountWei = bigintCodec<Wei>(96)
const bytes32 = hexCodec(32)
const signature = hexCodec(64)
const text = textCodec(viewLimits.textLength)
/** Zero stands for "none". */
const addressOrZero: Codec<Address> = hexCodec(20)
const ctpState = wordCodec<CtpState>(ctpStates)

const marketOptionsCodec = objectCodec<MarketOptions>(
  'MarketOptions',
  {
    longestLifeSeconds: timeSeconds,
    graceSeconds: timeSeconds,
    withdrawalDelaySeconds: timeSeconds,
    minimumAmountWei: amountWei,
    feeWei: amountWei,
    burnWei: amountWei,
  },
  {},
)

const manufacturerStandingCodec = objectCodec<ManufacturerStanding>(
  'ManufacturerStanding',
  { manufacturer: addressCodec, endsSeconds: timeSeconds },
  {},
)
const meterRevocationCodec = objectCodec<MeterRevocation>(
  'MeterRevocation',
  { meter: addressCodec, endsSeconds: timeSeconds },
  {},
)

/** The JSON form of a market. */
export const marketViewCodec = objectCodec<MarketView>(
  'MarketView',
  {
    chainId: count,
    address: addressCodec,
    options: marketOptionsCodec,
    deploymentBlock: count,
    manufacturers: listCodec(manufacturerStandingCodec, viewLimits.manufacturers),
    revokedMeters: listCodec(meterRevocationCodec, viewLimits.revokedMeters),
  },
  {},
)

const settlementCodec = objectCodec<SettlementView>(
  'SettlementView',
  { blockNumber: count, transactionHash: bytes32, gasShare: count },
  {},
)

const certificateCodec = objectCodec<{ epoch: number; members: number[] }>(
  'CertificateView',
  { epoch, members: listCodec(member, limits.members) },
  {},
)

const ctpFields: RequiredFields<CtpView> = {
  number: count,
  ctpId: bytes32,
  consumer: addressCodec,
  ctp: ctpCodec,
  consumerSignature: signature,
  state: ctpState,
  deliveredWh: energyWh,
  paymentWei: amountWei,
  settlesFromSeconds: timeSeconds,
  freeAtSeconds: timeSeconds,
}
const ctpOptionalFields: OptionalFields<CtpView> = {
  settlement: settlementCodec,
  certificate: certificateCodec,
}

/** The JSON form of a CTP. */
export const ctpViewCodec = objectCodec<CtpView>('CtpView', ctpFields, ctpOptionalFields)

/** The JSON form of a CTP’s whole file. */
export const ctpDossierCodec = objectCodec<CtpDossier>('CtpDossier', ctpFields, {
  ...ctpOptionalFields,
  holdCertificate: holdCertificateCodec,
  evidence: meterEvidenceCodec,
  meterReadySignature: signature,
  receipt: signedErcCodec,
})

/** The JSON form of a receipt’s effect. */
export const ercViewCodec = objectCodec<ErcView>(
  'ErcView',
  { ctp: ctpViewCodec, excessWh: energyWh },
  {},
)

const holdViewCodec = objectCodec<HoldView>(
  'HoldView',
  { number: count, ctpId: bytes32, amountWei, freeAtSeconds: timeSeconds },
  {},
)

/** The JSON form of an account. */
export const accountViewCodec = objectCodec<AccountView>(
  'AccountView',
  {
    account: addressCodec,
    balanceWei: amountWei,
    requestedWei: amountWei,
    readyAtSeconds: timeSeconds,
    heldWei: amountWei,
    freeWei: amountWei,
    energyForSaleWh: bigintCodec(64),
    nextNonce: numberCodec(maxUint32),
    liveCtps: count,
    hasEnergyAccount: booleanCodec,
    payout: addressOrZero,
    holds: listCodec(holdViewCodec, viewLimits.pageItems),
  },
  {},
)

/** The JSON form of an offer. */
export const offerViewCodec = objectCodec<OfferView>(
  'OfferView',
  {
    offerId: bigintCodec(64),
    producer: addressCodec,
    energyWh,
    leftWh: energyWh,
    priceWeiPerKwh: bigintCodec(96),
    isNegotiable: booleanCodec,
    untilSeconds: timeSeconds,
    isOpen: booleanCodec,
    negotiationKey: bytesCodec(viewLimits.negotiationKeyBytes),
  },
  {},
)

const blockCodec = objectCodec<BlockView>('BlockView', { number: count, timeSeconds }, {})

const peerCodec = objectCodec<PeerView>('PeerView', { peerId: text }, { member })
const equivocationCodec = objectCodec<EquivocationView>('EquivocationView', { epoch, member }, {})

/** A whole number of seconds, also below 0; `numberCodec` has none of these. */
const signedSecondsCodec: Codec<number> = {
  schema: { type: 'integer', minimum: -maxUint40, maximum: maxUint40 },
  encode: (value) => value,
  decode(json, what) {
    if (typeof json === 'number' && Number.isInteger(json) && Math.abs(json) <= maxUint40) {
      return json
    }
    throw new SpbError('input/number', `${what} is not a whole number of seconds.`)
  },
}

/** The JSON form of a node’s status. */
export const nodeStatusCodec = objectCodec<NodeStatus>(
  'NodeStatus',
  {
    isVoting: booleanCodec,
    memberAddress: addressCodec,
    epoch,
    committee: listCodec(addressCodec, limits.members),
    quorum: numberCodec(limits.members),
    root: bytes32,
    liveCtps: count,
    receiptsWaiting: count,
    settlementsInFlight: count,
    curveBackend: wordCodec(['native', 'noble']),
    version: text,
  },
  {
    ...{ reason: text, member, head: blockCodec, confirmed: blockCodec },
    clockSkewSeconds: signedSecondsCodec,
    networkAddresses: listCodec(
      textCodec(viewLimits.networkAddressLength),
      viewLimits.networkAddresses,
    ),
    peers: listCodec(peerCodec, viewLimits.peers),
    caughtUp: booleanCodec,
    divergence: count,
    equivocations: listCodec(equivocationCodec, viewLimits.equivocations),
  },
)

/** The JSON form of a node’s totals. */
export const nodeTotalsCodec = objectCodec<NodeTotals>(
  'NodeTotals',
  {
    ctps: count,
    refused: count,
    settled: count,
    expired: count,
    receiptedWh: count,
    paidWei: bigintCodec(128),
    settlementTransactions: count,
    settlementGas: bigintCodec(128),
    settlementCalldataBytes: count,
    heldWei: amountWei,
    receipts: count,
  },
  {},
)

type EventOf<Kind extends NodeEvent['kind']> = Extract<NodeEvent, { kind: Kind }>

/** The JSON form of an event. */
export const nodeEventCodec = unionCodec<NodeEvent>('NodeEvent', {
  ctp: objectCodec<EventOf<'ctp'>>('CtpEvent', { kind: wordCodec(['ctp']), ctp: ctpViewCodec }, {}),
  block: objectCodec<EventOf<'block'>>(
    'BlockEvent',
    { kind: wordCodec(['block']), number: count, timeSeconds },
    {},
  ),
  offer: objectCodec<EventOf<'offer'>>(
    'OfferEvent',
    { kind: wordCodec(['offer']), offer: offerViewCodec },
    {},
  ),
  status: objectCodec<EventOf<'status'>>(
    'StatusEvent',
    { kind: wordCodec(['status']), status: nodeStatusCodec },
    {},
  ),
})

const sparseLeafCodec = objectCodec<SparseLeaf>('SparseLeaf', { key: bytes32, digest: bytes32 }, {})

const sparseProofCodec: Codec<SparseProof> = {
  ...objectCodec<SparseProof>(
    'SparseProof',
    { siblings: listCodec(bytes32, 256), neighbour: nullableCodec(sparseLeafCodec) },
    {},
  ),
  decode: decodeSparseProof,
}

/** The JSON form of a proof. */
export const proofViewCodec = objectCodec<ProofView>(
  'ProofView',
  { root: bytes32, digest: nullableCodec(bytes32), proof: sparseProofCodec },
  {},
)

/** A page of CTPs, newest first. */
export const ctpPageCodec = objectCodec<{ ctps: CtpView[] }>(
  'CtpPage',
  { ctps: listCodec(ctpViewCodec, viewLimits.pageItems) },
  {},
)

/** A page of offers, cheapest first. */
export const offerPageCodec = objectCodec<{ offers: OfferView[] }>(
  'OfferPage',
  { offers: listCodec(offerViewCodec, viewLimits.pageItems) },
  {},
)
