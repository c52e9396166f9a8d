import { styleText } from 'node:util'
import type { TextStream } from './cli.ts'

/** Ways to set text off; each leaves it as it is where colours are not wanted. */
export type Palette = Record<'bold' | 'dim' | 'green' | 'red' | 'yellow', (text: string) => string>

/** Colours for a stream: only on a terminal, and never where NO_COLOR is set. */
export function createPalette(
  stream: TextStream,
  env: Readonly<Record<string, string | undefined>>,
): Palette {
  // https://no-color.org: any text but the empty one.
  const isColoured = stream.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb'
  const paint = (format: keyof Palette) => (text: string) =>
    isColoured ? styleText(format, text, { validateStream: false }) : text
  return {
    bold: paint('bold'),
    dim: paint('dim'),
    green: paint('green'),
    red: paint('red'),
    yellow: paint('yellow'),
  }
}
