import { runNeighbourhood } from '../src/cli/demo/runNeighbourhood.ts'
import { defaultSimulatedHomes, simulateHomes } from '../src/simulator/homes/simulateHomes.ts'
import type { Bench, Figures } from './report.ts'

export type DemoBenchOptions = { households?: number; days?: number; seed?: number }

/**
 * Runs the demonstration's neighbourhood of simulated homes in this process, from starting the
 * chain to checking all sums; 20 homes for one day unless told otherwise. Rejects where a sum is
 * wrong: a fast wrong result is none.
 */
export async function runDemoBench(options: DemoBenchOptions = {}): Promise<Figures> {
  const { households = 20, days = 1, seed = 1 } = options
  const profiles = simulateHomes({ ...defaultSimulatedHomes, households, days, seed })
  const report = await runNeighbourhood({ profiles, source: 'simulated', seed, unreliable: 0.1 })
  if (!Object.values(report.checks).every(Boolean)) throw new Error('The demo’s sums are wrong.')
  const { seconds, tradesPerSecond, settled, gasPerTrade } = report
  return { seconds, tradesPerSecond, settled, gasPerTrade }
}

/** The demonstration as a benchmark. */
export const demoBench: Bench = {
  about:
    '20 homes trade for a day of 15-minute steps, all signatures and transactions real, with the ' +
    'start of the chain and all checks',
  goals: { seconds: { most: 20 } },
  async run(progress) {
    progress('trading for a day')
    return runDemoBench()
  },
}
