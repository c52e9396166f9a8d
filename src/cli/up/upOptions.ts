import type { Address } from '../../protocol/bytes.ts'
import type { MarketOptions } from '../../protocol/views.ts'

/** What `spb up` was asked for, parsed. */
export type UpOptions = {
  /** The Ethereum client; absent for the embedded chain. */
  chainUrl?: string
  market?: Address
  host: string
  port: number
  /** The embedded chain’s; a free one where left out. */
  chainPort?: number
  blockTimeSeconds: number
  confirmations?: number
  /** Where this node listens for others; as at the last start where left out. */
  listen?: readonly string[]
  /** Where others are told to reach it, such as a router’s address; else what it listens at. */
  announce?: readonly string[]
  /** Addresses of other nodes; as at the last start where left out. */
  peers?: readonly string[]
  /** The node’s clock and the chain’s time may differ by so much. */
  clockToleranceMs?: number
  /** The operator’s word that this member never voted in this market. */
  isFirstStart?: boolean
  /** Trusted by a new market instead of the data folder’s own development manufacturer. */
  manufacturers: readonly Address[]
  /** Terms of a new market. */
  terms: Partial<MarketOptions>
  /** How long to wait for the Ethereum client. */
  chainWaitMs: number
}
