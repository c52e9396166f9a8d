import { CommanderError } from 'commander'
import { errorTable } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Cli } from './cli.ts'
import { encodeJson } from './commandResult.ts'
import { createPalette } from './palette.ts'

/** Turns what the parser of words found wrong into an error with a code. */
function explainUsage({ message }: CommanderError): SpbError {
  const [sentence = '', suggestion] = message.replace(/^error: /, '').split('\n')
  const found = /^\(Did you mean (.*)\?\)$/.exec(suggestion ?? '')
  const capital = sentence.charAt(0).toUpperCase() + sentence.slice(1)
  return new SpbError('input/option', `${capital.replace(/\.?$/, '.')}`, {
    ...(found === null ? {} : { hint: `Did you mean ${found[1]}?` }),
  })
}

/** Any failure as one that has a code; our own bugs keep their stack as cause. */
export function toFailure(error: unknown): SpbError {
  if (error instanceof SpbError) return error
  if (error instanceof CommanderError) return explainUsage(error)
  return new SpbError('node/internal', 'SPB met a bug of its own.', {
    hint: 'Report it, with what is printed below.',
    cause: error,
  })
}

/** The exit code that the table gives to a failure. */
export function exitCodeOf(failure: SpbError): number {
  return errorTable[failure.code].exit
}

/** What happened, what to do, and the code: three lines; a bug of ours also shows its stack. */
function formatFailure(failure: SpbError, cli: Cli): string {
  const palette = createPalette(cli.stderr, cli.env)
  const lines = [
    `${palette.red('error:')} ${failure.message}`,
    `${palette.dim('hint: ')} ${failure.hint}`,
    `${palette.dim('code: ')} ${failure.code}`,
  ]
  if (failure.code === 'node/internal' && failure.cause instanceof Error) {
    lines.push(failure.cause.stack ?? failure.cause.message)
  }
  return `${lines.join('\n')}\n`
}

/** Tells a failure: as a document on standard output, or as three lines on standard error. */
export function writeFailure(cli: Cli, failure: SpbError, isJson: boolean): void {
  if (isJson) cli.stdout.write(encodeJson({ error: failure }))
  else cli.stderr.write(formatFailure(failure, cli))
}
