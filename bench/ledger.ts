import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { openLedgerState } from '../src/ledger/ledgerState.ts'
import { SparseTree } from '../src/ledger/sparseTree.ts'
import { composeNode } from '../src/node/compose.ts'
import type { CtpSubmission } from '../src/protocol/ctpSubmission.ts'
import { keccak256 } from '../src/protocol/keccak.ts'

import type { Bench, Figures } from './report.ts'
import { benchFacts, benchOptions, createRichChain, makeSubmissions, memberKey } from './world.ts'

/** Submissions of the admission run, each of its own account, with its own CoE. */
const admissions = 20_000
/** Submissions that wait for their answers at a time, as many households together would. */
const inFlight = 2_000
const liveCtps = 1_000_000
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const marketId = `${benchFacts.chainId}:${benchFacts.address}`

async function withFolder<Result>(work: (folder: string) => Promise<Result>): Promise<Result> {
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  try {
    return await work(folder)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Admits submissions at a node with a database on disk; a second, answers on disk included. */
async function measureAdmission(submissions: readonly CtpSubmission[]): Promise<number> {
  return withFolder(async (folder) => {
    const store = openSqliteStore({ path: join(folder, 'ledger.db'), marketId })
    const chain = createRichChain(submissions.length)
    const node = await composeNode(
      { facts: benchFacts, memberKey, ...benchOptions },
      { store, chain, log: quiet, clock: { nowMs: () => chain.timeSeconds * 1000 } },
    )
    const queue = submissions.values()
    const send = async () => {
      for (const submission of queue) await node.service.submitCtp(submission)
    }
    const startMs = performance.now()
    await Promise.all(Array.from({ length: inFlight }, send))
    const tookMs = performance.now() - startMs
    await node.close()
    return (submissions.length * 1000) / tookMs
  })
}

/** Mean time of one update with its new root, in a tree of so many leaves. */
function measureRootUpdate(leaves: number): number {
  const keyOf = (index: number) => keccak256(new TextEncoder().encode(`leaf ${index}`))
  const entries = Array.from({ length: leaves }, (_, index) => {
    const key = keyOf(index)
    return [key, key] as const
  }).sort(([a], [b]) => Buffer.compare(a, b))
  const tree = SparseTree.from(entries)
  tree.root()
  const updates = 20_000
  const changed = Array.from({ length: updates }, (_, index) => keyOf((index * 7919) % leaves))
  const digests = changed.map((key, index) => keccak256(key, Uint8Array.of(index & 255)))
  const update = (index: number) => {
    tree.set(changed[index]!, digests[index]!)
    tree.root()
  }
  for (let index = 0; index < updates / 4; index++) update(index)
  const startMs = performance.now()
  for (let index = updates / 4; index < updates; index++) update(index)
  return ((performance.now() - startMs) * 1000) / (updates * 0.75)
}

/** Opens a database of a million live CTPs that a killed process left behind. */
async function measureRecovery(progress: (message: string) => void): Promise<Figures> {
  return withFolder(async (folder) => {
    const path = join(folder, 'ledger.db')
    const filler = new URL('./fillLedger.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [filler, path, String(liveCtps)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const exit = once(child, 'exit')
    let last = ''
    for await (const chunk of child.stdout!) {
      last = String(chunk).trim().split('\n').at(-1)!
      if (last !== 'filled') progress(`filling a database: ${last} CTPs`)
      if (last === 'filled') child.kill('SIGKILL')
    }
    await exit
    if (last !== 'filled') throw new Error('The database was not filled.')
    const startMs = performance.now()
    const store = openSqliteStore({ path, marketId })
    const state = openLedgerState(store, benchFacts, {
      liveCtpsPerAccount: 64,
      liveCtps: 2_000_000,
      isFirstStart: true,
    })
    state.tree.root()
    const recoverySeconds = (performance.now() - startMs) / 1000
    const recoveredCtps = state.live.size
    store.close()
    if (recoveredCtps !== liveCtps) throw new Error(`Only ${recoveredCtps} CTPs came back.`)
    return { recoverySeconds, recoveredCtps }
  })
}

/** Admission, root updates and recovery of the CTP database. */
export const ledgerBench: Bench = {
  about:
    'CTPs admitted durably by one node (distinct accounts, a CoE each, all signatures checked); ' +
    'one root update at two sizes; start after kill -9 with a million live CTPs',
  goals: {
    admittedPerSecond: { least: 5_000 },
    rootUpdateRatio: { most: 2.5 },
    recoverySeconds: { most: 20 },
  },
  async run(progress) {
    progress(`signing ${admissions} CTPs`)
    const submissions = makeSubmissions(admissions)
    progress('admitting them')
    // The first run warms compiler and workers up.
    await measureAdmission(submissions.slice(0, 4_000))
    const runs: number[] = []
    for (let run = 0; run < 3; run++) runs.push(await measureAdmission(submissions))
    runs.sort((a, b) => a - b)
    progress('updating roots')
    const rootUpdateMicrosAt1000 = measureRootUpdate(1_000)
    const rootUpdateMicrosAt1000000 = measureRootUpdate(1_000_000)
    const recovery = await measureRecovery(progress)
    return {
      admittedPerSecond: runs[1]!,
      admittedPerSecondLeast: runs[0]!,
      admittedPerSecondMost: runs[2]!,
      rootUpdateMicrosAt1000,
      rootUpdateMicrosAt1000000,
      rootUpdateRatio: rootUpdateMicrosAt1000000 / rootUpdateMicrosAt1000,
      ...recovery,
    }
  },
}
