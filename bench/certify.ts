import { readFileSync } from 'node:fs'
import { type CommitteeProcesses, startCommittee } from './committeeProcesses.ts'
import type { Figures } from './report.ts'

const idleSamples = 400
const loadPerMember = 5_000
const warmUpPerMember = 500
/** CTPs under way at a gateway, as many households together would have. */
const inFlight = 300

/** Bytes that went over loopback since the machine started: all sockets, headers included. */
function readLoopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('lo:'))
  return Number(line?.trim().split(/\s+/)[1] ?? Number.NaN)
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!

async function load(processes: CommitteeProcesses, members: number, perMember: number) {
  const before = await processes.askAll(() => ({ kind: 'status' }))
  const bytesBefore = readLoopbackBytes()
  const startMs = performance.now()
  const answers = await processes.askAll(() => ({ kind: 'submit', count: perMember, inFlight }))
  const tookMs = performance.now() - startMs
  const failures = answers.flatMap((answer) => answer.failures ?? [])
  if (failures.length > 0) throw new Error(`${failures.length} refused: ${failures[0]}`)
  const expected = (before[0]!.certified ?? 0) + members * perMember
  const after = await processes.until(({ certified }) => certified === expected)
  const cpuSeconds = after.reduce((sum, { cpuSeconds = 0 }) => sum + cpuSeconds, 0)
  const cpuBefore = before.reduce((sum, { cpuSeconds = 0 }) => sum + cpuSeconds, 0)
  const count = members * perMember
  return {
    perSecond: (count * 1000) / tookMs,
    cpuMs: ((cpuSeconds - cpuBefore) * 1000) / count,
    bytes: (readLoopbackBytes() - bytesBefore) / count,
  }
}

/** From submission to certificate, one CTP at a time; then many at once at all gateways. */
export async function measureCertifying(
  members: number,
  progress: (message: string) => void,
): Promise<{ idleMs: number[]; perSecond: number; cpuMs: number; bytes: number }> {
  const perMember = warmUpPerMember + loadPerMember + idleSamples
  progress(`starting ${members} members`)
  const processes = await startCommittee(members, () => {
    return { kind: 'rich', accounts: members * perMember }
  })
  try {
    progress('signing CTPs')
    for (let member = 0; member < members; member++) {
      const first = member * perMember
      await processes.ask(member, { kind: 'prepare', first, count: perMember })
    }
    await load(processes, members, warmUpPerMember)
    progress('certifying one by one')
    const idle = await processes.ask(0, { kind: 'submit', count: idleSamples, inFlight: 1 })
    progress('certifying many at once')
    const busy = await load(processes, members, members === 4 ? loadPerMember : 1_000)
    const idleMs = (idle.latenciesMs ?? []).sort((a, b) => a - b)
    return { idleMs, ...busy }
  } finally {
    await processes.end()
  }
}

/** The figures of four members. */
export async function measureFour(progress: (message: string) => void): Promise<Figures> {
  const { idleMs, perSecond, cpuMs, bytes } = await measureCertifying(4, progress)
  return {
    certifyP50Ms: quantile(idleMs, 0.5),
    certifyP99Ms: quantile(idleMs, 0.99),
    certifiedPerSecond: perSecond,
    bytesPerCtpAt4: bytes,
    cpuMsPerCtpAt4: cpuMs,
  }
}
