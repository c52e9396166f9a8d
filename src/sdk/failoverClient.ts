import { assert, SpbError } from '../protocol/spbError.ts'
import type { NodeClient } from './nodeClient.ts'
import { tryNodes } from './tryNodes.ts'

/** What a client of several nodes tells its user. */
export type FailoverOptions = {
  /** Another node is asked from now on. Numbers of CTPs are each node's own. */
  onChange?: (url: string) => void
}

/**
 * Makes one client of the clients of several nodes of one market, one or more. It asks the first,
 * and goes on to the next where a node fails; then it stays there. What it throws is what
 * `tryNodes` throws.
 *
 * A CTP's number is known to its node alone, so a number is always asked of the first one; ids are
 * the same everywhere.
 */
export function createFailoverClient(
  clients: readonly NodeClient[],
  { onChange }: FailoverOptions = {},
): NodeClient {
  const [first] = clients
  assert(first !== undefined, 'there is a node to ask')
  let current = first

  function ask<Answer>(work: (client: NodeClient) => Promise<Answer>): Promise<Answer> {
    const from = clients.indexOf(current)
    const turns = [...clients.slice(from), ...clients.slice(0, from)]
    return tryNodes(turns, async (client) => {
      const answer = await work(client)
      if (client !== current) {
        current = client
        onChange?.(client.url)
      }
      return answer
    })
  }

  async function askByNumber<Answer>(
    work: (client: NodeClient) => Promise<Answer>,
    number: number,
  ) {
    try {
      return await work(first!)
    } catch (error) {
      if (!(error instanceof SpbError) || error.code !== 'node/unreachable') throw error
      throw new SpbError(error.code, error.message, {
        hint: `Only this node knows CTP ${number} by its number: name it by its id.`,
        ...{ meta: error.meta, cause: error },
      })
    }
  }

  return {
    get url() {
      return current.url
    },
    market: () => ask((client) => client.market()),
    status: () => ask((client) => client.status()),
    totals: () => ask((client) => client.totals()),
    // The same CTP at a second gateway gets the same votes: it holds its money once.
    submitCtp: (submission) => ask((client) => client.submitCtp(submission)),
    submitErc: (signed) => ask((client) => client.submitErc(signed)),
    voidNonce: (signed) => ask((client) => client.voidNonce(signed)),
    ctp: (key) =>
      typeof key === 'number'
        ? askByNumber((client) => client.ctp(key), key)
        : ask((client) => client.ctp(key)),
    ctps: (filter) => ask((client) => client.ctps(filter)),
    offers: (filter) => ask((client) => client.offers(filter)),
    account: (address) => ask((client) => client.account(address)),
    proof: (ctpId) => ask((client) => client.proof(ctpId)),
  }
}
