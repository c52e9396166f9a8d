import type { Arrival, LinkPolicy } from '../../adapters/network/memoryLink.ts'
import type { Random } from '../random.ts'

/** Faults of all links of a world, decided by chance while they are on. */
export class LinkFaults implements LinkPolicy {
  readonly #random: Random
  isOn = true
  /** Peers on the one side of a partition; empty: there is none. */
  #island: ReadonlySet<string> = new Set()

  constructor(random: Random) {
    this.#random = random
  }

  /** Cuts these peers off from all others; the hub must review its connections. */
  isolate(peers: Iterable<string>): void {
    this.#island = new Set(peers)
  }

  canConnect(one: string, other: string): boolean {
    return this.#island.has(one) === this.#island.has(other)
  }

  arrivalsOf(): readonly Arrival[] {
    const random = this.#random
    if (!this.isOn) return [{ delayMs: 1 + Math.floor(random.between(0, 20)) }]
    if (random.chance(0.05)) return []
    const copies = random.chance(0.04) ? 2 : 1
    return Array.from({ length: copies }, () => ({
      delayMs: Math.floor(random.chance(0.05) ? random.between(200, 4_000) : random.between(1, 80)),
      mayOvertake: random.chance(0.08),
    }))
  }
}
