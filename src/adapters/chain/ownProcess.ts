import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'

const pollMs = 100
const longestStopMs = 30_000

/** True while a process of this id runs. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // A process of another user is alive, and not ours to signal.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function commandLineOf(pid: number): string | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    if (process.platform === 'win32') return undefined
    return execFileSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch {
    return undefined
  }
}

/**
 * True where the process is provably one of that program which works on that path: process ids are
 * used again, and no other program may ever be ended.
 */
export function isOwnProcess(pid: number, program: RegExp, path: string): boolean {
  const commandLine = commandLineOf(pid)
  return commandLine !== undefined && program.test(commandLine) && commandLine.includes(path)
}

/** Waits until a process that is not our child is gone; false where it takes too long. */
async function waitUntilGone(pid: number, boundMs: number): Promise<boolean> {
  const deadline = Date.now() + boundMs
  while (isAlive(pid)) {
    if (Date.now() > deadline) return false
    await delay(pollMs)
  }
  return true
}

/** Ends a process that an earlier program of ours left behind, if it is provably that. */
export async function endOwnProcess(pid: number, program: RegExp, path: string): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!isOwnProcess(pid, program, path)) return
    process.kill(pid, signal)
    if (await waitUntilGone(pid, longestStopMs)) return
  }
}
