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
import { tryNodes } from '../../sdk/tryNodes.ts'
import { createWitnessClient, type WitnessClient } from '../../sdk/witnessClient.ts'
import type { DataFolder } from '../dataFolder.ts'
import { listNodeUrls } from '../nodeAccess.ts'

/** The nodes that a long-running meter talks to: looked up each time, since they come and go. */
export type FolderNode = {
  /** One or more. Throws `node/unreachable` where no node runs on the folder and none was named. */
  clients(): NodeClient[]
  relays: readonly WitnessRelayAccess[]
  /** Whom the market trusts, as a node says now. Throws `ctp/wrong-market`, `node/*`. */
  readStanding(): Promise<Standing>
}

const takeBytes = (length: number) => Uint8Array.from(randomBytes(length))
const retryDelaysMs = [200, 800]

function wrapRelay(name: string, open: () => WitnessClient): WitnessRelayAccess {
  return {
    name,
    identify: async () => await open().identify(),
    post: async (post) => await open().post(post),
    fetchRequests: async (...asked) => await open().fetchRequests(...asked),
    answer: async (...answered) => await open().answer(...answered),
    list: async () => await open().list(),
    ask: async (...asked) => await open().ask(...asked),
  }
}

function openRelays(
  folder: DataFolder,
  given: readonly string[] | undefined,
): readonly WitnessRelayAccess[] {
  if (given !== undefined) return given.map((url) => createWitnessClient({ url }))
  const open = () => createWitnessClient({ url: listNodeUrls(folder, undefined)[0]! })
  return [wrapRelay('node', open)]
}

/**
 * The nodes at given URLs, else the node of a data folder. Throws nothing before it is used but
 * `input/option` for what is no URL.
 */
export function openFolderNode(
  folder: DataFolder,
  market: Market,
  given?: readonly string[],
): FolderNode {
  const clients = () =>
    listNodeUrls(folder, given).map((url) => createNodeClient({ url, retryDelaysMs }))
  return {
    clients,
    relays: openRelays(folder, given),
    async readStanding() {
      const view = await tryNodes(clients(), (client) => client.market())
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

/** Gets a meter's next tree witnessed by one that a node lists. Throws as `renewFromAny`. */
export async function renewKeys(parts: RenewKeysParts): Promise<SignedCoe> {
  const { meter, market, node, nowSeconds } = parts
  return await renewFromAny(meter, market, node.relays, {
    ...{ nowSeconds, standing: await node.readStanding() },
    randomBytes: takeBytes,
  })
}

/** Offers a meter as a witness through a data folder's nodes, until the service is closed. */
export function serveAsWitness(
  meter: SoftwareMeter,
  market: Market,
  { relays, readStanding }: FolderNode,
): WitnessService {
  return startWitnessService({
    ...{ meter, market, readStanding, relays },
    ...{ clock: systemClock, randomBytes: takeBytes },
  })
}

/** Unix seconds of a clock in milliseconds. */
export function secondsOf(nowMs: number): Seconds {
  return seconds(Math.floor(nowMs / 1000))
}
