import { hashToUnit } from '../random.ts'

const minute = 60
/** Weather of days, fronts of hours, single clouds: how long each lasts and how much it counts. */
const layers = [
  { lastsSeconds: 40 * 60 * minute, weight: 0.5 },
  { lastsSeconds: 150 * minute, weight: 0.3 },
  { lastsSeconds: 13 * minute, weight: 0.2 },
] as const

/** Cloud cover from 0 (clear) to 1 at a time; `warmth` is -1 in midwinter and 1 in midsummer. */
export type CloudCover = (seconds: number, warmth: number) => number

/**
 * Makes the clouds of a neighbourhood: value noise (Perlin, Hoffert 1989) of three durations.
 * One seed is one sky: a home a little further down the wind sees it some minutes later.
 */
export function createCloudCover(seed: number): CloudCover {
  return (seconds, warmth) => {
    let sum = 0
    layers.forEach(({ lastsSeconds, weight }, layer) => {
      sum += weight * smoothNoise(seed, layer, seconds / lastsSeconds)
    })
    const cover = 0.76 - 0.1 * warmth + (sum - 0.5) * 2.6
    return Math.min(1, Math.max(0, cover))
  }
}

function smoothNoise(seed: number, layer: number, place: number): number {
  const left = Math.floor(place)
  const share = place - left
  const ease = share * share * (3 - 2 * share)
  const from = hashToUnit(seed, layer, left)
  return from + (hashToUnit(seed, layer, left + 1) - from) * ease
}
