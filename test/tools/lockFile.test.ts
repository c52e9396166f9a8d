import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

type LockEntry = {
  version?: string
  resolved?: string
  optionalDependencies?: Record<string, string>
}

const lock = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
) as {
  packages: Record<string, LockEntry>
}

describe('package-lock.json', () => {
  it('names the packages of every platform: npm ci refuses it otherwise', () => {
    const missing: string[] = []
    let checked = 0
    for (const [parent, { optionalDependencies = {} }] of Object.entries(lock.packages)) {
      for (const name of Object.keys(optionalDependencies)) {
        checked++
        const places = [`${parent}/node_modules/${name}`, `node_modules/${name}`]
        if (places.every((place) => lock.packages[place] === undefined)) missing.push(name)
      }
    }
    expect(checked).toBeGreaterThan(10)
    expect(missing, 'run: npm run lock').toEqual([])
  })

  it('holds no addresses of a registry', () => {
    const resolved = Object.entries(lock.packages).filter(
      ([, entry]) => entry.resolved !== undefined,
    )
    expect(resolved.map(([place]) => place)).toEqual([])
  })
})
