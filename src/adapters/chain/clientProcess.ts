import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

/** How a process ended. */
export type ClientEnd = {
  exitCode: number | null
  signal: string | null
  /** False where it ended without having been asked to. */
  isExpected: boolean
  /** The last that it printed, where it was kept. */
  output: string
}

/** A running Ethereum client as a process: to wait for, and to end. */
export type ClientProcess = {
  pid: number
  ended: Promise<ClientEnd>
  /** Asks it to end, which writes its state; kills it when it takes too long. */
  stop(): Promise<void>
  /** Ends it as a crash would: `kill -9`. */
  kill(): Promise<void>
}

const longestOutput = 10_000
const longestStopMs = 30_000

/** True once the promise is done, false where it takes longer than the bound. */
export async function isDoneWithin(work: Promise<unknown>, boundMs: number): Promise<boolean> {
  const abort = new AbortController()
  const bound = delay(boundMs, false, { signal: abort.signal }).catch(() => false)
  const isDone = await Promise.race([work.then(() => true), bound])
  abort.abort()
  return isDone
}

/** Children that end with us. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGTERM')
})

/** Collects the last of what a child prints; must be read in any case, or the child blocks. */
function collectOutput(child: ChildProcess): () => string {
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output = (output + text).slice(-longestOutput)
    })
  }
  return () => output
}

function spawnWithOutput(binary: string, words: readonly string[], logPath?: string) {
  if (logPath === undefined) {
    const child = spawn(binary, words, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
    return { child, output: collectOutput(child) }
  }
  const log = openSync(logPath, 'w')
  const child = spawn(binary, words, { detached: true, stdio: ['ignore', log, log] })
  closeSync(log)
  return { child, output: () => readFileSync(logPath, 'utf8').slice(-longestOutput) }
}

/**
 * Starts a program in a process group of its own, so that Ctrl-C in a terminal reaches us alone.
 *
 * It prints to `logPath` where given: a pipe would break when we die and it lives on.
 */
export function spawnClient(
  binary: string,
  words: readonly string[],
  logPath?: string,
): ClientProcess {
  const { child, output } = spawnWithOutput(binary, words, logPath)
  let isExpected = false
  const ended = new Promise<ClientEnd>((resolve) => {
    child.once('error', ({ message }) => {
      resolve({ exitCode: null, signal: null, isExpected, output: message })
    })
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode, signal, isExpected, output: output() })
    })
  })
  running.add(child)
  ended.then(() => running.delete(child))

  async function stop(): Promise<void> {
    isExpected = true
    child.kill('SIGTERM')
    if (await isDoneWithin(ended, longestStopMs)) return
    child.kill('SIGKILL')
    await ended
  }
  async function kill(): Promise<void> {
    isExpected = true
    child.kill('SIGKILL')
    await ended
  }
  return { pid: child.pid ?? 0, ended, stop, kill }
}
