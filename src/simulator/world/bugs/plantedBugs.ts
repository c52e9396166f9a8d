import { chainBugs } from './chainBugs.ts'
import { diskBugs } from './diskBugs.ts'
import { machineBugs } from './machineBugs.ts'
import type { PlantedBug } from './plantedBug.ts'
import { trafficBugs } from './trafficBugs.ts'
import { trustBugs } from './trustBugs.ts'

/** All bugs that the simulator must catch, each within its number of seeds. */
export const plantedBugs: readonly PlantedBug[] = [
  ...diskBugs,
  ...chainBugs,
  ...machineBugs,
  ...trafficBugs,
  ...trustBugs,
]

/** A bug by its name. */
export function plantedBugOf(name: string): PlantedBug | undefined {
  return plantedBugs.find((bug) => bug.name === name)
}
