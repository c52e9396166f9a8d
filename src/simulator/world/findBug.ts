import type { PlantedBug } from './bugs/plantedBug.ts'
import { simulateWorld, type WorldReport } from './simulateWorld.ts'

/** Seconds of a world's first part in which a bug has to show. */
const usualTicks = 60

/** Plays worlds with a bug until one of them shows it: that run, or undefined where none did. */
export async function findBug(bug: PlantedBug): Promise<WorldReport | undefined> {
  for (let seed = 1; seed <= bug.seeds; seed++) {
    const report = await simulateWorld({ ticks: usualTicks, ...bug.world, seed, bug })
    if (report.broken?.promise === bug.promise) return report
  }
  return undefined
}
