import type { MeterGateway } from '../../ports/meterGateway.ts'
import { faultsOf } from '../../protocol/committee.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { NodeClient } from '../../sdk/nodeClient.ts'

/** What is used of a node. */
export type GatewayNode = Pick<NodeClient, 'submitErc' | 'status' | 'ctp'>

/** A member that keeps a receipt, and how many have to. */
type Keeper = { member: number | undefined; needed: number }

/** The node keeps this receipt, or a higher one. */
const keptCodes: readonly ErrorCode[] = ['erc/repeated', 'erc/lower']

function isCode(error: unknown, codes: readonly ErrorCode[]): boolean {
  return error instanceof SpbError && codes.includes(error.code)
}

async function hand(node: GatewayNode, signed: SignedErc): Promise<Keeper> {
  try {
    await node.submitErc(signed)
  } catch (error) {
    if (!isCode(error, keptCodes)) throw error
  }
  const { member, epoch, committee } = await node.status()
  return { member, needed: faultsOf({ epoch, members: committee }) + 1 }
}

/** Asks nodes for the same at once: what came, and why the rest failed. */
async function askAll<Answer>(
  nodes: readonly GatewayNode[],
  ask: (node: GatewayNode) => Promise<Answer>,
): Promise<{ answers: Answer[]; failures: unknown[] }> {
  const settled = await Promise.allSettled(nodes.map(ask))
  return {
    answers: settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : [])),
    failures: settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : [])),
  }
}

/** A refusal is the nodes' answer only where none failed to answer: that one may keep it. */
function chooseFailure(failures: readonly unknown[]): unknown {
  const isPassing = (error: unknown) =>
    !(error instanceof SpbError) || error.code.startsWith('node/')
  return failures.find(isPassing) ?? failures[0]
}

/**
 * The nodes that a meter talks to. `findNodes` is asked each time, since nodes come and go; it
 * gives one or more, or throws `node/unreachable`.
 */
export function createNodeGateway(findNodes: () => readonly GatewayNode[]): MeterGateway {
  return {
    async sendReceipt(signed) {
      const { answers, failures } = await askAll(findNodes(), (node) => hand(node, signed))
      if (answers.length === 0 && failures.length > 0) throw chooseFailure(failures)
      // A node that is no member of the committee keeps it for nobody.
      const members = new Set(answers.map(({ member }) => member).filter((at) => at !== undefined))
      const needed = Math.max(1, ...answers.map((each) => each.needed))
      if (members.size >= needed) return
      throw new SpbError(
        'node/unreachable',
        `${members.size} of ${needed} members that are needed keep the receipt.`,
        {
          hint: 'Name the nodes of so many members or more, each with a --node URL of its own.',
          meta: { members: members.size, needed },
          cause: chooseFailure(failures),
        },
      )
    },
    async stateOf(ctpId) {
      const { answers, failures } = await askAll(findNodes(), async (node) => {
        try {
          return (await node.ctp(ctpId)).state
        } catch (error) {
          if (isCode(error, ['ctp/unknown'])) return undefined
          throw error
        }
      })
      if (answers.length === 0 && failures.length > 0) throw failures[0]
      return answers.find((state) => state !== undefined)
    },
  }
}
