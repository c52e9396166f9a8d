import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { startProcesses } from './committeeProcesses.ts'
import type { Figures } from './report.ts'

const liveCtps = 1_000_000

/** Fills a database by the ledger’s own rules, in a process that is ended then. */
async function fill(path: string, progress: (message: string) => void): Promise<void> {
  const filler = new URL('./fillLedger.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [filler, path, String(liveCtps)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(child, 'exit')
  let last = ''
  for await (const chunk of child.stdout!) {
    last = String(chunk).trim().split('\n').at(-1)!
    if (last === 'filled') child.kill('SIGKILL')
    else if (Number(last) % 250_000 === 0) progress(`filling a database: ${last} CTPs`)
  }
  await exit
  if (last !== 'filled') throw new Error('The database was not filled.')
}

/** What a node's process takes that holds a million live CTPs, with its root worked out. */
export async function measureMemory(progress: (message: string) => void): Promise<Figures> {
  const processes = startProcesses(1)
  try {
    const database = join(processes.folder, 'ledger.db')
    await fill(database, progress)
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
