import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createNodeClient, type NodeClient } from '../../sdk/nodeClient.ts'
import { type EventSubscription, receiveEvents } from '../../sdk/receiveEvents.ts'
import type { Call } from '../commandAction.ts'
import { openNode } from '../nodeAccess.ts'

/** A node that is followed for as long as there is one, also after it was started anew. */
export type NodeLine = {
  /** The node, where one is known; it may not answer. */
  find(): NodeClient | undefined
  close(): void
}

/** A node that hangs must not keep its producer from seeing the chain. */
const patience = { timeoutMs: 5_000, retryDelaysMs: [100] }

/** The node of a call; undefined where none is known. */
export function findNode(call: Call<object>): NodeClient | undefined {
  try {
    return createNodeClient({ url: openNode(call).node.url, ...patience })
  } catch (error) {
    if (error instanceof SpbError && error.code === 'node/unreachable') return undefined
    throw error
  }
}

/** Follows a producer's CTPs; `onNews` is called when his may have changed. */
export function openNodeLine(call: Call<object>, producer: Address, onNews: () => void): NodeLine {
  let node: NodeClient | undefined
  let subscription: EventSubscription | undefined
  return {
    find() {
      const found = findNode(call)
      // A node that was started anew may answer elsewhere.
      if (found !== undefined && found.url !== node?.url) {
        subscription?.close()
        node = found
        subscription = receiveEvents({
          url: found.url,
          account: producer,
          onEvent: ({ kind }) => {
            if (kind === 'ctp') onNews()
          },
          // What happened meanwhile was not told.
          onConnect: onNews,
          onDisconnect: onNews,
        })
      }
      return found === undefined ? undefined : node
    },
    close: () => subscription?.close(),
  }
}
