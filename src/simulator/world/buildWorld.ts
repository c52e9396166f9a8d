import { MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import { createMemoryHub, type MemoryHub } from '../../adapters/network/memoryHub.ts'
import { type Committee, faultsOf, quorumOf } from '../../protocol/committee.ts'
import { seconds } from '../../protocol/units.ts'
import { createRandom, type Random } from '../random.ts'
import type { PlantedBug } from './bugs/plantedBug.ts'
import { ChainMiner } from './chainMiner.ts'
import { Cheat } from './cheat.ts'
import { ClientLine } from './clientLine.ts'
import { Consumer } from './consumer.ts'
import type { ConsumerStyle } from './consumerStyle.ts'
import { LinkFaults } from './linkFaults.ts'
import { Neighbourhood } from './neighbourhood.ts'
import { Producer } from './producer.ts'
import { type BrokenPromise, PromiseChecker } from './promiseChecker.ts'
import { RunLog } from './runLog.ts'
import { SimulatedNode } from './simulatedNode.ts'
import type { Supply } from './supply.ts'
import { TradeBook } from './tradeBook.ts'
import { worldManufacturer } from './tradePapers.ts'
import { VirtualTime } from './virtualTime.ts'
import { WorldFaults } from './worldFaults.ts'
import { type WorldParty, worldFacts, worldPartyOf, worldStartSeconds } from './worldMarket.ts'

/** Which world is made. */
export type WorldOptions = {
  /** All that is left to chance depends on it. */
  seed: number
  /** Seconds of the first part, in which everything may fail. */
  ticks: number
  /** Members of the committee; by the seed where left out. */
  nodes?: number
  /** Of them such that cheat; by the seed where left out. */
  cheats?: number
  /** How its consumers behave; all kinds where left out. */
  styles?: readonly ConsumerStyle[]
  /** Members whose disk may be replaced; as many as may fail where left out. */
  newDisks?: number
  bug?: PlantedBug
  onLine?(line: string): void
}

/** A world before it begins. */
export type World = {
  time: VirtualTime
  log: RunLog
  book: TradeBook
  ethereum: MemoryEthereum
  checker: PromiseChecker
  /** Members that keep to the rules. */
  nodes: readonly SimulatedNode[]
  cheats: readonly Cheat[]
  faults: WorldFaults
  miner: ChainMiner
  line: ClientLine
  around: Neighbourhood
  consumers: readonly Consumer[]
  producers: readonly Producer[]
  /** Notes what was broken first. */
  fail(broken: BrokenPromise): void
  broken(): BrokenPromise | undefined
}

type Foundation = Pick<
  World,
  'time' | 'log' | 'book' | 'ethereum' | 'checker' | 'fail' | 'broken'
> & {
  members: readonly WorldParty[]
  senders: readonly WorldParty[]
  committee: Committee
  cheatCount: number
  randomOf(stream: number): Random
}

const allStyles: readonly ConsumerStyle[] = [
  ...(['honest', 'honest', 'doubleSpender', 'overspender', 'forger', 'leaver'] as const),
]

/** How many members a seed's committee has. */
export function nodesOfSeed(seed: number): number {
  if (seed % 5 === 0) return 1
  return seed % 8 === 0 ? 7 : 4
}

/** Makes the world of a seed. */
export function buildWorld(options: WorldOptions): World {
  const foundation = layFoundation(options)
  const { time, log, committee, randomOf, members } = foundation
  const links = new LinkFaults(randomOf(1))
  const hub = createMemoryHub({
    nowMs: () => time.nowMs(),
    schedule: (delayMs, task) => time.schedule(delayMs, task),
    policy: links,
    connectMs: 10,
  })
  const isAlone = members.length === 1
  const { nodes, cheats, faultsRef } = settleMembers(options, foundation, hub)
  const newDisks = options.newDisks ?? Math.max(0, faultsOf(committee) - cheats.length)
  const faults = new WorldFaults({
    ...{ time, log, nodes, links, newDisks },
    ...{ random: randomOf(3), hub: isAlone ? undefined : hub },
  })
  faultsRef.current = faults
  const miner = new ChainMiner({ ...foundation, random: randomOf(4) })
  const line = new ClientLine({ time, random: randomOf(5), fail: foundation.fail })
  return {
    ...foundation,
    nodes,
    cheats,
    faults,
    miner,
    line,
    ...settleHomes(foundation, options.styles ?? allStyles, line, [...nodes, ...cheats]),
  }
}

function layFoundation(options: WorldOptions): Foundation {
  const { seed, onLine } = options
  const count = options.nodes ?? nodesOfSeed(seed)
  const time = new VirtualTime(worldStartSeconds * 1_000)
  const log = new RunLog(() => time.nowMs(), onLine)
  const book = new TradeBook()
  const members = Array.from({ length: count }, (_, at) => worldPartyOf(`member ${at}`))
  const senders = members.map((_, at) => worldPartyOf(`sender ${at}`))
  const committee = { epoch: 1, members: members.map(({ address }) => address) }
  const most = faultsOf(committee)
  const cheatCount = Math.min(most, options.cheats ?? (seed % 3 === 0 ? 0 : most))
  const ethereum = new MemoryEthereum({
    market: { chainId: worldFacts.chainId, address: worldFacts.address },
    ...{ options: worldFacts.options, members: committee.members },
    manufacturers: [worldManufacturer.address],
    timeSeconds: seconds(worldStartSeconds),
    proposers: senders.map(({ address }) => address),
  })
  let broken: BrokenPromise | undefined
  const fail = (found: BrokenPromise) => {
    broken ??= found
    log.write('BROKEN', found.promise, found.text)
  }
  const quorum = quorumOf(committee)
  const checker = new PromiseChecker({ ethereum, book, quorum, cheats: cheatCount, fail })
  const randomOf = (stream: number) => createRandom(seed, stream)
  return {
    ...{ time, log, book, ethereum, checker, fail, broken: () => broken },
    ...{ members, senders, committee, cheatCount, randomOf },
  }
}

/** The last members are those that cheat. */
function settleMembers({ bug }: WorldOptions, foundation: Foundation, hub: MemoryHub) {
  const { members, senders, cheatCount, randomOf } = foundation
  const honest = members.length - cheatCount
  const power = randomOf(2)
  const faultsRef: { current: WorldFaults | undefined } = { current: undefined }
  const addresses = members.map((_, at) => `/memory/node-${at}`)
  const names = new Set(members.slice(0, honest).map((_, at) => `node-${at}`))
  const nodes = members.slice(0, honest).map((member, at) => {
    return new SimulatedNode(at, member, senders[at]!, {
      ...foundation,
      ...(members.length === 1 ? {} : { hub }),
      ...(bug === undefined ? {} : { bug }),
      ...{ addresses, isHonest: (peer: string) => names.has(peer) },
      nextSync: (node) => faultsRef.current?.nextSync(node) ?? 'works',
      drawMark: () => Math.floor(power.between(0, 2 ** 20)),
      keptOf: (commits) => Math.floor(power.between(0, commits + 1)),
    })
  })
  const cheats = members.slice(honest).map((member, at) => {
    const index = honest + at
    return new Cheat({ ...foundation, index, member, hub, addresses, random: randomOf(40 + at) })
  })
  return { nodes, cheats, faultsRef }
}

function settleHomes(
  foundation: Foundation,
  styles: readonly ConsumerStyle[],
  line: ClientLine,
  gateways: readonly (SimulatedNode | Cheat)[],
): Pick<World, 'around' | 'consumers' | 'producers'> {
  const { committee, randomOf } = foundation
  const supplies: Supply[] = []
  const faults = faultsOf(committee)
  const around = new Neighbourhood({ ...foundation, line, gateways, faults, supplies })
  let offers = 0n
  const nextOfferId = () => ++offers
  const producers = [0, 1].map((at) => {
    const random = randomOf(10 + at)
    const parts = { around, random, committee, supplies, nextOfferId }
    return new Producer(worldPartyOf(`producer ${at}`), parts)
  })
  const consumers = styles.map((style, at) => {
    return new Consumer(worldPartyOf(`consumer ${at}`), style, around, randomOf(20 + at))
  })
  return { around, consumers, producers }
}
