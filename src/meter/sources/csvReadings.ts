import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import { type CsvTable, readCsvTable } from '../profiles/csvTable.ts'
import type { SkippedRows } from '../profiles/profileSet.ts'
import { createReadingParser } from '../profiles/readingParser.ts'
import { createSkipLog, type SkipLog } from '../profiles/skipLog.ts'
import { createTimeParser } from '../profiles/timeParser.ts'
import type { CsvColumns, CsvRow } from './csvColumns.ts'
import { type Decimal, decimalOfUnit, type EnergyUnit, floorWh, parseDecimal } from './decimalWh.ts'
import { accumulateSteps } from './stepRegister.ts'

/** A file's readings in order of time as far as the file has one, and what of it is not used. */
export type CsvReadings = { readings: MeterReading[]; skipped: SkippedRows[] }

/**
 * Reads a CSV file as a meter's readings, exactly.
 *
 * Throws `profile/no-column`, `profile/time`, `profile/no-rows`, `profile/irregular-step` (of
 * steps), `input/too-large`; `source/value` where steps add up to more than 2^53 - 1 Wh.
 */
export function readCsvReadings(text: string, columns: CsvColumns): CsvReadings {
  const log = createSkipLog()
  const rows = readRows(text, columns, log)
  const readings =
    columns.kind === 'step'
      ? accumulateSteps(rows, columns, log)
      : readRegisters(isNewestFirst(rows) ? rows.reverse() : rows)
  if (readings.length === 0) {
    throw new SpbError('profile/no-rows', `${columns.file} has no usable row.`, {
      meta: { file: columns.file },
    })
  }
  return { readings, skipped: log.list() }
}

function readRows(text: string, columns: CsvColumns, log: SkipLog): CsvRow[] {
  const { file } = columns
  const table = readCsvTable(text, file, log)
  const timeIndex = findColumn(table, file, columns.time)
  const parseTime = createTimeParser(columns.zone)
  const names = [columns.import, ...(columns.export === undefined ? [] : [columns.export])]
  const cellReaders = names.map((column) => {
    const index = findColumn(table, file, column)
    const judge = createReadingParser(table.delimiter)
    return (cells: readonly string[], line: number): Decimal | undefined => {
      const cell = cells[index] ?? ''
      const refusal = judge(cell)
      if (typeof refusal === 'string') log.add(file, refusal, line, { column })
      return typeof refusal === 'string' ? undefined : readCell(cell, columns, log, line, column)
    }
  })
  const rows: CsvRow[] = []
  table.forEachRow((cells, line) => {
    const timeSeconds = parseTime(cells[timeIndex] ?? '')
    if (timeSeconds === 'no-zone') {
      throw new SpbError('profile/time', `${file}, line ${line}: the time has no zone.`, {
        hint: 'Use times with a zone, or declare one: zone=Europe/Berlin.',
        meta: { file, line },
      })
    }
    if (typeof timeSeconds === 'string') return log.add(file, timeSeconds, line)
    const energies = cellReaders.map((read) => read(cells, line))
    const isWhole = energies.every((energy) => energy !== undefined)
    rows.push({ timeSeconds, line, energies: isWhole ? energies : [] })
  })
  return rows
}

/** The cell's own digits: going through a floating-point number could round up to a whole Wh. */
function readCell(
  cell: string,
  { file, unit }: CsvColumns,
  log: SkipLog,
  line: number,
  column: string,
): Decimal | undefined {
  try {
    const decimal = parseDecimal(cell.replace(',', '.'))
    const energyUnit: EnergyUnit = unit === 'W' ? 'Wh' : unit === 'kW' ? 'kWh' : unit
    const energy = decimalOfUnit(decimal, energyUnit)
    floorWh(energy)
    return energy
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    log.add(file, 'too-large', line, { column })
    return undefined
  }
}

function readRegisters(rows: readonly CsvRow[]): MeterReading[] {
  return rows.flatMap(({ timeSeconds, energies: [imported, exported] }) => {
    if (imported === undefined) return []
    const reading: MeterReading = { timeSeconds: seconds(timeSeconds), importWh: floorWh(imported) }
    return exported === undefined ? reading : { ...reading, exportWh: floorWh(exported) }
  })
}

function isNewestFirst(rows: readonly CsvRow[]): boolean {
  let rises = 0
  rows.forEach(({ timeSeconds }, at) => {
    const before = rows[at - 1]
    if (before !== undefined) rises += Math.sign(timeSeconds - before.timeSeconds)
  })
  return rises < 0
}

function findColumn({ header }: CsvTable, file: string, name: string): number {
  const index = header.indexOf(name)
  if (index >= 0 && header.lastIndexOf(name) === index) return index
  const found = header.slice(0, 20).join(', ').slice(0, 200)
  const message =
    index < 0 ? `${file} has no column "${name}"; it has: ${found}.` : `${file} has two "${name}".`
  throw new SpbError('profile/no-column', message, { meta: { file, column: name } })
}
