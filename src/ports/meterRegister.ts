import type { Seconds } from '../protocol/units.ts'

/** What a reading turned out to be: `energy` alone can be receipted. */
export type ReadingKind =
  /** The register went on: what came since the last reading counts. */
  | 'energy'
  /** The first reading, or the first one after a jump that proved true. */
  | 'baseline'
  /** The very reading that was taken last. */
  | 'repeated'
  /** Not later than what was taken already: ignored. */
  | 'late'
  /** The meter's clock was set back: a new baseline. */
  | 'clock'
  /** The register is lower than before: a new baseline. */
  | 'reset'
  /** The register went past its last digit: a new baseline. */
  | 'rollover'
  /** Another serial number: a new baseline. */
  | 'swap'
  /** Too long after the last reading to say when its energy came: a new baseline. */
  | 'gap'
  /** More than could have come: set aside until the next reading. */
  | 'jump'

/** What a meter notes beside energy; `restored`: its state was put back from a copy. */
export type IncidentKind = Exclude<ReadingKind, 'energy'> | 'restored'

/** Something that was never receipted as energy. */
export type Incident = {
  readonly kind: IncidentKind
  /** As the reading was stamped. */
  readonly timeSeconds: Seconds
  /** By how much the register rose; 0 where that cannot be said. */
  readonly energyWh: number
}

/** All incidents as numbers, and the last ones one by one. */
export type IncidentLog = {
  /** Since ever. */
  readonly counts: Readonly<Partial<Record<IncidentKind, number>>>
  /** Oldest first. */
  readonly recent: readonly Incident[]
}

/** A time and what the register showed then: whole Wh since ever, 0 to 2^53 - 1. */
export type RegisterPoint = { readonly timeSeconds: Seconds; readonly importWh: number }

/** How far a meter has counted: all readings are judged against it. */
export type RegisterState = RegisterPoint & {
  /** The serial number, where the protocol tells it. */
  readonly serial?: string
  /** The highest that this serial's register ever showed: a Wh below it may be counted already. */
  readonly highestWh: number
  /**
   * Where the register was each time it went elsewhere, the last ones, oldest first; absent where
   * there are none. What rises past one of them counts from there only: after a reset that was a
   * mistake, the Wh below may be counted already.
   */
  readonly peaksWh?: readonly number[]
  /** The latest time up to which energy was counted. */
  readonly countedUntilSeconds: Seconds
  /** All energy that was ever counted, receipted or not. */
  readonly countedWh: number
  /** Late readings in a row that were not counted yet: the clock may have been set back. */
  readonly late?: RegisterPoint & { readonly count: number }
  /** More than could have come; the next reading tells whether it was true. */
  readonly aside?: RegisterPoint
  /** Lost with the state that was restored: the next reading is a baseline. */
  readonly isLost?: true
}
