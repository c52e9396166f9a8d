import { describe, expect, it } from 'vitest'
import { nodesOfSeed } from '../../src/simulator/world/buildWorld.ts'
import { simulateWorld } from '../../src/simulator/world/simulateWorld.ts'

const seeds = Array.from({ length: 100 }, (_, at) => at + 1)
const ticks = 40

/** A failure names the command that repeats it exactly. */
const repeat = (seed: number) =>
  `npm run sim -- --seed ${seed} --ticks ${ticks} --nodes ${nodesOfSeed(seed)} --log`

describe('100 worlds with all faults, then none', () => {
  it.each(seeds)('P2, P4, P5, P6, P7, P8, P11 hold in the world of seed %i', async (seed) => {
    const { broken, certified } = await simulateWorld({ seed, ticks })
    const text = broken && `${broken.promise}: ${broken.text}\nagain: ${repeat(seed)}`
    expect(text).toBeUndefined()
    expect(certified).toBeGreaterThan(0)
  })
})

describe('one seed', () => {
  it.each([1, 4, 7])('plays the same world to the bit, with %i nodes', async (nodes) => {
    const one = await simulateWorld({ seed: 3, ticks: 30, nodes })
    const same = await simulateWorld({ seed: 3, ticks: 30, nodes })
    const other = await simulateWorld({ seed: 4, ticks: 30, nodes })
    expect(same).toEqual(one)
    expect(one.lines).toBeGreaterThan(200)
    expect(other.digest).not.toBe(one.digest)
  })
})
