import { type Command, InvalidArgumentError } from 'commander'
import { viewLimits } from '../protocol/viewCodecs.ts'

/** How many rows a list shows. */
export type LimitOptions = { limit: number }

/** Makes a parser of whole numbers in a range, for options. */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN
    if (value >= least && value <= most) return value
    throw new InvalidArgumentError(`Give a whole number from ${least} to ${most}.`)
  }
}

/** Adds `--limit`; a page holds 1,000 at most. */
export function addLimitOption(command: Command): Command {
  const parse = wholeNumber(1, viewLimits.pageItems)
  return command.option('--limit <number>', 'at most so many', parse, 50)
}
