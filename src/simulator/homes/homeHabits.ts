import { createRandom } from '../random.ts'

/** What stays the same in a home from day to day. Times are minutes of the local day. */
export type HomeHabits = {
  persons: number
  standbyWatts: number
  fridges: readonly { watts: number; periodMinutes: number; onShare: number; phase: number }[]
  lightsWatts: number
  electronicsWatts: number
  heatingPumpWatts: number
  wakeMinute: number
  sleepMinute: number
  dinnerMinute: number
  /** Probability that nobody is in on a working day. */
  outOnWorkdays: number
  hasDryer: boolean
  /** Charging power of an electric car, 0 without one. */
  carWatts: number
}

/** Homes of one to five persons, about as frequent as in Central Europe. */
const personShares = [0.34, 0.66, 0.81, 0.95] as const

/** Draws a home's habits; the same seed and index always give the same home. */
export function drawHabits(seed: number, index: number): HomeHabits {
  const random = createRandom(seed, 1, index)
  const draw = random.unit()
  const persons = personShares.filter((share) => draw >= share).length + 1
  const fridge = () => ({
    watts: random.between(70, 120),
    periodMinutes: Math.round(random.between(40, 65)),
    onShare: random.between(0.25, 0.4),
    phase: random.unit(),
  })
  return {
    persons,
    standbyWatts: random.between(30, 60) + 12 * persons,
    fridges: random.chance(0.2 + 0.1 * persons) ? [fridge(), fridge()] : [fridge()],
    lightsWatts: random.between(50, 90) + 25 * persons,
    electronicsWatts: random.between(60, 110) + 35 * persons,
    heatingPumpWatts: random.between(25, 65),
    wakeMinute: random.normal(395, 35),
    sleepMinute: random.normal(1365, 35),
    dinnerMinute: random.normal(1110, 35),
    outOnWorkdays: random.between(0.2, 0.9),
    hasDryer: random.chance(0.4),
    carWatts: random.chance(0.2) ? (random.chance(0.5) ? 3_700 : 7_400) : 0,
  }
}
