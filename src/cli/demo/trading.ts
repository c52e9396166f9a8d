import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import type { DemoWorld } from './demoWorld.ts'
import type { Metering } from './meterDevice.ts'
import type { Street } from './street.ts'
import type { TradeBook } from './tradeBook.ts'

/** Which neighbourhood trades, and how. */
export type NeighbourhoodOptions = {
  profiles: ProfileSet
  /** Where the profiles are from; only shown. */
  source: string
  seed: number
  /** Share of producers who do not deliver what they sold, 0 to 1. */
  unreliable: number
  /** How meters are read; told what came where left out. Measured energy needs reliable homes. */
  metering?: Metering | undefined
  signal?: AbortSignal | undefined
  /** Called after each step, for a progress bar. */
  onStep?: (step: number) => void
}

/** One neighbourhood while it trades. */
export type Trading = {
  options: NeighbourhoodOptions
  world: DemoWorld
  street: Street
  book: TradeBook
  offers: { transactions: number; gasUsed: bigint }
}
