import type { MemoryHub } from '../../adapters/network/memoryHub.ts'
import type { Random } from '../random.ts'
import type { SyncFate } from './crashingStore.ts'
import type { LinkFaults } from './linkFaults.ts'
import type { RunLog } from './runLog.ts'
import type { SimulatedNode } from './simulatedNode.ts'
import type { VirtualTime } from './virtualTime.ts'

/** What the faults of a world work on. */
export type WorldFaultsParts = {
  time: VirtualTime
  random: Random
  log: RunLog
  nodes: readonly SimulatedNode[]
  links: LinkFaults
  hub: MemoryHub | undefined
  /** New disks that a run may have: members that forgot count towards its faults. */
  newDisks: number
}

const daySeconds = 86_400

/** What goes wrong with computers, their clocks, chains and lines in a run’s first part. */
export class WorldFaults {
  readonly #parts: WorldFaultsParts
  #isOn = true
  #newDisks: number

  constructor(parts: WorldFaultsParts) {
    this.#parts = parts
    this.#newDisks = parts.newDisks
  }

  start(): void {
    this.#parts.time.schedule(1_000, () => {
      if (!this.#isOn) return
      this.start()
      this.#happen()
    })
  }

  /** Everything is mended; what is down comes up again. */
  stop(): void {
    this.#isOn = false
    const { nodes, links, hub } = this.#parts
    links.isOn = false
    links.isolate([])
    hub?.review()
    for (const node of nodes) {
      node.chain.lagBlocks = 0
      node.chain.isReachable = true
      // A clock is set right only by a start.
      if (node.skewMs !== 0) node.crash()
      node.skewMs = 0
      if (!node.isUp) node.start()
    }
  }

  /** What becomes of a node's next sync. */
  nextSync(node: SimulatedNode): SyncFate {
    const { random } = this.#parts
    if (!this.#isOn || !random.chance(0.0015)) return 'works'
    this.#restartLater(node)
    return random.chance(0.5) ? 'fails-before' : 'fails-after'
  }

  #happen(): void {
    const { random, nodes } = this.#parts
    for (const node of nodes) {
      if (random.chance(0.008)) this.#crash(node)
      if (random.chance(0.02)) this.#lag(node)
      if (random.chance(0.015)) this.#unplugChain(node)
      if (random.chance(0.01)) this.#setClock(node)
    }
    if (random.chance(0.002)) for (const node of nodes) this.#crash(node)
    if (nodes.length > 1 && random.chance(0.02)) this.#part()
  }

  #crash(node: SimulatedNode): void {
    if (!node.isUp) return
    node.crash()
    const { random } = this.#parts
    if (this.#newDisks > 0 && random.chance(0.4)) {
      this.#newDisks--
      node.wipe()
    }
    this.#restartLater(node)
  }

  #restartLater(node: SimulatedNode): void {
    const { time, random } = this.#parts
    time.schedule(random.between(200, 12_000), () => {
      if (!node.isUp) node.start()
    })
  }

  #lag(node: SimulatedNode): void {
    const { random, log } = this.#parts
    node.chain.lagBlocks = Math.floor(random.between(0, 6))
    log.write(node.name, 'lags', node.chain.lagBlocks)
  }

  #unplugChain(node: SimulatedNode): void {
    const { time, random, log } = this.#parts
    node.chain.isReachable = false
    log.write(node.name, 'has no chain')
    time.schedule(random.between(1_000, 15_000), () => {
      node.chain.isReachable = true
    })
  }

  #setClock(node: SimulatedNode): void {
    const { random, log } = this.#parts
    const isWild = random.chance(0.2)
    const dayMs = daySeconds * (random.chance(0.5) ? 1_000 : -1_000)
    node.skewMs = Math.round(isWild ? dayMs : random.between(-5_000, 5_000))
    log.write(node.name, 'has a clock that is wrong by', node.skewMs)
    this.#crash(node)
  }

  #part(): void {
    const { time, random, log, nodes, links, hub } = this.#parts
    const island = nodes.filter(() => random.chance(0.4)).map(({ name }) => name)
    log.write('a partition', island.join(' '))
    links.isolate(island)
    hub?.review()
    time.schedule(random.between(2_000, 15_000), () => {
      links.isolate([])
      hub?.review()
    })
  }
}
