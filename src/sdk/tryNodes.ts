import type { ErrorCode } from '../protocol/errorTable.ts'
import { assert, SpbError } from '../protocol/spbError.ts'

/** Refusals that speak of the node that was asked, so that another one may do better. */
const passingCodes: readonly ErrorCode[] = [
  ...(['node/unreachable', 'node/rate-limited', 'node/overloaded', 'node/not-voting'] as const),
  ...(['node/catching-up', 'node/clock-skewed', 'node/too-few-members'] as const),
  ...(['node/bad-answer', 'node/internal', 'chain/unreachable', 'chain/stalled'] as const),
]

/** True for a failure of the node that was asked, false for a refusal of what was asked. */
export function isNodeFailure(error: unknown): boolean {
  if (!(error instanceof SpbError)) return false
  return passingCodes.includes(error.code) || error.code.startsWith('store/')
}

/**
 * Asks nodes one after another until one answers or refuses; `nodes` is not empty. A refusal of
 * the request itself is the answer: every correct node gives the same one.
 *
 * Throws that refusal, or, where all nodes failed, the first node's failure, which says how many.
 */
export async function tryNodes<Node, Answer>(
  nodes: readonly Node[],
  ask: (node: Node) => Promise<Answer>,
): Promise<Answer> {
  assert(nodes.length > 0, 'there is a node to ask')
  const failures: SpbError[] = []
  for (const node of nodes) {
    try {
      return await ask(node)
    } catch (error) {
      if (!(error instanceof SpbError) || !isNodeFailure(error)) throw error
      failures.push(error)
    }
  }
  const [first] = failures
  assert(first !== undefined, 'nodes that did not answer failed')
  if (failures.length === 1) throw first
  const message = `None of ${failures.length} nodes could: ${first.message}`
  throw new SpbError(first.code, message, { hint: first.hint, meta: first.meta, cause: first })
}
