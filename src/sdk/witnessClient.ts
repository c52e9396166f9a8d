import type { Address, Bytes32, Hex } from '../protocol/bytes.ts'
import type { Codec } from '../protocol/codec.ts'
import { nodeStatusCodec } from '../protocol/viewCodecs.ts'
import {
  answeredCodec,
  type SealedAnswer,
  type SealedRequest,
  sealedAnswerCodec,
  sealedBoxCodec,
  sealedRequestCodec,
  witnessMailCodec,
  witnessPageCodec,
  witnessPostCodec,
  witnessPostedCodec,
} from '../protocol/witnessCodecs.ts'
import type { WitnessPost } from '../protocol/witnessPost.ts'
import { createNodeHttp, type NodeHttpOptions, type NodeRequest, requestView } from './nodeHttp.ts'

/**
 * A node as meters use it that witness for each other, over HTTP. Throws what the node answers;
 * besides, `node/unreachable`, `node/rate-limited` and `node/bad-answer`.
 */
export type WitnessClient = {
  /** The node's URL, without credentials. */
  readonly name: string
  /** The node's member address, to which posts are bound. */
  identify(): Promise<Address>
  post(post: WitnessPost): Promise<void>
  /** Waits so long, 0 to 25 s, for sealed requests; an empty list where none came. */
  fetchRequests(
    meter: Address,
    token: Bytes32,
    waitSeconds: number,
    signal: AbortSignal,
  ): Promise<Hex[]>
  answer(meter: Address, token: Bytes32, answer: SealedAnswer): Promise<void>
  list(): Promise<WitnessPost[]>
  /** Sends a sealed request and waits for its sealed answer. Never sent twice. */
  ask(request: SealedRequest, signal: AbortSignal): Promise<Hex>
}

/** Makes a client of a node's relay. Throws `input/option` for a URL that is not one. */
export function createWitnessClient(options: NodeHttpOptions): WitnessClient {
  const http = createNodeHttp(options)

  const send = <View>(codec: Codec<View>, request: NodeRequest) => requestView(http, codec, request)
  const headersOf = (token: Bytes32) => ({ 'spb-witness-token': token })

  return {
    name: http.base,
    async identify() {
      const request = { method: 'GET', path: '/v1/status', isRepeatable: true } as const
      return (await send(nodeStatusCodec, request)).memberAddress
    },
    async post(post) {
      const body = witnessPostCodec.encode(post)
      const request = { method: 'POST', path: '/v1/witnesses', body, isRepeatable: true } as const
      await send(witnessPostedCodec, request)
    },
    async fetchRequests(meter, token, waitSeconds, signal) {
      const path = `/v1/witnesses/${meter}/requests?wait=${waitSeconds}`
      const headers = headersOf(token)
      const request = { method: 'GET', path, headers, signal, isRepeatable: false } as const
      return (await send(witnessMailCodec, request)).boxes
    },
    async answer(meter, token, answer) {
      const path = `/v1/witnesses/${meter}/answers`
      const body = sealedAnswerCodec.encode(answer)
      const headers = headersOf(token)
      await send(answeredCodec, { method: 'POST', path, headers, body, isRepeatable: false })
    },
    async list() {
      const request = { method: 'GET', path: '/v1/witnesses', isRepeatable: true } as const
      return (await send(witnessPageCodec, request)).witnesses
    },
    async ask(sealed, signal) {
      const body = sealedRequestCodec.encode(sealed)
      const path = '/v1/witness-requests'
      const request = { method: 'POST', path, body, signal, isRepeatable: false } as const
      return (await send(sealedBoxCodec, request)).box
    },
  }
}
