import type { MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import { seconds } from '../../protocol/units.ts'
import type { Random } from '../random.ts'
import type { PromiseChecker } from './promiseChecker.ts'
import type { RunLog } from './runLog.ts'
import type { VirtualTime } from './virtualTime.ts'
import { blockMs, worldConfirmations } from './worldMarket.ts'

/** What a miner works with. */
export type ChainMinerParts = {
  time: VirtualTime
  random: Random
  log: RunLog
  ethereum: MemoryEthereum
  checker: PromiseChecker
}

/** Most blocks for which a transaction may have to wait. */
const longestWait = 3

/** Makes the chain's blocks: late, half empty, and on another branch at times. */
export class ChainMiner {
  readonly #parts: ChainMinerParts
  isFaulty = true
  /** Blocks in a row that left something out. */
  #left = 0

  constructor(parts: ChainMinerParts) {
    this.#parts = parts
  }

  start(): void {
    const { time } = this.#parts
    time.schedule(blockMs, () => {
      this.start()
      this.#makeBlock()
    })
  }

  #makeBlock(): void {
    const { random } = this.#parts
    if (!this.isFaulty) {
      this.#mine(Number.POSITIVE_INFINITY)
      return
    }
    if (random.chance(0.03)) return
    if (random.chance(0.12)) this.#reorganise()
    const isHolding = this.#left < longestWait && random.chance(0.25)
    this.#left = isHolding ? this.#left + 1 : 0
    this.#mine(isHolding ? Math.floor(random.between(0, 3)) : Number.POSITIVE_INFINITY)
  }

  /** Another branch wins: as deep as nodes wait for, at most, and longer by one at once. */
  #reorganise(): void {
    const { ethereum, random, log } = this.#parts
    const depth = 1 + Math.floor(random.between(0, worldConfirmations))
    if (depth + 1 >= ethereum.head().number) return
    const length = depth
    const times = Array.from({ length }, (_, at) => {
      return ethereum.block(ethereum.head().number - depth + 1 + at)!.timeSeconds
    })
    log.write('chain', 'reorganises', depth)
    ethereum.reorg(depth, random.chance(0.5) ? 'lost' : 'pending')
    for (const timeSeconds of times) {
      const most = random.chance(0.5) ? 0 : Number.POSITIVE_INFINITY
      this.#note(ethereum.mine(timeSeconds, Math.min(most, Number.MAX_SAFE_INTEGER)))
    }
  }

  #mine(most: number): void {
    const { ethereum, time } = this.#parts
    const nowSeconds = seconds(Math.floor(time.nowMs() / 1000))
    this.#note(ethereum.mine(nowSeconds, Math.min(most, Number.MAX_SAFE_INTEGER)))
  }

  #note(block: ReturnType<MemoryEthereum['mine']>): void {
    const { log, checker } = this.#parts
    log.write('chain', block.number, block.hash.slice(2, 10), block.transactions.size)
    checker.noteBlock(block)
  }
}
