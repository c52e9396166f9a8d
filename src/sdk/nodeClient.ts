import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { Codec } from '../protocol/codec.ts'
import type { CtpSubmission, SignedCtp } from '../protocol/ctpSubmission.ts'
import type { VoidCertificate } from '../protocol/holdCertificate.ts'
import {
  ctpSubmissionCodec,
  signedCtpCodec,
  signedErcCodec,
  voidCertificateCodec,
} from '../protocol/messageCodecs.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import {
  accountViewCodec,
  ctpDossierCodec,
  ctpPageCodec,
  ctpViewCodec,
  ercViewCodec,
  marketViewCodec,
  nodeStatusCodec,
  nodeTotalsCodec,
  offerPageCodec,
  proofViewCodec,
} from '../protocol/viewCodecs.ts'
import type {
  AccountView,
  CtpDossier,
  CtpFilter,
  CtpView,
  ErcView,
  MarketView,
  NodeStatus,
  NodeTotals,
  OfferFilter,
  OfferView,
  ProofView,
} from '../protocol/views.ts'
import { createNodeHttp, type NodeHttpOptions, type NodeRequest, requestView } from './nodeHttp.ts'

/** Where a node is, and how patiently to ask it. */
export type NodeClientOptions = NodeHttpOptions

/**
 * A node, over HTTP. Each call answers what the node's own call of that name does, and throws what
 * it throws; besides, `node/unreachable`, `node/rate-limited` and `node/bad-answer`.
 */
export type NodeClient = {
  /** Where the node is, without credentials. */
  readonly url: string
  market(): Promise<MarketView>
  status(): Promise<NodeStatus>
  totals(): Promise<NodeTotals>
  submitCtp(submission: CtpSubmission): Promise<CtpView>
  submitErc(signed: SignedErc): Promise<ErcView>
  voidNonce(signed: SignedCtp): Promise<VoidCertificate>
  ctp(key: Bytes32 | number): Promise<CtpDossier>
  /** Newest first. */
  ctps(filter?: CtpFilter): Promise<CtpView[]>
  /** Cheapest first. */
  offers(filter?: OfferFilter): Promise<OfferView[]>
  account(address: Address): Promise<AccountView>
  proof(ctpId: Bytes32): Promise<ProofView>
}

/** A path with the parts of a filter that are given. */
function withQuery(path: string, filter: Record<string, unknown>): string {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filter)) {
    if (value !== undefined) query.set(name, String(value))
  }
  return query.size === 0 ? path : `${path}?${query}`
}

/** Makes a client of a node. Throws `input/option` for a URL that is not one. */
export function createNodeClient(options: NodeClientOptions): NodeClient {
  const http = createNodeHttp(options)

  const ask = <View>(codec: Codec<View>, request: NodeRequest) => requestView(http, codec, request)
  const get = <View>(codec: Codec<View>, path: string) =>
    ask(codec, { method: 'GET', path, isRepeatable: true })
  const post = <View>(codec: Codec<View>, path: string, body: unknown, isRepeatable: boolean) =>
    ask(codec, { method: 'POST', path, body, isRepeatable })

  return {
    url: http.base,
    market: () => get(marketViewCodec, '/v1/market'),
    status: () => get(nodeStatusCodec, '/v1/status'),
    totals: () => get(nodeTotalsCodec, '/v1/totals'),
    // Safe to repeat: a node knows the CTP by its id and gives the same answer, and the members
    // the same votes. Not to repeat it could leave money on hold without its owner knowing.
    submitCtp: (submission) =>
      post(ctpViewCodec, '/v1/ctps', ctpSubmissionCodec.encode(submission), true),
    // The second of two equal receipts may be refused as not higher, which would hide that the
    // first was taken: whoever sends one looks the CTP up before he sends it again.
    submitErc: (signed) => post(ercViewCodec, '/v1/receipts', signedErcCodec.encode(signed), false),
    voidNonce: (signed) =>
      post(voidCertificateCodec, '/v1/voids', signedCtpCodec.encode(signed), false),
    ctp: (key) => get(ctpDossierCodec, `/v1/ctps/${key}`),
    ctps: async (filter = {}) => (await get(ctpPageCodec, withQuery('/v1/ctps', filter))).ctps,
    offers: async (filter = {}) =>
      (await get(offerPageCodec, withQuery('/v1/offers', filter))).offers,
    account: (address) => get(accountViewCodec, `/v1/accounts/${address}`),
    proof: (ctpId) => get(proofViewCodec, `/v1/ctps/${ctpId}/proof`),
  }
}
