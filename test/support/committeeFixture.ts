import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import type { ChainUpdate } from '../../src/ledger/chainUpdates.ts'
import { type LedgerState, openLedgerState } from '../../src/ledger/ledgerState.ts'
import type { NodeEffect, NodeInput, Reply } from '../../src/node/nodeEffect.ts'
import { NodeMachine } from '../../src/node/nodeMachine.ts'
import type { Store } from '../../src/ports/store.ts'
import type { Address } from '../../src/protocol/bytes.ts'
import {
  type CtpSubmission,
  type VerifiedCtp,
  verifyCtpSubmission,
} from '../../src/protocol/ctpSubmission.ts'
import type { NodeMessage } from '../../src/protocol/nodeMessages.ts'
import { SpbError } from '../../src/protocol/spbError.ts'
import { wei } from '../../src/protocol/units.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../../src/protocol/wire/nodeMessageCodec.ts'
import { accountOf, blockOf, foundingEvents } from './machineFixture.ts'
import { type Party, partyOf, startSeconds, testFacts, testMarket } from './tradeFixture.ts'

/** One node of a world: restarting it keeps its store. */
export type WorldNode = {
  name: string
  party: Party
  store: Store
  state: LedgerState
  machine: NodeMachine
  isUp: boolean
}

/** A message on its way; a test may hold it back or change it. */
export type Packet = { from: string; to: string; message: NodeMessage; isPublished: boolean }

/** Several machines that talk over the wire's own encoding, without any clock of their own. */
export class CommitteeWorld {
  readonly nodes: WorldNode[] = []
  readonly members: Address[]
  /** Drops a packet where it returns false. */
  filter: (packet: Packet) => boolean = () => true
  /** All that was delivered. */
  readonly delivered: Packet[] = []
  /** Log and blame effects, by node. */
  readonly notes: { node: string; effect: NodeEffect }[] = []
  readonly answers = new Map<number, Reply | SpbError>()
  number = 1
  nowSeconds = startSeconds
  readonly #packets: Packet[] = []
  #request = 0
  #mark = 0
  #delivery = 0

  constructor(memberCount: number, observerCount = 0) {
    const parties = Array.from({ length: memberCount + observerCount }, (_, at) =>
      partyOf(`committee member ${at}`),
    )
    this.members = parties.slice(0, memberCount).map(({ address }) => address)
    for (const [at, party] of parties.entries()) {
      this.nodes.push(this.#open(`peer-${at}`, party, createMemoryStore()))
    }
    this.block({ events: foundingEvents(2, this.members) })
    for (const node of this.nodes) this.#join(node)
    this.pump()
  }

  #open(name: string, party: Party, store: Store): WorldNode {
    const options = { liveCtpsPerAccount: 64, liveCtps: 1_000_000, isFirstStart: true }
    const state = openLedgerState(store, testFacts, options)
    const settlement = {
      ...{ batchItems: 100, batchAgeMs: 1_000, resendMs: 30_000 },
      beneficiary: party.address,
    }
    const machine = new NodeMachine({ memberKey: party.key, settlement, stallMs: 60_000 }, state)
    return { name, party, store, state, machine, isUp: true }
  }

  #join(node: WorldNode): void {
    this.step(node, {
      kind: 'networkStarted',
      peerId: node.name,
      addresses: [],
      mark: ++this.#mark,
    })
    for (const other of this.nodes) {
      if (other === node || !other.isUp) continue
      this.step(node, { kind: 'peer', peer: other.name, isConnected: true })
    }
  }

  /** Ends a node: its connections go down, its memory is gone, its store stays. */
  stop(at: number): void {
    const node = this.nodes[at]!
    node.isUp = false
    for (const other of this.nodes) {
      if (other.isUp) this.step(other, { kind: 'peer', peer: node.name, isConnected: false })
    }
  }

  /** Starts a node again, on its store or on another. */
  start(at: number, store = this.nodes[at]!.store, isChainUp = true): void {
    const { name, party } = this.nodes[at]!
    const node = this.#open(name, party, store)
    this.nodes[at] = node
    this.step(node, { kind: 'tick', nowMs: this.nowSeconds * 1000 })
    if (isChainUp) this.step(node, { kind: 'chain', update: this.#update({}) })
    this.#join(node)
    for (const other of this.nodes) {
      if (other === node || !other.isUp) continue
      this.step(other, { kind: 'peer', peer: name, isConnected: true })
    }
    this.pump()
  }

  /** A node reads the chain from its beginning. */
  showChain(at: number): void {
    const events = foundingEvents(2, this.members)
    this.step(this.nodes[at]!, { kind: 'chain', update: this.#update({ events }) })
    this.pump()
  }

  #update(part: Partial<ChainUpdate>): ChainUpdate {
    const confirmed = blockOf(this.number, this.nowSeconds)
    const nothing = { events: [], headEvents: [], trades: [], skipped: [], accounts: [] }
    return { confirmed, head: confirmed, ...nothing, ...part }
  }

  /** A new confirmed block for everyone, or for some nodes only. */
  block(part: Partial<ChainUpdate> & { seconds?: number } = {}, nodes = this.nodes): void {
    const { seconds = 1, ...rest } = part
    this.number++
    this.nowSeconds += seconds
    const update = this.#update(rest)
    for (const node of nodes) {
      if (!node.isUp) continue
      this.step(node, { kind: 'tick', nowMs: this.nowSeconds * 1000 })
      this.step(node, { kind: 'chain', update })
    }
    this.pump()
  }

  /** Gives an account money. */
  fund(account: Address, balanceWei: bigint): void {
    this.block({ accounts: [accountOf(account, { balanceWei: wei(balanceWei) })] })
  }

  /** Lets time pass without a block. */
  tick(seconds = 1): void {
    this.nowSeconds += seconds
    for (const node of this.nodes) {
      if (node.isUp) this.step(node, { kind: 'tick', nowMs: this.nowSeconds * 1000 })
    }
    this.pump()
  }

  /** Submits at a node; the answer, once it is there, stands in `answers`. */
  begin(at: number, submission: CtpSubmission): number {
    const request = ++this.#request
    const verified = verifyCtpSubmission(testMarket, submission)
    this.step(this.nodes[at]!, { kind: 'ctp', request, verified })
    return request
  }

  /** Submits at a node and lets all messages through; undefined where no answer came. */
  submit(at: number, submission: CtpSubmission): Reply | SpbError | undefined {
    const request = this.begin(at, submission)
    this.pump()
    return this.answers.get(request)
  }

  ask(at: number, makeInput: (request: number) => NodeInput): Reply | SpbError | undefined {
    const request = ++this.#request
    this.step(this.nodes[at]!, makeInput(request))
    this.pump()
    return this.answers.get(request)
  }

  step(node: WorldNode, input: NodeInput): void {
    if (!node.isUp) return
    const effects = node.machine.step([input])
    node.store.sync()
    for (const effect of effects) this.#release(node, effect)
  }

  #release(node: WorldNode, effect: NodeEffect): void {
    switch (effect.kind) {
      case 'reply':
        this.answers.set(effect.request, effect.reply)
        break
      case 'refuse':
        this.answers.set(effect.request, effect.error)
        break
      case 'send':
        this.#post(node.name, effect.peer, effect.message, false)
        break
      case 'publish':
        for (const { name } of this.nodes) {
          if (name !== node.name) this.#post(node.name, name, effect.message, true)
        }
        break
      case 'log':
      case 'blame':
      case 'settle':
        this.notes.push({ node: node.name, effect })
        break
    }
  }

  #post(from: string, to: string, message: NodeMessage, isPublished: boolean): void {
    const packet = { from, to, message: decodeNodeMessage(encodeNodeMessage(message)), isPublished }
    if (this.filter(packet)) this.#packets.push(packet)
  }

  /** Delivers what is on its way, and what that leads to, until nothing is. */
  pump(): void {
    for (let packet = this.#packets.shift(); packet; packet = this.#packets.shift()) {
      this.deliver(packet)
    }
  }

  /** Hands a packet to its receiver, as its runtime would. */
  deliver({ from, to, message, isPublished }: Packet): void {
    const node = this.nodes.find(({ name }) => name === to)
    if (node === undefined || !node.isUp) return
    this.delivered.push({ from, to, message, isPublished })
    const delivery = isPublished ? { delivery: ++this.#delivery } : {}
    if (message.kind !== 'voteRequest') {
      this.step(node, { kind: 'message', peer: from, message, ...delivery })
      return
    }
    const items = message.items.map(({ submission, vouches }) => {
      return { verified: verifyOrRefuse(submission), vouches }
    })
    const checked = { kind: 'voteRequest' as const, id: message.id, items }
    this.step(node, { kind: 'message', peer: from, message: checked })
  }
}

function verifyOrRefuse(submission: CtpSubmission): VerifiedCtp | SpbError {
  try {
    return verifyCtpSubmission(testMarket, submission)
  } catch (error) {
    if (error instanceof SpbError) return error
    throw error
  }
}

/** A copy of all that a store holds. */
export function copyStore(store: Store): Store {
  const copy = createMemoryStore()
  for (let bucket = 0; bucket < 32; bucket++) {
    const changes = Array.from(store.entries(bucket), ({ key, value }) => {
      return { bucket, key: key.slice(), value: value.slice() }
    })
    copy.commit(changes)
  }
  copy.sync()
  return copy
}
