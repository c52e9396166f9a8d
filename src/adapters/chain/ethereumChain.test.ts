import { afterEach, beforeEach, test } from 'vitest'
import { chainCases } from '../../ports/chain.compliance.ts'
import { type AnvilWorld, openAnvilWorld } from './anvilWorld.ts'

let world: AnvilWorld
beforeEach(async () => {
  world = await openAnvilWorld()
})
afterEach(() => world.close())

for (const { name, run } of chainCases) {
  test(name, () => run(world))
}
