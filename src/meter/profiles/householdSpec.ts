import type { ProfileUnit } from './profileUnit.ts'

/** One column of one CSV file, as a home's load or production. */
export type SeriesSpec = {
  /** Relative to the folder, or to the households file. */
  file: string
  /** Name of the column of times: when each step starts. */
  time: string
  /** IANA name or offset, for times that have no zone of their own. */
  zone?: string | undefined
  column: string
  unit: ProfileUnit
}

/** Where a home's profile is; at least one of load and pv. */
export type HouseholdSpec = {
  name: string
  load?: SeriesSpec | undefined
  /** `peakWatts` is the plant's peak power: needed for unit pu, else it bounds the readings. */
  pv?: (SeriesSpec & { peakWatts?: number | undefined }) | undefined
}
