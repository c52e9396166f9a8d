import { execFile } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CommitteeProcesses, startProcesses } from './committeeProcesses.ts'
import type { Figures } from './report.ts'

const missingCtps = 100_000
/** Of a committee of four, one is away: the first, which knows nothing. */
const members = 4
const running = 3

/** Starts the first member with an empty database, the others with the filled one. */
async function startMembers(processes: CommitteeProcesses, filled: string): Promise<string[]> {
  const { folder, askAll } = processes
  const answers = await askAll((member) => {
    const database = join(folder, `member-${member}.db`)
    if (member > 0) copyFileSync(filled, database)
    return { kind: 'start', member, members, database, chain: { kind: 'rich', accounts: 0 } }
  })
  return answers.flatMap(({ addresses }) => addresses ?? [])
}

/** A member that knows nothing, beside two that know 100,000 CTPs: until it knows all of them. */
export async function measureCatchUp(progress: (message: string) => void): Promise<Figures> {
  const processes = startProcesses(running)
  try {
    progress(`certifying ${missingCtps} CTPs for a node that is away`)
    const filled = join(processes.folder, 'filled.db')
    const filler = new URL('./fillCertified.ts', import.meta.url).pathname
    await promisify(execFile)(process.execPath, [filler, filled, String(missingCtps)])
    const addresses = await startMembers(processes, filled)
    await processes.ask(2, { kind: 'connect', addresses: addresses.slice(1, 2) })
    progress('catching up')
    const startMs = performance.now()
    await processes.ask(0, { kind: 'connect', addresses: addresses.slice(1) })
    const answers = await processes.until(({ isCaughtUp }) => isCaughtUp === true)
    const catchUpSeconds = (performance.now() - startMs) / 1000
    for (const { liveCtps } of answers) {
      if (liveCtps !== missingCtps) throw new Error(`Only ${liveCtps} CTPs are known.`)
    }
    return { catchUpSeconds }
  } finally {
    await processes.end()
  }
}
