import { SpbError } from '../../protocol/spbError.ts'
import { sourceLimits } from './sourceLimits.ts'

/** A source as typed, `KIND:PLACE?name=value&…`, taken apart. */
export type SourceSpec = {
  kind: string
  /** What stands between the kind's colon and `?`, as typed. It may hold a password. */
  place: string
  /** Options by name, percent-decoded. */
  options: ReadonlyMap<string, string>
}

/** A source that is not described as it must be. */
export const refuseSpec = (message: string, hint?: string): SpbError =>
  new SpbError('source/option', message, hint === undefined ? {} : { hint })

/**
 * Takes a source apart. No message repeats what was typed but names of kinds and options: a
 * password may be anywhere in it. Throws `source/option`, `source/unknown-kind`.
 */
export function parseSourceSpec(text: string): SourceSpec {
  if (text.length > sourceLimits.specLength) {
    throw refuseSpec(`A source has at most ${sourceLimits.specLength} characters.`)
  }
  const [, kind, place = '', query] = /^([a-z][a-z0-9]{0,15}):([^?]*)(?:\?(.*))?$/s.exec(text) ?? []
  if (kind === undefined) throw new SpbError('source/unknown-kind')
  const options = new Map<string, string>()
  for (const part of (query ?? '').split('&').filter((each) => each !== '')) {
    const [, name, value] = /^([a-z]{1,16})=(.*)$/s.exec(part) ?? []
    if (name === undefined || value === undefined) {
      throw refuseSpec('An option of the source is not of the form name=value.')
    }
    if (options.has(name)) throw refuseSpec(`The option ${name} is given twice.`)
    options.set(name, decodePart(value))
  }
  return { kind, place, options }
}

/** Turns %41 into A. Throws `source/option`. */
export function decodePart(text: string): string {
  let decoded: string
  try {
    decoded = decodeURIComponent(text)
  } catch {
    throw refuseSpec('A % in the source is not followed by two digits.', 'Write %25 for a %.')
  }
  if (/\p{Cc}/u.test(decoded)) throw refuseSpec('The source has a control character.')
  return decoded
}

/** A source's options as an object. Throws `source/option` for one that its kind does not have. */
export function readOptions<Name extends string>(
  { kind, options }: SourceSpec,
  known: readonly Name[],
): Partial<Record<Name, string>> {
  for (const name of options.keys()) {
    if (!(known as readonly string[]).includes(name)) {
      const list = known.length === 0 ? 'none' : known.join(', ')
      throw refuseSpec(`${kind} has no option ${name}.`, `It has these options: ${list}.`)
    }
  }
  return Object.fromEntries(options) as Partial<Record<Name, string>>
}

/** An option that must be there. Throws `source/option`. */
export function requireOption(value: string | undefined, name: string, example: string): string {
  if (value !== undefined && value !== '') return value
  throw refuseSpec(`The option ${name} is missing.`, `Add it, such as ${name}=${example}.`)
}

/** An option that is one of some words. Throws `source/option`. */
export function readChoice<Choice extends string>(
  value: string,
  name: string,
  choices: readonly Choice[],
): Choice {
  const choice = choices.find((each) => each === value)
  if (choice !== undefined) return choice
  throw refuseSpec(`The option ${name} is not understood.`, `Write ${choices.join(', ')}.`)
}

/** An option that is a whole number. Throws `source/option`. */
export function readWholeNumber(value: string, name: string, low: number, high: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= low && number <= high) return number
  throw refuseSpec(`The option ${name} is not a whole number from ${low} to ${high}.`)
}

/** Where something listens. */
export type HostAndPort = { host: string; port: number }

/** Reads `HOST:PORT`; IPv6 in brackets. Throws `source/option`. */
export function parseHostAndPort(text: string, defaultPort: number | undefined): HostAndPort {
  const match = /^(?:\[([0-9a-f:.]{2,64})\]|([a-z0-9._-]{1,253}))(?::(\d{1,5}))?$/i.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = match?.[3] === undefined ? defaultPort : Number(match[3])
  if (host === undefined || port === undefined || port < 1 || port > 65_535) {
    throw refuseSpec(
      'The source does not say where to connect to.',
      'Write HOST:PORT, in a user and password %40 for @, %2F for / and %3F for ?.',
    )
  }
  return { host, port }
}

/** `HOST:PORT` for people; IPv6 in brackets. */
export function formatHostAndPort({ host, port }: HostAndPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
