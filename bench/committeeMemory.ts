import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startProcesses } from './committeeProcesses.ts'
import type { Figures } from './report.ts'

const liveCtps = 1_000_000

/** What a node's process takes that holds a million live CTPs, with its root worked out. */
export async function measureMemory(progress: (message: string) => void): Promise<Figures> {
  const processes = startProcesses(1)
  try {
    const database = join(processes.folder, 'ledger.db')
    progress(`filling a database with ${liveCtps} CTPs`)
    const filler = new URL('./fillLive.ts', import.meta.url).pathname
    await promisify(execFile)(process.execPath, [filler, database, String(liveCtps)])
    progress('opening it')
    const chain = { kind: 'rich', accounts: 0 } as const
    await processes.ask(0, { kind: 'start', member: 0, members: 4, database, chain })
    // Twice: the first makes the root, and what that leaves behind still counts.
    await processes.ask(0, { kind: 'status' })
    const status = await processes.ask(0, { kind: 'status' })
    if (status.liveCtps !== liveCtps) throw new Error(`Only ${status.liveCtps} CTPs are live.`)
    return { memoryBytes: status.memoryBytes! }
  } finally {
    await processes.end()
  }
}
