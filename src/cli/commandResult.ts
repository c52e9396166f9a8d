import type { Cli } from './cli.ts'
import { createPalette, type Palette } from './palette.ts'

/** What a command has to say: one JSON document, and the same as text for a person. */
export type CommandResult = {
  json: unknown
  text(palette: Palette): string
  /** Where what it says is not what was hoped for; 0 unless given. */
  exitCode?: number
}

/** The command has told in its own document what is wrong: only its exit code is left to say. */
export class ToldFailure extends Error {
  override readonly name = 'ToldFailure'
  readonly exitCode: number

  constructor(exitCode: number) {
    super('What is wrong was told already.')
    this.exitCode = exitCode
  }
}

/** A JSON document of values that may hold bigints, which become decimal strings. */
export function encodeJson(value: unknown, indent = 2): string {
  const encode = (_: string, item: unknown) => (typeof item === 'bigint' ? item.toString() : item)
  return `${JSON.stringify(value, encode, indent)}\n`
}

/** Writes a result to standard output. */
export function writeResult(cli: Cli, result: CommandResult, isJson: boolean): void {
  const palette = createPalette(cli.stdout, cli.env)
  cli.stdout.write(isJson ? encodeJson(result.json) : `${result.text(palette)}\n`)
}
