import { measureCatchUp } from './catchUp.ts'
import { measureCertifying, measureFour } from './certify.ts'
import { measureMemory } from './committeeMemory.ts'
import { measureMember } from './memberFeed.ts'
import type { Bench, Figures } from './report.ts'
import { measureTrades } from './wholeTrades.ts'

/** Committees larger than four: what their certificates cost. */
const largerCommittees = [7, 10, 13] as const

/** Bytes and processor time that a certificate takes with more members. */
async function measureLarger(progress: (message: string) => void): Promise<Figures> {
  const figures: Figures = {}
  for (const members of largerCommittees) {
    const { bytes, cpuMs } = await measureCertifying(members, progress)
    figures[`bytesPerCtpAt${members}`] = bytes
    figures[`cpuMsPerCtpAt${members}`] = cpuMs
  }
  return figures
}

/** Many nodes at work: certificates, whole trades, catching up. */
export const committeeBench: Bench = {
  about:
    'CTPs certified by committees of processes on loopback (libp2p, SQLite, all signatures ' +
    'checked, a CoE each); one member fed with prepared messages; whole trades beside four geths ' +
    'with blocks of a second; a member that fetches what it missed; a node full of live CTPs',
  goals: {
    certifyP50Ms: { most: 15 },
    certifyP99Ms: { most: 60 },
    certifiedPerSecond: { least: 1_000 },
    memberCertifiedPerSecond: { least: 4_300 },
    tradesPerSecond: { least: 100 },
    catchUpSeconds: { most: 60 },
    memoryBytes: { most: 1.5e9 },
  },
  async run(progress) {
    return {
      ...(await measureFour(progress)),
      ...(await measureMember(progress)),
      ...(await measureLarger(progress)),
      ...(await measureTrades(progress)),
      ...(await measureCatchUp(progress)),
      ...(await measureMemory(progress)),
    }
  },
}
