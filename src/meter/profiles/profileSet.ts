/** One home's energy in each market step, index 0 being the step that starts at `startSeconds`. */
export type HouseholdProfile = {
  /** Unique in its set, 1 to 64 characters. */
  name: string
  /** Energy used, whole Wh in the step. */
  loadWh: Uint32Array
  /** Energy produced, whole Wh in the step. */
  pvWh: Uint32Array
  /** 1 where every source of the home has a reading; 0 where not: both energies are 0 there. */
  hasReading: Uint8Array
}

/** Why a row, a cell of it, or a step without row is not used. docs/profiles.md explains each. */
export type SkipReason =
  | 'bad-quotes'
  | 'clock-change'
  | 'conflicting'
  | 'empty-line'
  | 'empty-value'
  | 'gap'
  | 'line-too-long'
  | 'negative'
  | 'not-a-number'
  | 'not-finite'
  | 'off-step'
  | 'repeated'
  | 'too-large'
  | 'unordered'
  | 'unreadable-time'
  | 'wrong-cells'

/** How often one reason was met in one file; `firstLine` counts from 1, the header included. */
export type SkippedRows = {
  file: string
  reason: SkipReason
  count: number
  firstLine: number
  /** The column, where the reason is about its values and not about the row. */
  column?: string
}

/** Homes with their energy over the same market steps, read from files or simulated. */
export type ProfileSet = {
  /** Unix time at which step 0 starts. */
  startSeconds: number
  stepSeconds: number
  steps: number
  households: HouseholdProfile[]
  skippedRows: SkippedRows[]
  /** One sentence for people: how many homes, since when, in which steps. */
  description: string
}
