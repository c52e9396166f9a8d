import { afterEach, beforeEach, test } from 'vitest'
import { chainCases } from '../../ports/chain.compliance.ts'
import { headerCases } from '../../ports/chainHeader.compliance.ts'
import { mineLater } from '../../ports/chainWorld.ts'
import { type AnvilWorld, openAnvilWorld } from './anvilWorld.ts'

let world: AnvilWorld
beforeEach(async () => {
  world = await openAnvilWorld()
})
afterEach(() => world.close())

for (const { name, run } of chainCases) {
  test(name, () => run(world))
}

for (const { name, run } of headerCases) {
  const takesRoots = false
  test(name, () => run({ chain: world.chain, nextBlock: () => mineLater(world), takesRoots }))
}
