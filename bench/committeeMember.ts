import { createEthereumChain } from '../src/adapters/chain/ethereumChain.ts'
import { createLibp2pNetwork } from '../src/adapters/network/libp2pNetwork.ts'
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { composeNode, type RunningNode } from '../src/node/compose.ts'
import type { MarketFacts } from '../src/ports/chain.ts'
import type { Network } from '../src/ports/network.ts'
import { bytesToHex } from '../src/protocol/bytes.ts'
import type { CtpSubmission } from '../src/protocol/ctpSubmission.ts'
import { addressOf } from '../src/protocol/signature.ts'
import { SpbError } from '../src/protocol/spbError.ts'
import { playTrades, prepareTrades, type Trade, type TradePlan } from './committeeTrader.ts'
import {
  benchFacts,
  benchOptions,
  committeeKeyOf,
  createRichChain,
  makeSubmissions,
} from './world.ts'

/** What the driver asks of a member's process. */
export type MemberOrder =
  | { kind: 'start'; member: number; members: number; database: string; chain: ChainOrder }
  | { kind: 'connect'; addresses: string[] }
  /** Signs the CTPs of these accounts, and submits none yet. */
  | { kind: 'prepare'; first: number; count: number }
  /** Submits the next of the prepared CTPs, so many at a time. */
  | { kind: 'submit'; count: number; inFlight: number }
  /** Signs whole trades; `trade` plays them, from the CTP to the payment. */
  | { kind: 'prepareTrades'; facts: MarketFacts; plan: TradePlan }
  | { kind: 'trade' }
  | { kind: 'status' }
  | { kind: 'end' }

/** A chain in memory with so many rich households, or one behind a URL. */
export type ChainOrder =
  | { kind: 'rich'; accounts: number }
  | { kind: 'ethereum'; url: string; facts: MarketFacts }

/** What a member's process answers; each order has one answer. */
export type MemberAnswer = {
  addresses?: string[]
  isVoting?: boolean
  isCaughtUp?: boolean
  liveCtps?: number
  certified?: number
  /** Resident memory of the process. */
  memoryBytes?: number
  root?: string
  /** From submission to certificate, or to payment, each. */
  latenciesMs?: number[]
  /** Of the process since its start. */
  cpuSeconds?: number
  failures?: string[]
  /** CTPs that were submitted once more, each time. */
  resubmitted?: number
}

/** A household’s patience with a gateway, and its pause before it submits once more. */
const patienceMs = 60_000
const pauseMs = 500
const quiet = { info: () => {}, warn: () => {}, error: () => {} }
let node: RunningNode | undefined
let network: Network | undefined
let trades: Trade[][] = []
let prepared: ReturnType<typeof makeSubmissions> = []

function openChain(order: ChainOrder, member: number, members: number) {
  if (order.kind === 'ethereum') {
    const { url, facts } = order
    const senderKey = bytesToHex(committeeKeyOf(member))
    const chain = createEthereumChain({ url, market: facts, senderKey })
    // As `spb up` runs beside a chain of others.
    return { chain, facts, options: { confirmations: 3, isFirstStart: true } }
  }
  const committee = Array.from({ length: members }, (_, at) => addressOf(committeeKeyOf(at)))
  const chain = createRichChain(order.accounts, committee)
  // The clock moves, so that who was not answered is asked again; the chain’s time stands still.
  const startMs = Date.now()
  const clock = { nowMs: () => chain.timeSeconds * 1000 + Date.now() - startMs }
  const options = { ...benchOptions, pollMs: 500, stallMs: 86_400_000 }
  return { chain, clock, facts: benchFacts, options }
}

async function start(order: Extract<MemberOrder, { kind: 'start' }>): Promise<MemberAnswer> {
  const { member, members, database } = order
  const { chain, facts, options, ...clock } = openChain(order.chain, member, members)
  network = createLibp2pNetwork({
    privateKey: committeeKeyOf(member),
    listen: ['/ip4/127.0.0.1/tcp/0'],
    topic: 'spb/1/bench',
    log: quiet,
  })
  const marketId = `${facts.chainId}:${facts.address}`
  const store = openSqliteStore({ path: database, marketId })
  node = await composeNode(
    { facts, memberKey: committeeKeyOf(member), ...options },
    { store, chain, log: quiet, network, ...clock },
  )
  return { addresses: network.addresses() }
}

async function submit(count: number, inFlight: number): Promise<MemberAnswer> {
  const queue = prepared.splice(0, count).values()
  const latenciesMs: number[] = []
  const failures: string[] = []
  let resubmitted = 0
  const submitOne = async (submission: CtpSubmission, endMs: number): Promise<void> => {
    try {
      await node!.service.submitCtp(submission)
    } catch (error) {
      // The votes may still come: a household submits the same again.
      const isLate = error instanceof SpbError && error.code === 'certificate/too-few-votes'
      if (!isLate || performance.now() > endMs) throw error
      resubmitted++
      await new Promise((resolve) => setTimeout(resolve, pauseMs))
      await submitOne(submission, endMs)
    }
  }
  const send = async () => {
    for (const submission of queue) {
      const startMs = performance.now()
      try {
        await submitOne(submission, startMs + patienceMs)
        latenciesMs.push(performance.now() - startMs)
      } catch (error) {
        failures.push(String(error))
      }
    }
  }
  await Promise.all(Array.from({ length: inFlight }, send))
  return { latenciesMs, failures, resubmitted }
}

function readStatus(): MemberAnswer {
  const { isVoting, liveCtps, root, caughtUp } = node!.service.status()
  const { user, system } = process.cpuUsage()
  let certified = 0
  for (const { state } of node!.state.live.values()) if (state !== 'proposed') certified++
  return {
    isVoting,
    isCaughtUp: caughtUp === true,
    liveCtps,
    root,
    certified,
    memoryBytes: process.memoryUsage.rss(),
    cpuSeconds: (user + system) / 1e6,
  }
}

async function obey(order: MemberOrder): Promise<MemberAnswer> {
  switch (order.kind) {
    case 'start':
      return await start(order)
    case 'connect':
      for (const address of order.addresses) network!.connect(address)
      return {}
    case 'prepare':
      prepared = makeSubmissions(order.count, order.first)
      return {}
    case 'submit':
      return await submit(order.count, order.inFlight)
    case 'prepareTrades':
      trades = prepareTrades(order.facts, order.plan)
      return {}
    case 'trade':
      return await playTrades(node!, trades)
    case 'status':
      return readStatus()
    case 'end':
      await node?.close()
      return {}
  }
}

// Nobody is left to give orders.
process.on('disconnect', () => process.exit())

process.on('message', async (order: MemberOrder) => {
  const answer = await obey(order)
  process.send!(answer)
  if (order.kind === 'end') process.disconnect()
})
