import type { Cli } from './cli.ts'
import { createPalette, type Palette } from './palette.ts'

/** What a command has to say: one JSON document, and the same as text for a person. */
export type CommandResult = { json: unknown; text(palette: Palette): string }

/** A JSON document of values that may hold bigints, which become decimal strings. */
export function encodeJson(value: unknown): string {
  const encode = (_: string, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)
  return `${JSON.stringify(value, encode, 2)}\n`
}

/** Writes a result to standard output. */
export function writeResult(cli: Cli, result: CommandResult, isJson: boolean): void {
  const palette = createPalette(cli.stdout, cli.env)
  cli.stdout.write(isJson ? encodeJson(result.json) : `${result.text(palette)}\n`)
}
