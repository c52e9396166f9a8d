import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { limits } from '../../protocol/limits.ts'
import { type Wei, wei } from '../../protocol/units.ts'
import { type DemoHome, makeDemoHome, signHomeCall } from './demoHome.ts'
import type { BlockOutcome, DemoWorld } from './demoWorld.ts'
import { drawPrice, drawUnreliable, highestPriceWeiPerKwh } from './drawConduct.ts'
import { depositCall, openEnergyAccountCall } from './marketCalls.ts'
import { leastTradeWh } from './matchTrades.ts'

/** A home with its profile, its price, and what it put into its account. */
export type StreetHome = DemoHome & {
  /** Production less use in each step, Wh. */
  surplusWh: readonly number[]
  priceWeiPerKwh: bigint
  isProducer: boolean
  isUnreliable: boolean
  depositWei: Wei
}

/** The homes that trade, ready to do so. */
export type Street = { homes: StreetHome[]; setup: BlockOutcome }

const depositStepWei = 10n ** 15n
const gasMoneyWei = 10n ** 19n
/** 256 keys; more keys make a longer proof, and take longer to make. */
const highestTree = 8

function surplusOf({ households, steps }: ProfileSet, index: number): number[] {
  const { loadWh, pvWh } = households[index]!
  return Array.from({ length: steps }, (_, step) => pvWh[step]! - loadWh[step]!)
}

/** Enough for all that it could buy at the highest price, to the next 0.001 ether. */
function planDeposit(surplusWh: readonly number[]): Wei {
  const missingWh = surplusWh.reduce((sum, energy) => sum + Math.max(0, -energy), 0)
  const neededWei = (BigInt(missingWh) * highestPriceWeiPerKwh) / 1000n
  return wei((neededWei / depositStepWei + 1n) * depositStepWei)
}

/** About two keys for each step in which it may buy. */
function planTreeHeight(surplusWh: readonly number[]): number {
  const steps = surplusWh.filter((energy) => energy <= -leastTradeWh).length
  return Math.min(highestTree, limits.treeHeight, Math.max(2, Math.ceil(Math.log2(2 * steps + 1))))
}

/**
 * Makes homes with profiles, money in their accounts and, where they ever have some to sell, an
 * energy account.
 */
export async function openStreet(
  world: DemoWorld,
  profiles: ProfileSet,
  options: { seed: number; unreliable: number },
): Promise<Street> {
  const { households } = profiles
  const { seed } = options
  const surpluses = households.map((_, index) => surplusOf(profiles, index))
  const isProducer = surpluses.map((surplus) => surplus.some((energy) => energy >= leastTradeWh))
  const producers = households.map((_, index) => index).filter((index) => isProducer[index])
  const unreliable = drawUnreliable(seed, producers, options.unreliable)
  const homes = households.map(({ name }, index): StreetHome => {
    const surplusWh = surpluses[index]!
    const treeHeight = planTreeHeight(surplusWh)
    return {
      ...makeDemoHome(world, seed, { index, name, treeHeight }),
      ...{ surplusWh, isProducer: isProducer[index]!, isUnreliable: unreliable.has(index) },
      priceWeiPerKwh: drawPrice(seed, index),
      depositWei: planDeposit(surplusWh),
    }
  })
  return { homes, setup: await fillAccounts(world, homes) }
}

async function fillAccounts(world: DemoWorld, homes: readonly StreetHome[]): Promise<BlockOutcome> {
  const { burnWei } = world.facts.options
  await Promise.all(
    homes.map(({ address, depositWei }) => world.fund(address, depositWei + burnWei + gasMoneyWei)),
  )
  const transactions: Hex[] = []
  for (const home of homes) {
    const rank = () => transactions.length
    transactions.push(signHomeCall(world, home, depositCall(home.depositWei), rank()))
    if (!home.isProducer) continue
    transactions.push(signHomeCall(world, home, openEnergyAccountCall(burnWei), rank()))
  }
  return world.makeBlock(world.laterSeconds(1), transactions)
}
