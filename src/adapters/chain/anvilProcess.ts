import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { SpbError } from '../../protocol/spbError.ts'
import { isAnvilOf } from './anvilRpc.ts'

/** How a process ended. */
export type AnvilEnd = {
  exitCode: number | null
  signal: string | null
  /** False where it ended without having been asked to. */
  isExpected: boolean
  /** The last that it printed, where it was kept. */
  output: string
}

/** A running anvil as a process: to wait for, and to end. */
export type AnvilProcess = {
  pid: number
  ended: Promise<AnvilEnd>
  /** Asks it to end, which writes its state; kills it when it takes too long. */
  stop(): Promise<void>
}

const longestOutput = 10_000
const longestStopMs = 30_000
const longestStartMs = 20_000
const pollMs = 20

/** True once the promise is done, false where it takes longer than the bound. */
export async function isDoneWithin(work: Promise<unknown>, boundMs: number): Promise<boolean> {
  const abort = new AbortController()
  const bound = delay(boundMs, false, { signal: abort.signal }).catch(() => false)
  const isDone = await Promise.race([work.then(() => true), bound])
  abort.abort()
  return isDone
}

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
export function spawnAnvil(
  binary: string,
  words: readonly string[],
  logPath?: string,
): AnvilProcess {
  const { child, output } = spawnWithOutput(binary, words, logPath)
  let isExpected = false
  const ended = new Promise<AnvilEnd>((resolve) => {
    child.once('error', ({ message }) => {
      resolve({ exitCode: null, signal: null, isExpected, output: message })
    })
    child.once('close', (exitCode, signal) => {
      resolve({ exitCode, signal, isExpected, output: output() })
    })
  })
  const killWithUs = () => child.kill('SIGTERM')
  process.once('exit', killWithUs)
  ended.then(() => process.off('exit', killWithUs))

  async function stop(): Promise<void> {
    isExpected = true
    child.kill('SIGTERM')
    if (await isDoneWithin(ended, longestStopMs)) return
    child.kill('SIGKILL')
    await ended
  }
  return { pid: child.pid ?? 0, ended, stop }
}

/** Waits until anvil answers. Rejects with what it printed where it ends or stays silent. */
export async function waitUntilReady(
  anvil: AnvilProcess,
  port: number,
  chainId: number,
): Promise<void> {
  let end: AnvilEnd | undefined
  anvil.ended.then((found) => {
    end = found
  })
  const deadline = Date.now() + longestStartMs
  while (Date.now() < deadline && end === undefined) {
    if (await isAnvilOf(port, chainId)) return
    await delay(pollMs)
  }
  if (end === undefined) await anvil.stop()
  const { output, exitCode } = end ?? { output: 'It did not answer in time.', exitCode: null }
  if (/address already in use/i.test(output)) {
    throw new SpbError('node/port-in-use', `Port ${port} is in use.`, { meta: { port } })
  }
  throw new SpbError('chain/died', `The embedded chain did not start: ${output.trim()}`, {
    meta: { exitCode },
  })
}
