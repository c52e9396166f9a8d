import type { ReadStream, WriteStream } from 'node:tty'

/** A stream that may be a terminal. */
export type TextStream = NodeJS.WritableStream & Partial<Pick<WriteStream, 'isTTY' | 'columns'>>

/** What the command line sees of its surroundings: the real ones, or those of a test. */
export type Cli = {
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  stdin: NodeJS.ReadableStream & Partial<Pick<ReadStream, 'isTTY' | 'setRawMode'>>
  stdout: TextStream
  stderr: TextStream
  /** Unix time in milliseconds. */
  nowMs(): number
}

/** The process's own surroundings. */
export function processCli(): Cli {
  const { env, stdin, stdout, stderr } = process
  return { env, cwd: process.cwd(), stdin, stdout, stderr, nowMs: Date.now }
}
