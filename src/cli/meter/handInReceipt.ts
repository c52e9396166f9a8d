import type { ErrorCode } from '../../protocol/errorTable.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError, toCodedError } from '../../protocol/spbError.ts'
import type { ErcView } from '../../protocol/views.ts'
import type { OpenHouseholdMeter } from './householdMeter.ts'
import { createNodeGateway, type GatewayNode } from './nodeGateway.ts'

/** The same or a higher receipt is kept already, or no node ever takes this one. */
const finalCodes: readonly ErrorCode[] = ['erc/repeated', 'erc/lower', 'erc/late', 'erc/closed']

const isFinal = (error: unknown) => error instanceof SpbError && finalCodes.includes(error.code)

/** Why the receipt is not acknowledged to the meter; undefined where it is. */
async function acknowledge(
  nodes: readonly GatewayNode[],
  meter: Pick<OpenHouseholdMeter, 'acknowledge'>,
  signed: SignedErc,
): Promise<SpbError | undefined> {
  try {
    await createNodeGateway(() => nodes).sendReceipt(signed)
  } catch (error) {
    if (!isFinal(error)) return toCodedError(error)
  }
  await meter.acknowledge(signed.erc.ctpId, signed.erc.deliveredWh)
  return undefined
}

/** What a node made of a receipt; `shortage` where too few members keep it yet. */
export type HandedIn = { view: ErcView; shortage: SpbError | undefined }

/**
 * Hands a receipt to a node for its answer, and to all that are known, so that the meter may take
 * on its next CTP: once so many members keep it that one of them is honest, or none ever will.
 *
 * Throws what the node throws.
 */
export async function handInReceipt(
  { node, nodes }: { node: Pick<GatewayNode, 'submitErc'>; nodes: readonly GatewayNode[] },
  meter: Pick<OpenHouseholdMeter, 'acknowledge'>,
  signed: SignedErc,
): Promise<HandedIn> {
  try {
    const view = await node.submitErc(signed)
    return { view, shortage: await acknowledge(nodes, meter, signed) }
  } catch (error) {
    if (isFinal(error)) await acknowledge(nodes, meter, signed)
    throw error
  }
}
