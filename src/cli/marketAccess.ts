import { bytesToHex } from '../protocol/bytes.ts'
import { createMarketClient, type MarketClient } from '../sdk/marketClient.ts'
import type { OpenAccount } from './accountFolder.ts'
import type { Call } from './commandAction.ts'
import { chainUrlOf, type NodeAccess, requireMarket } from './nodeAccess.ts'

const marketPollMs = 200

/** An account at the market contract, ready to send transactions. */
export async function openMarketClient(
  call: Call<object>,
  access: NodeAccess,
  { privateKey }: OpenAccount,
): Promise<MarketClient> {
  return createMarketClient({
    url: chainUrlOf(call, access.folder),
    market: await requireMarket(access),
    privateKey: bytesToHex(privateKey),
    pollingIntervalMs: marketPollMs,
  })
}
