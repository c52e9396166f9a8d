import { type DestinationStream, destination, type Logger, pino } from 'pino'

const secretNames = ['privateKey', 'password', 'passphrase', 'secret', 'mnemonic', 'authorization']

/** Where secrets would stand in a log line, if somebody logged one by mistake. */
const redactedPaths = secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`])

/**
 * A structured log, one JSON object a line, without secrets.
 *
 * Written to standard error unless `stream` is given, since standard output is for results.
 */
export function createLog(
  options: { level?: string; name?: string; stream?: DestinationStream } = {},
): Logger {
  const { level = 'info', name = 'spb', stream = destination(2) } = options
  return pino({ level, name, redact: { paths: redactedPaths, censor: '[secret]' } }, stream)
}
