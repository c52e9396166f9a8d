import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createMemoryHub, type MemoryHub } from '../src/adapters/network/memoryHub.ts'
import { createMemoryNetwork } from '../src/adapters/network/memoryNetwork.ts'
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { SparseTree } from '../src/ledger/sparseTree.ts'
import { composeNode, type RunningNode } from '../src/node/compose.ts'
import type { Network } from '../src/ports/network.ts'
import { bytesToHex } from '../src/protocol/bytes.ts'
import { type CtpSubmission, identifyCtp } from '../src/protocol/ctpSubmission.ts'
import { limits } from '../src/protocol/limits.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import type { CertificateBatch, NodeMessage } from '../src/protocol/nodeMessages.ts'
import { signPeerRecord } from '../src/protocol/peerRecord.ts'
import { addressOf, signMessage } from '../src/protocol/signature.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../src/protocol/wire/nodeMessageCodec.ts'
import type { Figures } from './report.ts'
import {
  benchFacts,
  benchMarket,
  benchOptions,
  committeeKeyOf,
  createRichChain,
  makeSubmissions,
} from './world.ts'

/** CTPs of a run, each of its own account, with a CoE of its own. */
const ctps = 16_000
const warmUpCtps = 4_096
const runs = 3
/** Requests of 64 CTPs that wait for the member’s answers. */
const openRequests = 16
/** The member that is measured, and those whose votes the feeder brings. */
const measured = 0
const others = [1, 2, 3] as const
const nameOf = (member: number) => `member ${member}`
const quiet = { info: () => {}, warn: () => {}, error: () => {} }

/** A request for votes, and the certificates of its CTPs, as they go over the wire. */
type Frames = { count: number; request: Uint8Array; certificates: Uint8Array }

/** Hold certificates of some CTPs, under one vote of each of the others. */
function certify(part: readonly CtpSubmission[]): CertificateBatch {
  const ids = part.map((submission) => identifyCtp(benchMarket, submission).ctpId)
  const message = { epoch: 1, ctpsRoot: buildMerkleTree(ids).root }
  const items = part.map(({ ctp, consumerSignature }) => ({ ctp, consumerSignature }))
  const ballots = others.map((member) => {
    const signature = signMessage(benchMarket, 'HoldVote', message, committeeKeyOf(member))
    return { member, signature, list: 0 }
  })
  return { kind: 'certificates', epoch: 1, items, lists: [ids], ballots }
}

/** Frames for all submissions, by the ids of their requests. */
function makeFrames(submissions: readonly CtpSubmission[]): Map<number, Frames> {
  const frames = new Map<number, Frames>()
  for (let from = 0; from < submissions.length; from += limits.ctpsPerVote) {
    const part = submissions.slice(from, from + limits.ctpsPerVote)
    const id = from / limits.ctpsPerVote + 1
    const items = part.map((submission) => ({ submission, vouches: [] }))
    frames.set(id, {
      count: part.length,
      request: encodeNodeMessage({ kind: 'voteRequest', id, items }),
      certificates: encodeNodeMessage(certify(part)),
    })
  }
  return frames
}

/** Another member, which greets as one that knows nothing yet. */
async function greetAs(
  member: number,
  hub: MemoryHub,
  onMessage: (message: NodeMessage) => void,
): Promise<Network> {
  const network = createMemoryNetwork(hub, nameOf(member))
  const named = { peerId: network.self, addresses: [], sequence: BigInt(member) }
  const record = signPeerRecord(benchMarket, named, committeeKeyOf(member))
  const root = bytesToHex(SparseTree.from([]).root())
  const hello = encodeNodeMessage({ kind: 'hello', record, known: [], epoch: 1, root })
  network.connect(`/memory/${nameOf(measured)}`)
  await network.start({
    onPeer: (peer, isConnected) => void (isConnected && network.send(peer, hello)),
    onDirect: (_, bytes) => onMessage(decodeNodeMessage(bytes)),
    onPublished: async () => 'accept',
  })
  return network
}

/** Brings CTPs to a member, and the certificate of each once the member has voted for it. */
class Feeder {
  readonly #frames: ReadonlyMap<number, Frames>
  readonly #queue: Iterator<Frames>
  readonly #done = Promise.withResolvers<void>()
  #network: Network | undefined
  #missing = 0

  constructor(frames: ReadonlyMap<number, Frames>) {
    this.#frames = frames
    this.#queue = frames.values()
  }

  async join(hub: MemoryHub): Promise<void> {
    this.#network = await greetAs(1, hub, (message) => this.#take(message))
  }

  /** Resolves when the certificates of all further frames, or of so many, are on disk. */
  async feed(node: RunningNode, count: number): Promise<void> {
    this.#missing = count
    const { promise, resolve } = Promise.withResolvers<void>()
    const stopListening = node.service.subscribe((event) => {
      if (event.kind === 'ctp' && event.ctp.state === 'held' && --this.#missing === 0) resolve()
    })
    for (let open = 0; open < openRequests; open++) this.#ask()
    await Promise.race([promise, this.#done.promise])
    stopListening()
  }

  #ask(): void {
    const next = this.#queue.next()
    if (next.done !== true) this.#send(next.value.request)
  }

  #take(message: NodeMessage): void {
    if (message.kind !== 'voteReply') return
    const frames = this.#frames.get(message.id)
    if (frames === undefined || message.accepted.length < frames.count) {
      this.#done.reject(new Error(`The member refused: ${message.refusals[0]?.code}.`))
      return
    }
    this.#send(frames.certificates)
    this.#ask()
  }

  #send(bytes: Uint8Array): void {
    if (this.#network?.send(nameOf(measured), bytes) === true) return
    this.#done.reject(new Error('There is no way to the member.'))
  }
}

/** Feeds a member with a database on disk; certified CTPs a second. */
async function measureOnce(submissions: number, frames: Map<number, Frames>): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  const committee = [measured, ...others].map((member) => addressOf(committeeKeyOf(member)))
  const chain = createRichChain(submissions, committee)
  const startMs = Date.now()
  const clock = { nowMs: () => chain.timeSeconds * 1000 + Date.now() - startMs }
  const hub = createMemoryHub({
    nowMs: () => performance.now(),
    schedule: (delayMs, task) =>
      void (delayMs > 0 ? setTimeout(task, delayMs) : setImmediate(task)),
  })
  const marketId = `${benchFacts.chainId}:${benchFacts.address}`
  const store = openSqliteStore({ path: join(folder, 'member.db'), marketId })
  const network = createMemoryNetwork(hub, nameOf(measured))
  const node = await composeNode(
    { facts: benchFacts, memberKey: committeeKeyOf(measured), ...benchOptions },
    { store, chain, log: quiet, clock, network },
  )
  try {
    const feeder = new Feeder(frames)
    await feeder.join(hub)
    await greetAs(2, hub, () => {})
    while (!node.service.status().isVoting) await new Promise((resolve) => setImmediate(resolve))
    const feedMs = performance.now()
    await feeder.feed(node, submissions)
    return (submissions * 1000) / (performance.now() - feedMs)
  } finally {
    await node.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * One member, fed from outside as FastPay’s own benchmark feeds an authority: it votes for each
 * CTP, then checks and stores the certificate of three votes that the feeder brings; all durable.
 */
export async function measureMember(progress: (message: string) => void): Promise<Figures> {
  progress(`signing ${ctps} CTPs and their certificates`)
  const submissions = makeSubmissions(ctps)
  const frames = makeFrames(submissions)
  progress('feeding one member')
  // The first run warms compiler and workers up.
  await measureOnce(warmUpCtps, makeFrames(submissions.slice(0, warmUpCtps)))
  const perSecond: number[] = []
  for (let run = 0; run < runs; run++) perSecond.push(await measureOnce(ctps, frames))
  perSecond.sort((a, b) => a - b)
  return {
    memberCertifiedPerSecond: perSecond[1]!,
    memberCertifiedPerSecondLeast: perSecond[0]!,
    memberCertifiedPerSecondMost: perSecond[2]!,
  }
}
