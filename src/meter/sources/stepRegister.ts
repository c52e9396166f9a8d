import type { MeterReading } from '../../ports/meterReading.ts'
import { seconds } from '../../protocol/units.ts'
import type { SkipLog } from '../profiles/skipLog.ts'
import { findTimeGrid } from '../profiles/timeGrid.ts'
import type { CsvColumns, CsvRow } from './csvColumns.ts'
import { addDecimals, type Decimal, floorWh } from './decimalWh.ts'

const hourSeconds = 3_600n

/**
 * Adds energies (or mean powers) of regular steps up to a register that starts with 0, rounded
 * down at each reading and not at each step. There is a reading at each step's end, and at its
 * start where no step ends; a step without usable row is a gap, over which the register rests.
 *
 * Throws `profile/no-rows`, `profile/irregular-step`, `source/value` above 2^53 - 1 Wh.
 */
export function accumulateSteps(
  rows: readonly CsvRow[],
  { file, unit }: Pick<CsvColumns, 'file' | 'unit'>,
  log: SkipLog,
): MeterReading[] {
  const times = rows.map(({ timeSeconds }) => timeSeconds)
  const lines = rows.map(({ line }) => line)
  const grid = findTimeGrid({ file, times, lines, values: new Map() }, log)
  const steps = placeRows(rows, grid, file, log)
  const factor = unit === 'W' || unit === 'kW' ? BigInt(grid.stepSeconds) : hourSeconds
  const [first] = steps.values()
  const sums: Decimal[] = (first?.energies ?? []).map(() => ({ coefficient: 0n, exponent: 0 }))
  const readings: MeterReading[] = []
  const tell = (timeSeconds: number) => {
    // A register of Wh times 3,600, so that watts times seconds stay whole.
    const [importWh = 0, exportWh] = sums.map((sum) => floorWh(sum, hourSeconds))
    const reading = { timeSeconds: seconds(timeSeconds), importWh }
    readings.push(exportWh === undefined ? reading : { ...reading, exportWh })
  }
  for (const slot of [...steps.keys()].sort((a, b) => a - b)) {
    const startSeconds = grid.startSeconds + slot * grid.stepSeconds
    if (readings.at(-1)?.timeSeconds !== startSeconds) tell(startSeconds)
    steps.get(slot)?.energies.forEach(({ coefficient, exponent }, column) => {
      const energy = { coefficient: coefficient * factor, exponent }
      sums[column] = addDecimals(sums[column] ?? energy, energy)
    })
    tell(startSeconds + grid.stepSeconds)
  }
  return readings
}

/** The row of each step. Of rows that contradict each other none is used. */
function placeRows(
  rows: readonly CsvRow[],
  { slots, isUnordered }: ReturnType<typeof findTimeGrid>,
  file: string,
  log: SkipLog,
): Map<number, CsvRow> {
  const steps = new Map<number, CsvRow>()
  const conflicting = new Set<number>()
  rows.forEach((row, at) => {
    const slot = slots[at] ?? -1
    if (slot < 0 || isUnordered[at] === 1 || row.energies.length === 0) return
    const known = steps.get(slot)
    if (known === undefined) steps.set(slot, row)
    else if (isSame(known, row)) log.add(file, 'repeated', row.line)
    else conflicting.add(slot)
  })
  for (const slot of conflicting) {
    log.add(file, 'conflicting', steps.get(slot)?.line ?? 0)
    steps.delete(slot)
  }
  return steps
}

function isSame(a: CsvRow, b: CsvRow): boolean {
  return a.energies.every(({ coefficient, exponent }, column) => {
    const other = b.energies[column]
    return coefficient === other?.coefficient && exponent === other.exponent
  })
}
