import { join } from 'node:path'
import type { DataFolder } from '../dataFolder.ts'
import { type LogFile, openLogFile } from '../logFile.ts'

/** Where a folder's node writes its log: one JSON object a line. */
export function nodeLogPath({ node }: DataFolder): string {
  return join(node, 'log.jsonl')
}

/** The node's log in its file; warnings and errors are also said, each once a minute. */
export function openNodeLog(
  folder: DataFolder,
  nowMs: () => number,
  say: (line: string) => void,
): LogFile {
  return openLogFile(nodeLogPath(folder), nowMs, say)
}
