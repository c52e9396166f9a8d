import { createRandom } from '../random.ts'
import type { CloudCover } from './cloudCover.ts'
import { levelIrradiance, type Roof, roofIrradiance, type SunPosition } from './irradiance.ts'

/** Light at which a panel gives its peak power, W/m². */
const peakIrradiance = 1_000
/** What wires, warmth, dust and inverter leave. */
const performanceRatio = 0.82

/** A photovoltaic plant; `delaySeconds` is how much later it sees the neighbourhood's clouds. */
export type RooftopPlant = { peakWatts: number; roof: Roof; delaySeconds: number }

/** The sun and the season at one time. */
export type SkyMoment = { seconds: number; sun: SunPosition; warmth: number }

/** Draws a plant of 3 to 9 kW that faces the equator more or less; `index` is its home's. */
export function drawPlant(seed: number, index: number, latitude: number): RooftopPlant {
  const random = createRandom(seed, 3, index)
  const towardsEquator = latitude >= 0 ? 180 : 0
  return {
    peakWatts: Math.round(random.between(30, 90)) * 100,
    roof: {
      tilt: random.between(18, 45),
      azimuth: towardsEquator + random.normal(0, 40),
    },
    delaySeconds: random.between(0, 600),
  }
}

/** Watts of a plant at one time, whole; 0 when the sun is down, at most the peak. */
export function plantWatts(plant: RooftopPlant, moment: SkyMoment, clouds: CloudCover): number {
  const { seconds, sun, warmth } = moment
  if (sun.altitude <= 0) return 0
  const level = levelIrradiance(sun, clouds(seconds - plant.delaySeconds, warmth))
  const light = roofIrradiance(level, sun, plant.roof)
  const share = Math.min(1, (performanceRatio * light) / peakIrradiance)
  return Math.round(plant.peakWatts * share)
}
