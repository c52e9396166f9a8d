import { getPosition } from 'suncalc'
import { describeProfiles } from '../../meter/profiles/buildProfiles.ts'
import { readMarketEnergy } from '../../meter/profiles/marketEnergy.ts'
import {
  checkMarketSize,
  checkWindowChoice,
  secondsPerDay,
} from '../../meter/profiles/marketWindow.ts'
import { profileLimits } from '../../meter/profiles/profileLimits.ts'
import type { HouseholdProfile, ProfileSet } from '../../meter/profiles/profileSet.ts'
import { toFixedPoint } from '../../meter/profiles/profileUnit.ts'
import type { StepSeries } from '../../meter/profiles/stepSeries.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createRandom } from '../random.ts'
import { createCloudCover } from './cloudCover.ts'
import { minutesPerDay, simulateHomeDay } from './homeDay.ts'
import { drawHabits } from './homeHabits.ts'
import { nameHomes } from './homeNames.ts'
import { drawPlant, plantWatts, type SkyMoment } from './rooftopPlant.ts'

/** Which neighbourhood to simulate, and when. */
export type SimulatedHomesOptions = {
  /** Whole number; the same one gives the same homes, days and clouds. */
  seed: number
  /** 1 to 1,000. */
  households: number
  /** 1 to 366. */
  days: number
  /** Market step; divides a day. */
  stepSeconds: number
  /** Unix time of the first step; a multiple of the step. */
  startSeconds: number
  /** Degrees, north positive. */
  latitude: number
  /** Degrees, east positive; also sets the homes' clock, 15 degrees an hour. */
  longitude: number
}

/** Twelve homes near Munich on Monday, 4 May 2026, UTC. */
export const defaultSimulatedHomes: SimulatedHomesOptions = {
  seed: 1,
  households: 12,
  days: 1,
  stepSeconds: 900,
  startSeconds: 1_777_852_800,
  latitude: 48.14,
  longitude: 11.58,
}

/** Three homes of five have a plant. */
const plantShare = 0.6
const skyStepSeconds = 300
const midsummerDay = 172
const daysPerYear = 365.2425

/** The sky over the neighbourhood, every five minutes, and the days on the homes' clock. */
type SimulatedSky = { startSeconds: number; firstDay: number; days: number; moments: SkyMoment[] }

/**
 * Simulates homes and roof-top plants for people without profiles of their own.
 *
 * Loads are made of base load, fridges, lights and appliances minute by minute; plants of the
 * sun's position, roofs and clouds that all homes share. A day of a home depends on the seed, the
 * home and the day alone, not on the window. Throws `input/option` for values out of range and
 * `input/too-large`.
 */
export function simulateHomes(options: Partial<SimulatedHomesOptions> = {}): ProfileSet {
  const chosen = { ...defaultSimulatedHomes, ...options }
  checkOptions(chosen)
  const { seed, households, startSeconds, stepSeconds, latitude } = chosen
  const window = { startSeconds, stepSeconds, steps: (chosen.days * secondsPerDay) / stepSeconds }
  checkMarketSize(households, window.steps)
  const sky = computeSky(chosen)
  const clouds = createCloudCover(seed)
  const hasPlant = choosePlants(seed, households)
  const homes = nameHomes(households).map((name, index): HouseholdProfile => {
    const hasReading = new Uint8Array(window.steps).fill(1)
    const load = simulateLoad(seed, index, sky)
    const pvWh = new Uint32Array(window.steps)
    if (hasPlant[index]) {
      const plant = drawPlant(seed, index, latitude)
      const watts = sky.moments.map((moment) => plantWatts(plant, moment, clouds))
      const series = toSeries(sky, skyStepSeconds, Float64Array.from(watts))
      pvWh.set(readMarketEnergy(series, window, hasReading))
    }
    return { name, loadWh: readMarketEnergy(load, window, hasReading), pvWh, hasReading }
  })
  const plants = hasPlant.filter(Boolean).length
  const description = describeProfiles(households, plants, window, 'simulated ')
  return { ...window, households: homes, skippedRows: [], description }
}

function checkOptions(options: SimulatedHomesOptions): void {
  checkWindowChoice(options)
  const isWhole = (value: number, least: number, most: number) =>
    Number.isInteger(value) && value >= least && value <= most
  const { seed, households, days, latitude, longitude } = options
  if (!isWhole(seed, 0, Number.MAX_SAFE_INTEGER)) refuse('seed', seed, 'a whole number from 0 on')
  if (!isWhole(households, 1, profileLimits.households)) {
    refuse('households', households, `1 to ${profileLimits.households}`)
  }
  if (!isWhole(days, 1, 366)) refuse('days', days, '1 to 366')
  if (!(Math.abs(latitude) <= 90)) refuse('latitude', latitude, '-90 to 90')
  if (!(Math.abs(longitude) <= 180)) refuse('longitude', longitude, '-180 to 180')
}

function refuse(option: string, value: number, range: string): never {
  throw new SpbError('input/option', `A simulated neighbourhood cannot have ${option} ${value}.`, {
    hint: `${option} is ${range}.`,
  })
}

function computeSky(options: SimulatedHomesOptions): SimulatedSky {
  const { startSeconds, days, latitude, longitude } = options
  const clockOffset = Math.round(longitude / 15) * 3600
  const firstDay = Math.floor((startSeconds + clockOffset) / secondsPerDay)
  const lastSecond = startSeconds + days * secondsPerDay - 1
  const dayCount = Math.floor((lastSecond + clockOffset) / secondsPerDay) - firstDay + 1
  const skyStart = firstDay * secondsPerDay - clockOffset
  const count = (dayCount * secondsPerDay) / skyStepSeconds
  const moments = Array.from({ length: count }, (_, index): SkyMoment => {
    // The middle of the five minutes stands for them.
    const seconds = skyStart + (index + 0.5) * skyStepSeconds
    const sun = getPosition(new Date(seconds * 1000), latitude, longitude)
    return { seconds, sun, warmth: findWarmth(seconds, latitude) }
  })
  return { startSeconds: skyStart, firstDay, days: dayCount, moments }
}

function findWarmth(seconds: number, latitude: number): number {
  const turn = (seconds / secondsPerDay - midsummerDay) / daysPerYear
  return Math.cos(2 * Math.PI * turn) * (latitude >= 0 ? 1 : -1)
}

/** Exactly the share that has plants, at least one; which ones is drawn (Fisher and Yates). */
function choosePlants(seed: number, households: number): boolean[] {
  const random = createRandom(seed, 4)
  const count = Math.max(1, Math.round(households * plantShare))
  const hasPlant = Array.from({ length: households }, (_, index) => index < count)
  for (let last = households - 1; last > 0; last--) {
    const other = Math.floor(random.between(0, last + 1))
    const kept = hasPlant[last] === true
    hasPlant[last] = hasPlant[other] === true
    hasPlant[other] = kept
  }
  return hasPlant
}

function simulateLoad(seed: number, index: number, sky: SimulatedSky): StepSeries {
  const habits = drawHabits(seed, index)
  const watts = new Float64Array(sky.days * minutesPerDay)
  const momentsPerDay = secondsPerDay / skyStepSeconds
  for (let day = 0; day < sky.days; day++) {
    const momentAt = (minute: number) =>
      sky.moments[day * momentsPerDay + Math.floor((minute * 60) / skyStepSeconds)]
    const conditions = {
      day: sky.firstDay + day,
      warmth: momentAt(minutesPerDay / 2)?.warmth ?? 0,
      sunAltitude: (minute: number) => momentAt(minute)?.sun.altitude ?? 0,
    }
    watts.set(simulateHomeDay(seed, index, habits, conditions), day * minutesPerDay)
  }
  return toSeries(sky, 60, watts)
}

function toSeries(sky: SimulatedSky, stepSeconds: number, watts: Float64Array): StepSeries {
  const values = watts.map((value) => toFixedPoint(value, 'W'))
  return { startSeconds: sky.startSeconds, stepSeconds, unit: 'W', values }
}
