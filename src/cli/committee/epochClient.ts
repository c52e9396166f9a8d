import { type EpochView, epochViewCodec } from '../../protocol/epochView.ts'
import { createNodeHttp, requestView } from '../../sdk/nodeHttp.ts'

/** What of a node is about epochs, over HTTP. */
export type EpochClient = {
  epoch(): Promise<EpochView>
  /** Ends the epoch for the node's member; `token` shows that its operator asks. */
  endEpoch(token: string): Promise<EpochView>
}

/** Makes a client. Throws `input/option` for a URL that is not one; calls throw as `NodeHttp`'s. */
export function createEpochClient(url: string): EpochClient {
  const http = createNodeHttp({ url, retryDelaysMs: [100, 300] })
  return {
    epoch: () =>
      requestView(http, epochViewCodec, { method: 'GET', path: '/v1/epoch', isRepeatable: true }),
    // To say it twice says the same.
    endEpoch: (token) =>
      requestView(http, epochViewCodec, {
        ...{ method: 'POST', path: '/v1/epoch/end', body: {}, isRepeatable: true },
        headers: { authorization: `Bearer ${token}` },
      }),
  }
}
