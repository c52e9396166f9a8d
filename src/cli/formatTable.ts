import Table from 'cli-table3'
import type { Palette } from './palette.ts'

/** A column's head, and on which side its cells stand. */
export type Column = { head: string; align?: 'left' | 'right' }

const nothing = ''
const noLines = {
  ...{ top: nothing, 'top-mid': nothing, 'top-left': nothing, 'top-right': nothing },
  ...{ bottom: nothing, 'bottom-mid': nothing, 'bottom-left': nothing, 'bottom-right': nothing },
  ...{ left: nothing, 'left-mid': nothing, mid: nothing, 'mid-mid': nothing },
  ...{ right: nothing, 'right-mid': nothing, middle: '  ' },
}

/** Rows under heads, without lines, so that they can be selected and copied. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  palette: Palette,
): string {
  const table = new Table({
    head: columns.map(({ head }) => palette.dim(head)),
    colAligns: columns.map(({ align }) => align ?? 'left'),
    chars: noLines,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) table.push([...row])
  return trimLines(table.toString())
}

/** Names and what they are, one below the other. */
export function formatFacts(
  facts: readonly (readonly [string, string])[],
  palette: Palette,
): string {
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, text]) => `${palette.dim(name.padEnd(width))}  ${text}`).join('\n')
}

function trimLines(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n')
}
