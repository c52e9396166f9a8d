import { readFileSync } from 'node:fs'
import { type CommitteeProcesses, startCommittee } from './committeeProcesses.ts'
import type { Figures } from './report.ts'

const idleSamples = 300
/** CTPs of the load, and those before it, which warm compilers and workers up; of all gateways. */
const loadOfFour = { load: 16_000, warmUp: 2_400 }
const loadOfMore = { load: 1_950, warmUp: 650 }
/** CTPs under way at all gateways, as many households together would have. */
const inFlight = 800

/** Bytes that went over loopback since the machine started: all sockets, headers included. */
function readLoopbackBytes(): number {
  const line = readFileSync('/proc/net/dev', 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith('lo:'))
  return Number(line?.trim().split(/\s+/)[1] ?? Number.NaN)
}

const quantile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]!

async function load(
  processes: CommitteeProcesses,
  members: number,
  perMember: number,
  underWay = inFlight,
) {
  const perGateway = Math.ceil(underWay / members)
  const before = await processes.askAll(() => ({ kind: 'status' }))
  const bytesBefore = readLoopbackBytes()
  const startMs = performance.now()
  const answers = await processes.askAll(() => ({
    ...{ kind: 'submit', count: perMember, inFlight: perGateway },
  }))
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
    resubmitted: answers.reduce((sum, { resubmitted = 0 }) => sum + resubmitted, 0),
    cpuMs: ((cpuSeconds - cpuBefore) * 1000) / count,
    bytes: (readLoopbackBytes() - bytesBefore) / count,
  }
}

/** What certifying took: idle, and a CTP under load, of all members together. */
export type Certifying = {
  idleMs: number[]
  perSecond: number
  cpuMs: number
  bytes: number
  /** CTPs that found too few votes in time, and were submitted once more. */
  resubmitted: number
}

/** From submission to certificate, one CTP at a time; then many at once at all gateways. */
export async function measureCertifying(
  members: number,
  progress: (message: string) => void,
): Promise<Certifying> {
  const size = members === 4 ? loadOfFour : loadOfMore
  const warmUp = Math.ceil(size.warmUp / members)
  const loaded = Math.ceil(size.load / members)
  // Latency is asked of four; what a larger committee costs shows under load.
  const samples = members === 4 ? idleSamples : 0
  const perMember = warmUp + loaded + samples
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
    await load(processes, members, warmUp, inFlight / 4)
    if (samples > 0) progress('certifying one by one')
    const idle = await processes.ask(0, { kind: 'submit', count: samples, inFlight: 1 })
    progress('certifying many at once')
    const busy = await load(processes, members, loaded)
    const idleMs = (idle.latenciesMs ?? []).sort((a, b) => a - b)
    return { idleMs, ...busy }
  } finally {
    await processes.end()
  }
}

/** The figures of four members. */
export async function measureFour(progress: (message: string) => void): Promise<Figures> {
  const { idleMs, perSecond, cpuMs, bytes, resubmitted } = await measureCertifying(4, progress)
  return {
    certifyP50Ms: quantile(idleMs, 0.5),
    certifyP99Ms: quantile(idleMs, 0.99),
    certifiedPerSecond: perSecond,
    resubmittedAt4: resubmitted,
    bytesPerCtpAt4: bytes,
    cpuMsPerCtpAt4: cpuMs,
  }
}
