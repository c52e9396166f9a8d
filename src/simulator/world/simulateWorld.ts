import { seconds, wei } from '../../protocol/units.ts'
import { buildWorld, type World, type WorldOptions } from './buildWorld.ts'
import { LivenessPhase } from './livenessPhase.ts'
import type { BrokenPromise } from './promiseChecker.ts'
import { worldStartSeconds } from './worldMarket.ts'

/** How a run ended. */
export type WorldReport = {
  seed: number
  ticks: number
  nodes: number
  cheats: number
  /** Undefined: all promises were kept. */
  broken: BrokenPromise | undefined
  /** Of everything that happened: equal for equal options. */
  digest: string
  lines: number
  blocks: number
  trades: number
  certified: number
  paid: number
  /** The last lines of the log. */
  tail: string[]
}

/** Plays one world to its end, or until a promise is broken. Equal options play equal worlds. */
export async function simulateWorld(options: WorldOptions): Promise<WorldReport> {
  const world = buildWorld(options)
  const isOver = () => world.broken() !== undefined
  open(world)
  await world.time.runUntil(world.time.nowMs() + 1_000 * options.ticks, isOver)
  if (!isOver()) await calmDown(world, isOver)
  return reportOn(world, options)
}

function open(world: World): void {
  const { ethereum, consumers, producers, checker, miner, nodes, cheats, faults } = world
  for (const { party } of consumers) {
    ethereum.send(party.address, { kind: 'deposit', amountWei: wei(10_000n) })
  }
  for (const producer of producers) producer.open()
  checker.noteBlock(ethereum.mine(seconds(worldStartSeconds + 1)))
  miner.start()
  for (const member of [...nodes, ...cheats]) member.start()
  faults.start()
  tickHouseholds(world)
}

function tickHouseholds(world: World): void {
  const { time, consumers, producers, miner } = world
  time.schedule(1_000, () => {
    if (!miner.isFaulty) return
    for (const consumer of consumers) consumer.tick()
    for (const producer of producers) producer.tick()
    tickHouseholds(world)
  })
}

/** The second part: nothing fails any more, and everything must settle or free. */
async function calmDown(world: World, isOver: () => boolean): Promise<void> {
  const { log, line, faults, miner, consumers, ethereum, nodes } = world
  log.write('calm')
  line.isFaulty = false
  miner.isFaulty = false
  faults.stop()
  for (const { party } of consumers) {
    const { address } = party
    ethereum.send(address, { kind: 'cancelWithdrawal' })
    ethereum.send(address, { kind: 'deposit', amountWei: wei(5_000n) })
  }
  await new LivenessPhase({ ...world, isOver }).run()
  if (isOver()) return
  for (const node of nodes) node.checkMemory()
}

function reportOn(world: World, { seed, ticks }: WorldOptions): WorldReport {
  const { log, book, checker, ethereum, nodes, cheats } = world
  const trades = [...book.all()]
  const paid = checker.checkPayments().size
  return {
    ...{ seed, ticks, nodes: nodes.length + cheats.length, cheats: cheats.length },
    ...{ broken: world.broken(), digest: log.digest(), lines: log.count },
    blocks: ethereum.head().number,
    trades: trades.length,
    certified: trades.filter((trade) => checker.isCertifiable(trade)).length,
    ...{ paid, tail: log.tail() },
  }
}
