import type { Decimal } from './decimalWh.ts'

/** Units of a CSV column: energy, or mean power in a step. */
export const csvUnits = ['Wh', 'kWh', 'MWh', 'W', 'kW'] as const
export type CsvUnit = (typeof csvUnits)[number]

/** Which columns of a CSV file are readings, and of what. */
export type CsvColumns = {
  file: string
  time: string
  /** For times without a zone: an IANA name or an offset. */
  zone?: string | undefined
  import: string
  export?: string | undefined
  unit: CsvUnit
  /** `register`: energy since ever. `step`: energy or mean power in the step that begins. */
  kind: 'register' | 'step'
}

/**
 * A row whose time is understood. Energies are in Wh, powers in W; empty where a cell of them is
 * not understood: the row still says where a step is.
 */
export type CsvRow = { timeSeconds: number; line: number; energies: readonly Decimal[] }
