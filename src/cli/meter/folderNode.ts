import { randomBytes } from 'node:crypto'
import { systemClock } from '../../adapters/clock/systemClock.ts'
import { renewFromAny } from '../../meter/findCoe.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import { startWitnessService, type WitnessService } from '../../meter/witnessService.ts'
import type { WitnessRelayAccess } from '../../ports/witnessRelay.ts'
import type { Market } from '../../protocol/digest.ts'
import type { SignedCoe } from '../../protocol/meterEvidence.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Standing, standingOf } from '../../protocol/standing.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { createNodeClient, type NodeClient } from '../../sdk/nodeClient.ts'
import { createWitnessClient, type WitnessClient } from '../../sdk/witnessClient.ts'
import type { DataFolder } from '../dataFolder.ts'
import { readEndpoint } from '../endpoint.ts'

/** The node that a long-running meter talks to: looked up each time, since it comes and goes. */
export type FolderNode = {
  client(): NodeClient
  relay: WitnessRelayAccess
  /** Whom the market trusts, as the node says now. Throws `ctp/wrong-market`, `node/*`. */
  readStanding(): Promise<Standing>
}

const takeBytes = (length: number) => Uint8Array.from(randomBytes(length))
const retryDelaysMs = [200, 800]

function requireUrl(folder: DataFolder, given: string | undefined): string {
  const url = given ?? readEndpoint(folder)?.url
  if (url !== undefined) return url
  throw new SpbError('node/unreachable', 'No node runs on this data folder.', {
    hint: 'Start one with spb up, or name one with --node URL.',
  })
}

function wrapRelay(open: () => WitnessClient): WitnessRelayAccess {
  return {
    get name() {
      return 'node'
    },
    identify: async () => await open().identify(),
    post: async (post) => await open().post(post),
    fetchRequests: async (...asked) => await open().fetchRequests(...asked),
    answer: async (...answered) => await open().answer(...answered),
    list: async () => await open().list(),
    ask: async (...asked) => await open().ask(...asked),
  }
}

/** The node of a data folder, or the one at a given URL. Throws nothing before it is used. */
export function openFolderNode(folder: DataFolder, market: Market, given?: string): FolderNode {
  const client = () => createNodeClient({ url: requireUrl(folder, given), retryDelaysMs })
  return {
    client,
    relay: wrapRelay(() => createWitnessClient({ url: requireUrl(folder, given) })),
    async readStanding() {
      const view = await client().market()
      if (view.chainId !== market.chainId || view.address !== market.address) {
        throw new SpbError('ctp/wrong-market', 'The node serves another market than the meter.')
      }
      return standingOf(view)
    },
  }
}

/** What getting new keys for a meter needs. */
export type RenewKeysParts = {
  meter: Pick<SoftwareMeter, 'identity' | 'signedCertificate' | 'renew'>
  market: Market
  node: FolderNode
  nowSeconds: Seconds
}

/** Gets a meter's next tree witnessed by one that the node lists. Throws as `renewFromAny`. */
export async function renewKeys(parts: RenewKeysParts): Promise<SignedCoe> {
  const { meter, market, node, nowSeconds } = parts
  return await renewFromAny(meter, market, [node.relay], {
    ...{ nowSeconds, standing: await node.readStanding() },
    randomBytes: takeBytes,
  })
}

/** Offers a meter as a witness through a data folder's node, until the service is closed. */
export function serveAsWitness(
  meter: SoftwareMeter,
  market: Market,
  { relay, readStanding }: FolderNode,
): WitnessService {
  return startWitnessService({
    ...{ meter, market, readStanding, relays: [relay] },
    ...{ clock: systemClock, randomBytes: takeBytes },
  })
}

/** Unix seconds of a clock in milliseconds. */
export function secondsOf(nowMs: number): Seconds {
  return seconds(Math.floor(nowMs / 1000))
}
