import { describe, expect, test } from 'vitest'
import { levelIrradiance, roofIrradiance } from './irradiance.ts'

describe('light on level ground', () => {
  test.each([
    [90, 1037],
    [60, 890],
    [30, 490],
    [10, 137],
  ])('a clear sky with the sun at %i° gives %i W/m²', (altitude, watts) => {
    expect(Math.round(levelIrradiance({ altitude, azimuth: 180 }, 0))).toBe(watts)
  })

  test('there is none when the sun is down', () => {
    for (const altitude of [0, -0.1, -40]) {
      expect(levelIrradiance({ altitude, azimuth: 0 }, 0)).toBe(0)
    }
  })

  test('an overcast sky leaves a quarter, and more clouds never more light', () => {
    const sun = { altitude: 45, azimuth: 180 }
    const light = Array.from({ length: 11 }, (_, i) => levelIrradiance(sun, i / 10))
    expect(light[10]).toBeCloseTo((light[0] ?? 0) / 4, 6)
    expect(light).toEqual(light.toSorted((a, b) => b - a))
  })
})

describe('light on a roof', () => {
  const sun = { altitude: 30, azimuth: 180 }
  const level = levelIrradiance(sun, 0)

  test('a flat roof has that of the ground', () => {
    expect(roofIrradiance(level, sun, { tilt: 0, azimuth: 90 })).toBeCloseTo(level, 6)
  })

  test('a roof towards the sun has more, one away from it only the diffuse', () => {
    const towards = roofIrradiance(level, sun, { tilt: 40, azimuth: 180 })
    const away = roofIrradiance(level, sun, { tilt: 40, azimuth: 0 })
    expect(towards).toBeGreaterThan(level * 1.3)
    expect(away).toBeLessThan(level * 0.5)
    expect(away).toBeGreaterThan(0)
  })

  test('is finite and small when the sun is on the horizon', () => {
    const low = { altitude: 0.01, azimuth: 180 }
    const light = roofIrradiance(levelIrradiance(low, 0), low, { tilt: 90, azimuth: 180 })
    expect(light).toBeGreaterThanOrEqual(0)
    expect(light).toBeLessThan(1)
  })
})
