import { parse } from 'csv-parse/sync'
import { assert, SpbError } from '../../protocol/spbError.ts'
import { profileLimits } from './profileLimits.ts'
import type { SkipLog } from './skipLog.ts'

/** A CSV file's header and a walk through its rows; cells are trimmed. */
export type CsvTable = {
  header: string[]
  delimiter: string
  /** Calls `visit` for each row that has as many cells as the header; `line` counts from 1. */
  forEachRow(visit: (cells: string[], line: number) => void): void
}

const delimiters = [',', ';', '\t'] as const

/**
 * Splits a CSV file (RFC 4180, with `,`, `;` or tab) into rows, without ever losing a row to its
 * neighbour: a row is one line, so a quote left open spoils that line alone.
 *
 * Byte order mark, CRLF and quoted cells are understood. What is not used goes into `log`. Throws
 * `profile/no-rows` for a file without header and `input/too-large` for one with too many lines.
 */
export function readCsvTable(text: string, file: string, log: SkipLog): CsvTable {
  const { texts, lines } = splitLines(text, file, log)
  const headerText = texts[0]
  if (headerText === undefined) {
    throw new SpbError('profile/no-rows', `${file} is empty.`, { meta: { file } })
  }
  const delimiter = findDelimiter(headerText)
  if (headerText.includes('"') && !wellQuoted(delimiter).test(headerText)) {
    throw new SpbError('profile/no-column', `${file}: the quotes of its first line do not match.`, {
      meta: { file },
    })
  }
  const [header = []] = parseLines(headerText, delimiter)
  return {
    header,
    delimiter,
    forEachRow(visit) {
      const rowTexts: string[] = []
      const rowLines: number[] = []
      const isWellQuoted = wellQuoted(delimiter)
      for (let i = 1; i < texts.length; i++) {
        const [rowText = '', line = 0] = [texts[i], lines[i]]
        if (rowText.includes('"') && !isWellQuoted.test(rowText)) log.add(file, 'bad-quotes', line)
        else {
          rowTexts.push(rowText)
          rowLines.push(line)
        }
      }
      let next = 0
      parseLines(rowTexts.join('\n'), delimiter, (cells) => {
        const line = rowLines[next++] ?? 0
        if (hasCells(cells, header.length)) visit(cells.slice(0, header.length), line)
        else log.add(file, 'wrong-cells', line)
      })
      assert(next === rowLines.length, 'each line is one row')
    },
  }
}

function splitLines(text: string, file: string, log: SkipLog) {
  const texts: string[] = []
  const lines: number[] = []
  const lineEnd = /\r\n|\n|\r/g
  let line = 0
  for (let from = text.startsWith('\ufeff') ? 1 : 0; from < text.length; from = lineEnd.lastIndex) {
    line++
    if (line > profileLimits.rowsPerFile) {
      throw new SpbError(
        'input/too-large',
        `${file} has more than ${profileLimits.rowsPerFile} lines.`,
        { meta: { file } },
      )
    }
    lineEnd.lastIndex = from
    const end = lineEnd.exec(text)?.index ?? text.length
    if (end - from > profileLimits.lineLength) log.add(file, 'line-too-long', line)
    else if (text.slice(from, end).trim() === '') log.add(file, 'empty-line', line)
    else {
      texts.push(text.slice(from, end))
      lines.push(line)
    }
    if (end === text.length) break
  }
  return { texts, lines }
}

/** The separator that is most frequent outside quotes; the comma where none is. */
function findDelimiter(header: string): string {
  const unquoted = header.replaceAll(/"[^"]*"/g, '')
  const countOf = (mark: string) => unquoted.split(mark).length
  return delimiters.reduce((best, mark) => (countOf(mark) > countOf(best) ? mark : best))
}

/** Each cell either wholly in quotes, or without any. */
function wellQuoted(delimiter: string): RegExp {
  const cell = `(?:[ ]*"(?:[^"]|"")*"[ ]*|[^"${delimiter}]*)`
  return new RegExp(`^${cell}(?:${delimiter}${cell})*$`)
}

function parseLines(
  text: string,
  delimiter: string,
  visit?: (cells: string[]) => void,
): string[][] {
  if (text === '') return []
  return parse(text, {
    delimiter,
    trim: true,
    relax_column_count: true,
    record_delimiter: '\n',
    on_record: (cells: string[]) => {
      if (!visit) return cells
      visit(cells)
      return null
    },
  })
}

/** A separator at a line's end is harmless; any other extra cell may be half of a number. */
function hasCells(cells: readonly string[], count: number): boolean {
  return cells.length >= count && cells.slice(count).every((cell) => cell === '')
}
