import { execFileSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** What is written down of a running anvil, so that a later start can find it. */
export type AnvilRecord = { pid: number; port: number; chainId: number }

const isWhole = (value: unknown) => Number.isSafeInteger(value) && Number(value) > 0

/** The file beside the state that names the running anvil. */
export function recordPathOf(statePath: string): string {
  return join(dirname(statePath), 'anvil.pid.json')
}

/** The record beside a state file, or undefined where there is none that makes sense. */
export function readRecord(statePath: string): AnvilRecord | undefined {
  try {
    const record = JSON.parse(readFileSync(recordPathOf(statePath), 'utf8')) as AnvilRecord
    const { pid, port, chainId } = record
    return [pid, port, chainId].every(isWhole) ? { pid, port, chainId } : undefined
  } catch {
    return undefined
  }
}

/** Writes down the anvil that runs on a state file. */
export function writeRecord(statePath: string, record: AnvilRecord): void {
  writeFileSync(recordPathOf(statePath), `${JSON.stringify(record)}\n`)
}

/** Forgets the anvil that ran on a state file; no error where there is no record. */
export function removeRecord(statePath: string): void {
  rmSync(recordPathOf(statePath), { force: true })
}

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
 * True where the process is provably an anvil that works on this state file: process ids are used
 * again, and no other program may ever be ended.
 */
export function isOurAnvil(pid: number, statePath: string): boolean {
  const commandLine = commandLineOf(pid)
  return commandLine !== undefined && /anvil/.test(commandLine) && commandLine.includes(statePath)
}
