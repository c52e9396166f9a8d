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
  /** Trusted by a new market instead of the data folder’s own development manufacturer. */
  manufacturers: readonly Address[]
  /** Terms of a new market. */
  terms: Partial<MarketOptions>
  /** How long to wait for the Ethereum client. */
  chainWaitMs: number
}
