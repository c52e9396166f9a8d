import type { MarketOptions } from '../../protocol/views.ts'

/** What the members' Ethereum clients are: a geth each (Clique), or one anvil for all. */
export type DevnetChainKind = 'geth' | 'anvil'

/** What `spb devnet` was asked for, parsed. */
export type DevnetOptions = {
  /** 3f + 1. */
  nodes: number
  /** geth where one is installed, unless told otherwise. */
  chain: DevnetChainKind | undefined
  /** A folder that is kept; one that is removed in the end where left out. */
  data: string | undefined
  /** The first of its ports; 0: any free ones. */
  basePort: number | undefined
  blockTimeSeconds: number
  /** Terms of a new market. */
  terms: Partial<MarketOptions>
}
