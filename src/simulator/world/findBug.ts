import type { PlantedBug } from './bugs/plantedBug.ts'
import { simulateWorld, type WorldReport } from './simulateWorld.ts'

/** Seconds of a world's first part in which a bug has to show. */
const defaultTicks = 60

/** Plays worlds with a bug until one of them shows it: that run, or undefined where none did. */
export async function findBug(bug: PlantedBug): Promise<WorldReport | undefined> {
  const { firstSeed = 1, seeds, ticks = defaultTicks, nodes, cheats } = bug
  for (let seed = firstSeed; seed < firstSeed + seeds; seed++) {
    const report = await simulateWorld({
      ...{ seed, ticks, bug },
      ...(nodes === undefined ? {} : { nodes }),
      ...(cheats === undefined ? {} : { cheats }),
    })
    if (report.broken?.promise === bug.promise) return report
  }
  return undefined
}
