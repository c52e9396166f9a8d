import { SpbError } from '../../protocol/spbError.ts'
import { type CsvTable, readCsvTable } from './csvTable.ts'
import { createReadingParser } from './readingParser.ts'
import type { SkipLog } from './skipLog.ts'
import { createTimeParser } from './timeParser.ts'

/** Rows of a CSV file that have a time, as they come; a value is NaN where the cell has none. */
export type TimedReadings = {
  file: string
  /** Unix seconds. */
  times: number[]
  /** Line of each row in its file. */
  lines: number[]
  /** Values by column, in the file's own unit. */
  values: Map<string, number[]>
}

/** What to read from a CSV file. */
export type TimedColumns = {
  file: string
  time: string
  zone?: string | undefined
  columns: readonly string[]
}

/**
 * Reads times and columns of a CSV file; what is no time or no reading goes into `log`.
 *
 * Throws `profile/no-column`, `profile/time` (a time without zone and none declared),
 * `profile/no-rows` and `input/too-large`.
 */
export function readTimedReadings(text: string, wanted: TimedColumns, log: SkipLog): TimedReadings {
  const { file } = wanted
  const table = readCsvTable(text, file, log)
  const timeIndex = findColumn(table, file, wanted.time)
  const parseTime = createTimeParser(wanted.zone)
  const columns = wanted.columns.map((column) => ({
    column,
    index: findColumn(table, file, column),
    parse: createReadingParser(table.delimiter),
    values: [] as number[],
  }))
  const times: number[] = []
  const lines: number[] = []
  table.forEachRow((cells, line) => {
    const seconds = parseTime(cells[timeIndex] ?? '')
    if (seconds === 'no-zone') {
      throw new SpbError('profile/time', `${file}, line ${line}: the time has no zone.`, {
        meta: { file, line },
      })
    }
    if (typeof seconds === 'string') return log.add(file, seconds, line)
    times.push(seconds)
    lines.push(line)
    for (const { column, index, parse, values } of columns) {
      const value = parse(cells[index] ?? '')
      if (typeof value === 'string') log.add(file, value, line, { column })
      values.push(typeof value === 'string' ? Number.NaN : value)
    }
  })
  return { file, times, lines, values: new Map(columns.map((c) => [c.column, c.values])) }
}

function findColumn(table: CsvTable, file: string, name: string): number {
  const index = table.header.indexOf(name)
  if (index >= 0 && table.header.lastIndexOf(name) === index) return index
  const found = table.header.slice(0, 20).join(', ').slice(0, 200)
  const message =
    index < 0
      ? `${file} has no column "${name}"; it has: ${found}.`
      : `${file} has two columns "${name}".`
  throw new SpbError('profile/no-column', message, { meta: { file, column: name } })
}
