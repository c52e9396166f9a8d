import { createMemoryChain, type MemoryChain } from '../../adapters/chain/memoryChain.ts'
import type { MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import type { MemoryHub } from '../../adapters/network/memoryHub.ts'
import { createMemoryNetwork } from '../../adapters/network/memoryNetwork.ts'
import { createMemoryStore, type MemoryStore } from '../../adapters/storage/memoryStore.ts'
import { type LedgerState, openLedgerState } from '../../ledger/ledgerState.ts'
import { WriteBuffer } from '../../ledger/writeBuffer.ts'
import { createNodeService } from '../../node/createNodeService.ts'
import { NodeMachine } from '../../node/nodeMachine.ts'
import { NodeRuntime } from '../../node/nodeRuntime.ts'
import type { NodeService } from '../../node/nodeService.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Log } from '../../ports/log.ts'
import type { Network } from '../../ports/network.ts'
import type { Store } from '../../ports/store.ts'
import { limits } from '../../protocol/limits.ts'
import { Acknowledgements } from './acknowledgements.ts'
import type { PlantedBug } from './bugs/plantedBug.ts'
import { createCrashingStore, PowerLoss, type SyncFate } from './crashingStore.ts'
import { observeNetwork } from './observedNetwork.ts'
import type { BrokenPromise, PromiseChecker } from './promiseChecker.ts'
import type { RunLog } from './runLog.ts'
import { createTradeVerifier } from './tradeVerifier.ts'
import type { VirtualTime } from './virtualTime.ts'
import { type WorldParty, worldConfirmations, worldFacts } from './worldMarket.ts'

/** What the nodes of one world share. */
export type NodeSurroundings = {
  time: VirtualTime
  log: RunLog
  ethereum: MemoryEthereum
  /** Left out: the node is alone. */
  hub?: MemoryHub
  checker: PromiseChecker
  bug?: PlantedBug
  /** Addresses to which each node keeps a connection. */
  addresses: readonly string[]
  /** What becomes of a node's next sync. */
  nextSync(node: SimulatedNode): SyncFate
  keptOf(commits: number): number
  /** Tells two starts of one moment apart. */
  drawMark(): number
  isHonest(peer: string): boolean
  fail(broken: BrokenPromise): void
}

/** One run of a node's program, from its start to its end. */
type Life = {
  runtime: NodeRuntime
  machine: NodeMachine
  state: LedgerState
  service: NodeService
  network: Network | undefined
  isAlive: boolean
  /** As of its last sync. */
  isVoting: boolean
}

const pollMs = 1_000

/** A member's computer: a disk, an Ethereum client, a clock, and the shipped node on top. */
export class SimulatedNode {
  readonly index: number
  readonly name: string
  readonly member: WorldParty
  readonly chain: MemoryChain
  readonly acknowledged = new Acknowledgements()
  /** By how much its clock is wrong from its next start on: a run's clock only goes on. */
  skewMs = 0
  #disk: MemoryStore = createMemoryStore()
  #isFirstStart = true
  readonly #around: NodeSurroundings
  #life: Life | undefined

  constructor(index: number, member: WorldParty, sender: WorldParty, around: NodeSurroundings) {
    this.index = index
    this.name = `node-${index}`
    this.member = member
    this.#around = around
    this.chain = createMemoryChain(around.ethereum, sender.address)
  }

  /** The node's answers; undefined while it is down. */
  get service(): NodeService | undefined {
    return this.#life?.service
  }

  get state(): LedgerState | undefined {
    return this.#life?.state
  }

  get isUp(): boolean {
    return this.#life !== undefined
  }

  /** Switches it on: it reads its disk, and goes on. */
  start(): void {
    this.checkMemory()
    this.#around.log.write(this.name, 'starts')
    const life = this.#makeLife()
    this.#life = life
    // A member that was never switched on before cannot have voted.
    this.#isFirstStart = false
    life.runtime.start().catch((error) => this.#noteBug(life, error))
  }

  /** P8: what it acknowledged is on its disk. */
  checkMemory(): void {
    const lost = this.acknowledged.findLost(this.#disk)
    if (lost === undefined) return
    this.#around.fail({ promise: 'P8', text: `${this.name} lost ${lost}` })
  }

  /** Cuts its power. */
  crash(): void {
    const life = this.#life
    if (life === undefined) return
    this.#around.log.write(this.name, 'crashes')
    this.#end(life)
    this.#disk.crash()
  }

  /** Its disk is replaced by an empty one while it is down. */
  wipe(): void {
    this.#around.log.write(this.name, 'has a new disk')
    this.#disk = createMemoryStore()
    this.acknowledged.forget()
    this.#around.checker.forget(this.index)
  }

  #end(life: Life): void {
    life.isAlive = false
    if (this.#life === life) this.#life = undefined
    void life.network?.close()
  }

  #makeLife(): Life {
    const { time, bug, hub, addresses } = this.#around
    // The parts ask whether they are alive before the life is whole.
    const vital = { isAlive: true, isVoting: false } as Life
    const isAlive = () => vital.isAlive
    const { skewMs } = this
    const clock: Clock = { nowMs: () => time.nowMs() + skewMs }
    const facts = bug?.facts?.(worldFacts) ?? worldFacts
    const state = openLedgerState(new WriteBuffer(this.#openStore(vital)), facts, {
      ...{ liveCtpsPerAccount: limits.nonceWindow, liveCtps: 10_000 },
      isFirstStart: this.#isFirstStart,
    })
    const memberKey = this.member.key
    const settlement = { batchItems: 20, batchAgeMs: 3_000, resendMs: 10_000 }
    const machine = new NodeMachine(
      {
        ...{ memberKey, stallMs: 20_000, clockToleranceMs: 60_000 },
        settlement: { ...settlement, beneficiary: this.member.address },
      },
      state,
    )
    bug?.machine?.({ machine, state, memberKey })
    const bare = hub && createMemoryNetwork(hub, this.name)
    const observed = bare && observeNetwork(bare, this.#around)
    const network = observed && (bug?.network?.(observed) ?? observed)
    const verifier = createTradeVerifier(state.market)
    const runtime = new NodeRuntime(
      {
        confirmations: bug?.confirmations ?? worldConfirmations,
        ...{ pollMs, waitingRequests: 1_000, inputsPerStep: 64 },
        startMark: this.#around.drawMark(),
      },
      {
        ...{ machine, state, clock },
        chain: bug?.chain?.(this.chain, clock) ?? this.chain,
        log: this.#logOf(vital),
        verifier: bug?.verifier?.(verifier) ?? verifier,
        scheduler: time.schedulerOf(isAlive),
        ...(network === undefined ? {} : { network }),
      },
    )
    for (const address of addresses) network?.connect(address)
    const service = createNodeService(runtime, machine, state)
    return Object.assign(vital, { runtime, machine, state, service, network })
  }

  #openStore(life: Life): Store {
    const { bug, checker } = this.#around
    const store = createCrashingStore(this.#disk, {
      isAlive: () => life.isAlive,
      nextSync: () => this.#around.nextSync(this),
      keptOf: (commits) => this.#around.keptOf(commits),
      die: () => {
        this.#around.log.write(this.name, 'loses power')
        this.#end(life)
      },
      onSynced: (changes) => {
        // A vote may have been cast early in a step of which the end forbids it.
        const couldVote = life.isVoting
        life.isVoting = life.machine?.gate.reason() === undefined
        checker.noteSynced(this.index, changes, couldVote || life.isVoting)
      },
    })
    return bug?.store?.(store) ?? store
  }

  #logOf(life: Life): Log {
    const write = (level: string) => (meta: object, message: string) => {
      if (!life.isAlive) return
      const { err, ...rest } = meta as { err?: unknown }
      this.#around.log.write(this.name, level, message, JSON.stringify(rest))
      if (err !== undefined) this.#noteBug(life, err)
    }
    return { info: write('info'), warn: write('warn'), error: write('error') }
  }

  /** Nothing in a world may make a program fail but a power loss. */
  #noteBug(life: Life, error: unknown): void {
    if (!life.isAlive || error instanceof PowerLoss) return
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#around.fail({
      promise: 'crash',
      text: `${this.name} stopped: ${text}`,
    })
  }
}
