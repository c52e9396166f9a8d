import { describe, expect, it } from 'vitest'
import { plantedBugOf, plantedBugs } from '../../src/simulator/world/bugs/plantedBugs.ts'
import { findBug } from '../../src/simulator/world/findBug.ts'

describe('bugs planted into a node', () => {
  it('are at least twelve, each with a name of its own', () => {
    const names = new Set(plantedBugs.map(({ name }) => name))
    expect(names.size).toBe(plantedBugs.length)
    expect(names.size).toBeGreaterThanOrEqual(12)
    expect(plantedBugOf('lazy-disk')?.breaks).toMatch(/on disk/)
    expect(plantedBugOf('no-such-bug')).toBeUndefined()
  })

  it.each(plantedBugs)('$name is caught within $seeds seeds', async (bug) => {
    const report = await findBug(bug)
    expect(report?.broken?.promise).toBe(bug.promise)
  })
})
