const radians = Math.PI / 180
/** Outside the atmosphere, W/m². */
const solarConstant = 1361
/** Share of light that the ground throws back. */
const groundReflectance = 0.2

/** Where the sun stands, degrees; azimuth clockwise from north. */
export type SunPosition = { altitude: number; azimuth: number }

/** How a roof lies, degrees: tilt from horizontal, azimuth of its face clockwise from north. */
export type Roof = { tilt: number; azimuth: number }

/**
 * Light on a level ground under clouds, W/m², 0 when the sun is down; `cover` is 0 to 1.
 *
 * Clear sky: Haurwitz, Journal of Meteorology 2 (1945). Clouds: Kasten and Czeplak, Solar Energy
 * 24 (1980).
 */
export function levelIrradiance(sun: SunPosition, cover: number): number {
  const height = Math.sin(sun.altitude * radians)
  if (height <= 0) return 0
  return 1098 * height * Math.exp(-0.057 / height) * (1 - 0.75 * cover ** 3.4)
}

/**
 * Light on a roof, W/m², out of that on level ground.
 *
 * Diffuse part: Erbs, Klein, Duffie, Solar Energy 28 (1982). Tilt: isotropic sky of Liu and
 * Jordan, Solar Energy 7 (1963).
 */
export function roofIrradiance(level: number, sun: SunPosition, roof: Roof): number {
  if (level <= 0) return 0
  const height = Math.sin(sun.altitude * radians)
  const diffuse = level * diffuseShare(level / (solarConstant * height))
  const tilt = roof.tilt * radians
  const across = Math.cos((sun.azimuth - roof.azimuth) * radians)
  const facing =
    height * Math.cos(tilt) + Math.cos(sun.altitude * radians) * Math.sin(tilt) * across
  // A sun on the horizon would make the beam as large as its sine is small.
  const beam = ((level - diffuse) * Math.max(0, facing)) / Math.max(0.05, height)
  const sky = (diffuse * (1 + Math.cos(tilt))) / 2
  const ground = (level * groundReflectance * (1 - Math.cos(tilt))) / 2
  return beam + sky + ground
}

function diffuseShare(clearness: number): number {
  if (clearness <= 0.22) return 1 - 0.09 * clearness
  if (clearness > 0.8) return 0.165
  const k = clearness
  return 0.9511 - 0.1604 * k + 4.388 * k ** 2 - 16.638 * k ** 3 + 12.336 * k ** 4
}
