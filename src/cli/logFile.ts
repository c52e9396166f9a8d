import { type DestinationStream, destination } from 'pino'
import { createLog } from '../api/apiLog.ts'
import type { Log } from '../ports/log.ts'

/** A log in a file, one JSON object a line. */
export type LogFile = { log: Log; logger: ReturnType<typeof createLog>; close(): void }

/** Says again what goes on and on, but not with every look at the chain. */
const silenceMs = 60_000

function codeOf(meta: object): string {
  return 'code' in meta ? String(meta.code) : ''
}

/**
 * A log in a file; warnings and errors are also said, each once a minute; a talkative one says
 * everything.
 */
export function openLogFile(
  path: string,
  nowMs: () => number,
  say: (line: string) => void,
  { isTalkative = false } = {},
): LogFile {
  const stream = destination({ dest: path, mode: 0o600, sync: true })
  const logger = createLog({ stream: stream satisfies DestinationStream })
  const saidMs = new Map<string, number>()
  const isNews = (meta: object, message: string): boolean => {
    const key = `${codeOf(meta)} ${message}`
    const lastMs = saidMs.get(key)
    if (lastMs !== undefined && nowMs() - lastMs < silenceMs) return false
    saidMs.set(key, nowMs())
    return true
  }
  const tell = (level: 'warn' | 'error', meta: object, message: string): void => {
    if (!isNews(meta, message)) return
    logger[level](meta, message)
    say(message)
  }
  return {
    logger,
    log: {
      info(meta, message) {
        logger.info(meta, message)
        if (isTalkative) say(message)
      },
      warn: (meta, message) => tell('warn', meta, message),
      error: (meta, message) => tell('error', meta, message),
    },
    close: () => stream.end(),
  }
}
