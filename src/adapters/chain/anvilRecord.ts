import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { isOwnProcess } from './ownProcess.ts'

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

/** True where the process is provably an anvil that works on this state file. */
export function isOurAnvil(pid: number, statePath: string): boolean {
  return isOwnProcess(pid, /anvil/, statePath)
}
