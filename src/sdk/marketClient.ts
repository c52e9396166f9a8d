import { type Account, type Client, createClient, http, type Transport } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Hex } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'

/**
 * A household at a market: the first argument of everything it does on chain.
 *
 * `client` may be any viem client that has an account, a browser's wallet for example.
 */
export type MarketClient = {
  client: Client<Transport, undefined, Account>
  market: Market
  /** The client's URL, for messages: only its host is ever shown. */
  endpoint: string
  /** Longest wait for a transaction's block. */
  receiptTimeoutMs: number
  /** After so long without a block that takes it, a transaction is sent again with higher fees. */
  outbidAfterMs: number
}

/** How a household reaches its market. */
export type MarketClientOptions = {
  /** `http(s)://` of an Ethereum client. */
  url: string
  market: Market
  /** The household's key, 32 bytes. */
  privateKey: Hex
  /** 60 s by default. */
  receiptTimeoutMs?: number
  /** After how long a waiting transaction is sent again with higher fees; 15 s by default. */
  outbidAfterMs?: number
  /** How often to look whether a transaction is in a block; 500 ms by default. */
  pollingIntervalMs?: number
  /** Longest wait for one request; 10 s by default. */
  timeoutMs?: number
}

/** A household that signs with a key of its own; nothing is sent before the first call. */
export function createMarketClient({
  url,
  market,
  privateKey,
  receiptTimeoutMs = 60_000,
  outbidAfterMs = 15_000,
  pollingIntervalMs = 500,
  timeoutMs = 10_000,
}: MarketClientOptions): MarketClient {
  const client = createClient({
    account: privateKeyToAccount(privateKey),
    transport: http(url, { retryCount: 0, timeout: timeoutMs, batch: true }),
    pollingInterval: pollingIntervalMs,
    cacheTime: 0,
  })
  return { client, market, endpoint: url, receiptTimeoutMs, outbidAfterMs }
}
