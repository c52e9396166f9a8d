import type { Market } from '../../protocol/digest.ts'
import type { DataFolder } from '../dataFolder.ts'
import { openFolderNode, secondsOf, serveAsWitness } from '../meter/folderNode.ts'
import { makeStreetMeters, openStreetMeters } from '../meterFolder.ts'
import type { ClosingStack } from './closingStack.ts'

/** What the neighbours' meters work with. */
export type StreetContext = { market: Market; url: string; stack: ClosingStack; nowMs(): number }

/**
 * Has the meters that stand for the neighbours' witness through the node at `url`, so that the
 * first meter finds somebody who vouches for it. They are pushed onto the stack.
 */
export function startStreetWitnesses(folder: DataFolder, context: StreetContext): void {
  const { url, stack, nowMs } = context
  const { chainId, address } = context.market
  const market = { chainId, address }
  makeStreetMeters(folder, secondsOf(nowMs()))
  for (const meter of openStreetMeters(folder)) {
    stack.push(() => meter.close())
    const service = serveAsWitness(meter, market, openFolderNode(folder, market, [url]))
    stack.push(() => service.close())
  }
}
