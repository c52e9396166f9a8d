import { createRandom, type Random } from '../random.ts'
import type { HomeHabits } from './homeHabits.ts'

/** Minutes of a local day; the simulated clock never changes. */
export const minutesPerDay = 1440

/** What a day brings that is not the home's own doing. */
export type DayConditions = {
  /** Days since 1970-01-01 on the local clock. */
  day: number
  /** -1 in midwinter, 1 in midsummer. */
  warmth: number
  /** Altitude of the sun at a minute of the local day, degrees. */
  sunAltitude: (minute: number) => number
}

/** Watts in each of a day's 1,440 minutes, and how to add to them. */
type DayPower = { watts: Float64Array; random: Random }

/** Simulates one home's load on one day: mean watts, whole, in each minute of the local day. */
export function simulateHomeDay(
  seed: number,
  index: number,
  habits: HomeHabits,
  conditions: DayConditions,
): Float64Array {
  const random = createRandom(seed, 2, index, conditions.day)
  const power = { watts: new Float64Array(minutesPerDay).fill(habits.standbyWatts), random }
  // 1970-01-01 was a Thursday.
  const isWeekend = (conditions.day + 4) % 7 === 0 || (conditions.day + 4) % 7 === 6
  const wake = random.normal(habits.wakeMinute + (isWeekend ? 75 : 0), 15)
  const sleep = random.normal(habits.sleepMinute + (isWeekend ? 25 : 0), 20)
  const isOut = random.chance(isWeekend ? 0.25 : habits.outOnWorkdays)
  const leave = isOut ? wake + random.between(45, 90) : sleep
  const back = isOut ? random.normal(isWeekend ? 1000 : 1020, 50) : wake
  const isAwakeAtHome = (minute: number) =>
    minute >= wake && minute < sleep && (minute < leave || minute >= back)
  addBaseLoad(power, habits, conditions)
  addPresence(power, habits, conditions, isAwakeAtHome)
  addMeals(power, habits, wake, isOut)
  addWashing(power, habits, isAwakeAtHome)
  addCar(power, habits, back)
  return power.watts.map(Math.round)
}

function addBaseLoad({ watts }: DayPower, habits: HomeHabits, conditions: DayConditions): void {
  const heating = habits.heatingPumpWatts * Math.min(1, Math.max(0, 0.6 - conditions.warmth))
  for (let minute = 0; minute < minutesPerDay; minute++) {
    let sum = heating
    for (const { watts: fridgeWatts, periodMinutes, onShare, phase } of habits.fridges) {
      const turns = (conditions.day * minutesPerDay + minute) / periodMinutes + phase
      // Kitchens are warmer in summer.
      if (turns % 1 < onShare * (1 + 0.15 * conditions.warmth)) sum += fridgeWatts
    }
    watts[minute] = (watts[minute] ?? 0) + sum
  }
}

function addPresence(
  { watts, random }: DayPower,
  habits: HomeHabits,
  conditions: DayConditions,
  isAwakeAtHome: (minute: number) => boolean,
): void {
  const lights = random.between(0.7, 1.1)
  const electronics = random.between(0.6, 1.2)
  for (let minute = 0; minute < minutesPerDay; minute++) {
    if (!isAwakeAtHome(minute)) continue
    const darkness = Math.min(1, Math.max(0.05, (10 - conditions.sunAltitude(minute)) / 14))
    const leisure = minute > 1080 ? 1 : 0.45
    const sum =
      habits.lightsWatts * lights * darkness + habits.electronicsWatts * electronics * leisure
    watts[minute] = (watts[minute] ?? 0) + sum
  }
}

function addMeals(power: DayPower, habits: HomeHabits, wake: number, isOut: boolean): void {
  const { random } = power
  const appetite = 0.6 + 0.2 * habits.persons
  for (let cup = 0; cup < habits.persons; cup++) {
    add(power, wake + random.between(5, 50), random.between(3, 7), 1_800)
  }
  if (!isOut && random.chance(0.6)) {
    add(power, random.normal(745, 25), random.between(15, 30) * appetite, 1_100)
  }
  if (random.chance(0.85)) {
    const start = random.normal(habits.dinnerMinute, 25)
    const lasts = random.between(25, 50) * appetite
    // Plates switch on and off: full power to heat up, less from then on.
    add(power, start, lasts * 0.25, 2_200)
    add(power, start + lasts * 0.25, lasts * 0.75, 900)
  }
}

function addWashing(
  power: DayPower,
  habits: HomeHabits,
  isAwakeAtHome: (minute: number) => boolean,
): void {
  const { random } = power
  const start = random.between(480, 1200)
  if (isAwakeAtHome(start) && random.chance(0.15 + 0.13 * habits.persons)) {
    add(power, start, random.between(12, 20), 2_000)
    add(power, start + 20, random.between(50, 80), 160)
    if (habits.hasDryer && random.chance(0.7)) add(power, start + 105, 60, 1_500)
  }
  const dishes = habits.dinnerMinute + random.between(60, 110)
  if (random.chance(Math.min(0.9, 0.15 + 0.18 * habits.persons))) {
    add(power, dishes, 18, 1_900)
    add(power, dishes + 18, 45, 70)
    add(power, dishes + 63, 14, 1_800)
  }
  if (isAwakeAtHome(600) && random.chance(0.3)) {
    add(power, random.between(560, 720), random.between(15, 40), 900)
  }
}

function addCar(power: DayPower, { carWatts }: HomeHabits, back: number): void {
  const { random } = power
  if (carWatts === 0 || !random.chance(0.4)) return
  const energyWh = random.between(5_000, 14_000)
  add(power, Math.max(960, back) + random.between(5, 60), (energyWh / carWatts) * 60, carWatts)
}

/** Adds an appliance that runs for some minutes; parts of a minute count in proportion. */
function add({ watts }: DayPower, start: number, lastsMinutes: number, applianceWatts: number) {
  const end = Math.min(minutesPerDay, start + lastsMinutes)
  for (let minute = Math.max(0, Math.floor(start)); minute < end; minute++) {
    const share = Math.min(end, minute + 1) - Math.max(start, minute)
    watts[minute] = (watts[minute] ?? 0) + applianceWatts * share
  }
}
