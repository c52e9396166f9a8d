import { stripVTControlCharacters } from 'node:util'
import type { TextStream } from '../cli.ts'

/** A part of a terminal that shows the newest text in place of the last one. */
export type LiveScreen = { show(text: string): void }

const fallbackColumns = 80

/** How many rows of a terminal a text takes, long lines included. */
function countRows(text: string, columns: number): number {
  return text
    .split('\n')
    .map((line) => Math.max(1, Math.ceil([...stripVTControlCharacters(line)].length / columns)))
    .reduce((sum, rows) => sum + rows, 0)
}

/** Makes a live screen at the place where a terminal's cursor is. */
export function createLiveScreen(stream: TextStream): LiveScreen {
  let rows = 0
  return {
    show(text) {
      // Up to where the last text began, and everything from there on cleared.
      const back = rows === 0 ? '' : `\u001b[${rows}A\u001b[J`
      stream.write(`${back}${text}\n`)
      rows = countRows(text, stream.columns ?? fallbackColumns)
    },
  }
}
