import type { MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import type { MemoryHub } from '../../adapters/network/memoryHub.ts'
import { createMemoryNetwork } from '../../adapters/network/memoryNetwork.ts'
import type { SettleCall } from '../../ports/chain.ts'
import type { Network, PeerId } from '../../ports/network.ts'
import { type Bytes32, bytesToHex, type Signature, zeroBytes32 } from '../../protocol/bytes.ts'
import { type Committee, packSignatures, quorumOf } from '../../protocol/committee.ts'
import { identifyCtp } from '../../protocol/ctpSubmission.ts'
import { digestOf } from '../../protocol/digest.ts'
import type { HoldCertificate } from '../../protocol/holdCertificate.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { buildMerkleTree } from '../../protocol/merkle.ts'
import type {
  NodeMessage,
  SettleRequest,
  TreeAsk,
  VoteReply,
  VoteRequest,
} from '../../protocol/nodeMessages.ts'
import { signPeerRecord } from '../../protocol/peerRecord.ts'
import { itemsHashOf, packBatch } from '../../protocol/settlementBatch.ts'
import { recoverSigner, signMessage } from '../../protocol/signature.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../../protocol/wire/nodeMessageCodec.ts'
import type { Random } from '../random.ts'
import type { RogueGateway } from './neighbourhood.ts'
import type { RunLog } from './runLog.ts'
import type { TradeBook } from './tradeBook.ts'
import type { TradePapers } from './tradePapers.ts'
import type { VirtualTime } from './virtualTime.ts'
import { type WorldParty, worldFacts } from './worldMarket.ts'

/** What a cheating member works with. */
export type CheatParts = {
  index: number
  member: WorldParty
  time: VirtualTime
  random: Random
  log: RunLog
  hub: MemoryHub
  committee: Committee
  book: TradeBook
  addresses: readonly string[]
  ethereum: MemoryEthereum
}

type InventedOrder = { call: Omit<SettleCall, 'votes'>; signatures: Map<number, Signature> }

/** Messages that it remembers, to send them again to somebody. */
const mostKept = 200

/**
 * A member that does what it likes: votes for everything without checks, calls every nonce void,
 * signs every settlement, invents certificates, receipts' worth and roots, repeats old messages,
 * and keeps certificates that it made to itself.
 */
export class Cheat implements RogueGateway {
  readonly #parts: CheatParts
  readonly #network: Network
  readonly #kept: Uint8Array[] = []
  readonly #votes = new Map<Bytes32, { papers: TradePapers; replies: Map<number, VoteReply> }>()
  readonly #asked = new Map<number, TradePapers>()
  readonly #orders = new Map<number, InventedOrder>()
  #nextId = 1
  /** False: it answers nobody. */
  #isTalking = true

  constructor(parts: CheatParts) {
    this.#parts = parts
    this.#network = createMemoryNetwork(parts.hub, `node-${parts.index}`)
  }

  start(): void {
    const { addresses, time } = this.#parts
    for (const address of addresses) this.#network.connect(address)
    void this.#network.start({
      onPeer: (peer, isConnected) => {
        if (isConnected) this.#greet(peer)
      },
      onDirect: (peer, bytes) => this.#take(peer, bytes),
      onPublished: async (peer, bytes) => {
        this.#take(peer, bytes)
        return 'accept'
      },
    })
    const tick = () => {
      time.schedule(1_000, tick)
      this.#tick()
    }
    time.schedule(1_000, tick)
  }

  /** A household's trade: it may gather votes, and make a certificate that it keeps for later. */
  takeTrade(papers: TradePapers): void {
    this.#votes.set(papers.ctpId, { papers, replies: new Map() })
    for (const peer of this.#network.peers()) this.#askVote(peer, papers)
  }

  takeReceipt(_receipt: SignedErc): void {
    // Kept from everybody.
  }

  #tick(): void {
    const { random } = this.#parts
    if (random.chance(0.05)) this.#isTalking = !this.#isTalking
    if (!this.#isTalking) return
    if (random.chance(0.3)) this.#repeat()
    if (random.chance(0.2)) this.#inventSettlement()
    if (random.chance(0.2)) this.#inventCertificate()
    if (random.chance(0.2)) this.#inventRoot()
    if (random.chance(0.3)) this.#showCertificates()
    if (random.chance(0.05)) this.#sendRubbish()
  }

  #greet(peer: PeerId): void {
    const { member, time, index } = this.#parts
    const record = signPeerRecord(
      worldFacts,
      {
        peerId: `node-${index}`,
        addresses: [`/memory/node-${index}`],
        sequence: BigInt(time.nowMs()) * 1_000_000n,
      },
      member.key,
    )
    const root = this.#inventedRoot()
    this.#send(peer, { kind: 'hello', record, known: [], epoch: 1, root })
  }

  #take(peer: PeerId, bytes: Uint8Array): void {
    if (this.#kept.length < mostKept) this.#kept.push(bytes)
    else this.#kept[Math.floor(this.#parts.random.between(0, mostKept))] = bytes
    if (!this.#isTalking) return
    const message = readMessage(bytes)
    switch (message?.kind) {
      case 'voteRequest':
        this.#vote(peer, message)
        break
      case 'voteReply':
        this.#noteReply(peer, message)
        break
      case 'voidRequest':
        this.#signVoid(peer, message)
        break
      case 'settleRequest':
        this.#signSettlement(peer, message)
        break
      case 'settleReply':
        this.#noteSignature(peer, message.id, message.signature)
        break
      case 'treeAsk':
        this.#lieAboutTree(peer, message)
        break
    }
  }

  /** For each CTP alone, so that its vote fits any certificate. */
  #vote(peer: PeerId, { id, items }: VoteRequest): void {
    const ids = items.map(({ submission }) => identifyCtp(worldFacts, submission).ctpId)
    const { member, committee } = this.#parts
    const message = { epoch: committee.epoch, ctpsRoot: buildMerkleTree(ids).root }
    const signature = signMessage(worldFacts, 'HoldVote', message, member.key)
    const accepted = [...ids.keys()]
    this.#send(peer, {
      ...{ kind: 'voteReply', id, epoch: committee.epoch, accepted, signature, refusals: [] },
    })
  }

  #signVoid(peer: PeerId, { id, shown }: Extract<NodeMessage, { kind: 'voidRequest' }>): void {
    const { member, committee } = this.#parts
    const { epoch } = committee
    const { consumer, ctp } = identifyCtp(worldFacts, shown)
    const message = { epoch, account: consumer, nonce: ctp.nonce }
    const signature = signMessage(worldFacts, 'NonceVoid', message, member.key)
    this.#send(peer, { kind: 'voidReply', id, epoch, signature })
  }

  #signSettlement(peer: PeerId, request: SettleRequest): void {
    const { id, epoch, sequence, beneficiary, items } = request
    const order = { epoch, sequence, beneficiary, itemsHash: itemsHashOf(items) }
    const signature = signMessage(worldFacts, 'Settlement', order, this.#parts.member.key)
    this.#send(peer, { kind: 'settleReply', id, signature, refusals: [] })
  }

  #lieAboutTree(peer: PeerId, { id, places }: TreeAsk): void {
    if (this.#parts.random.chance(0.8)) return
    const hashes = Array.from({ length: 16 }, () => this.#inventedRoot())
    const answers = places.map(() => ({ kind: 'hashes' as const, hashes }))
    this.#send(peer, { kind: 'treeTell', id, root: this.#inventedRoot(), answers })
  }

  #askVote(peer: PeerId, papers: TradePapers): void {
    const id = this.#nextId++
    this.#asked.set(id, papers)
    const items = [{ submission: papers.submission, vouches: [] }]
    this.#send(peer, { kind: 'voteRequest', id, items })
  }

  #noteReply(peer: PeerId, reply: VoteReply): void {
    const papers = this.#asked.get(reply.id)
    const voter = Number(peer.split('-')[1])
    if (papers === undefined || reply.signature === undefined) return
    const { committee } = this.#parts
    const ctpsRoot = buildMerkleTree([papers.ctpId]).root
    const digest = digestOf(worldFacts, 'HoldVote', { epoch: committee.epoch, ctpsRoot })
    if (recoverSigner(digest, reply.signature) !== committee.members[voter]) return
    this.#votes.get(papers.ctpId)?.replies.set(voter, reply)
  }

  /** A certificate of which nobody else knows, with its own vote. */
  #certificateOf(ctpId: Bytes32): HoldCertificate | undefined {
    const { committee, member, index } = this.#parts
    const found = this.#votes.get(ctpId)
    if (found === undefined) return undefined
    const tree = buildMerkleTree([ctpId])
    const message = { epoch: committee.epoch, ctpsRoot: tree.root }
    const votes = [...found.replies].map(([voter, { signature }]) => {
      return { member: voter, signature: signature!, path: tree.pathOf(0) }
    })
    const own = signMessage(worldFacts, 'HoldVote', message, member.key)
    votes.push({ member: index, signature: own, path: tree.pathOf(0) })
    const { ctp, consumerSignature } = found.papers.submission
    votes.sort((a, b) => a.member - b.member)
    return { ctp, consumerSignature, epoch: committee.epoch, votes }
  }

  /** Shows some certificate, at last, to one node alone. */
  #showCertificates(): void {
    const { random, committee, log } = this.#parts
    const [peer] = this.#somePeers()
    if (peer === undefined) return
    for (const ctpId of this.#votes.keys()) {
      const certificate = this.#certificateOf(ctpId)
      if (certificate === undefined || certificate.votes.length < quorumOf(committee)) continue
      if (random.chance(0.5)) continue
      log.write('cheat', this.#parts.index, 'shows', ctpId.slice(2, 10), peer)
      this.#votes.delete(ctpId)
      this.#send(peer, { kind: 'recordsTell', id: 0, records: [{ certificate }] })
      return
    }
  }

  /** A certificate in which its own signature stands for everybody’s. */
  #inventCertificate(): void {
    const { book, random, committee, member } = this.#parts
    const trades = [...book.all()]
    const trade = trades[Math.floor(random.between(0, trades.length))]
    const [peer] = this.#somePeers()
    if (trade === undefined || peer === undefined) return
    const { ctp, consumerSignature } = trade.submission
    const lists = [[trade.ctpId]]
    const message = { epoch: committee.epoch, ctpsRoot: buildMerkleTree([trade.ctpId]).root }
    const signature = signMessage(worldFacts, 'HoldVote', message, member.key)
    const ballots = Array.from({ length: quorumOf(committee) }, (_, voter) => {
      return { member: voter, signature, list: 0 }
    })
    const items = [{ ctp, consumerSignature }]
    this.#send(peer, { kind: 'certificates', epoch: committee.epoch, items, lists, ballots })
  }

  /** A settlement of trades that nobody receipted. */
  #inventSettlement(): void {
    const { book, random, member, committee } = this.#parts
    const held = [...book.all()].filter(({ voters }) => voters.size + 1 >= quorumOf(committee))
    const trade = held[Math.floor(random.between(0, held.length))]
    if (trade === undefined) return
    const { ctp, consumerSignature } = trade.submission
    const deliveredWh = ctp.energyWh
    const items = packBatch([{ ctp, consumerSignature, deliveredWh }])
    const erc = { ctpId: trade.ctpId, deliveredWh, measuredAtSeconds: ctp.expirySeconds }
    const signature = signMessage(worldFacts, 'Erc', erc, member.key)
    const id = this.#nextId++
    const { epoch } = committee
    const order = { epoch, sequence: BigInt(id), beneficiary: member.address, items }
    const call = { ...order, databaseRoot: zeroBytes32 }
    this.#orders.set(id, { call, signatures: new Map() })
    const receipts = [{ erc, signature }]
    for (const peer of this.#network.peers()) {
      this.#send(peer, { kind: 'settleRequest', id, ...order, receipts })
    }
  }

  /** Once a quorum signed what it invented, the money moves. */
  #noteSignature(peer: PeerId, id: number, signature: Signature | undefined): void {
    const { committee, member, index, ethereum, log } = this.#parts
    const order = this.#orders.get(id)
    if (order === undefined || signature === undefined) return
    const { call, signatures } = order
    signatures.set(Number(peer.split('-')[1]), signature)
    if (signatures.size + 1 < quorumOf(committee)) return
    this.#orders.delete(id)
    const { epoch, sequence, beneficiary, items } = call
    const message = { epoch, sequence, beneficiary, itemsHash: itemsHashOf(items) }
    signatures.set(index, signMessage(worldFacts, 'Settlement', message, member.key))
    const sorted = [...signatures].sort(([a], [b]) => a - b).slice(0, quorumOf(committee))
    const votes = packSignatures(
      sorted.map(([voter, each]) => ({ member: voter, signature: each })),
    )
    log.write('cheat', index, 'settles', id)
    try {
      ethereum.sendSettlement(member.address, { ...call, votes })
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
    }
  }

  #inventRoot(): void {
    const [peer] = this.#somePeers()
    if (peer === undefined) return
    const headNumber = Math.floor(this.#parts.random.between(0, 100))
    this.#send(peer, { kind: 'root', root: this.#inventedRoot(), headNumber })
  }

  #inventedRoot(): Bytes32 {
    return bytesToHex(keccak256(new TextEncoder().encode(`root ${this.#parts.random.unit()}`)))
  }

  /** Sends something again that it once received, from whomever. */
  #repeat(): void {
    const bytes = this.#kept[Math.floor(this.#parts.random.between(0, this.#kept.length))]
    const [peer] = this.#somePeers()
    if (bytes === undefined || peer === undefined) return
    if (this.#parts.random.chance(0.5)) this.#network.publish(bytes)
    else this.#network.send(peer, bytes)
  }

  #sendRubbish(): void {
    const [peer] = this.#somePeers()
    if (peer !== undefined) this.#network.send(peer, Uint8Array.of(4, 255, 255, 255))
  }

  #somePeers(): PeerId[] {
    const peers = this.#network.peers()
    const from = Math.floor(this.#parts.random.between(0, peers.length))
    return [...peers.slice(from), ...peers.slice(0, from)]
  }

  #send(peer: PeerId, message: NodeMessage): void {
    try {
      this.#network.send(peer, encodeNodeMessage(message))
    } catch (error) {
      // What cannot be written cannot be sent.
      if (!(error instanceof SpbError)) throw error
    }
  }
}

/** What another cheat sent may be rubbish. */
function readMessage(bytes: Uint8Array): NodeMessage | undefined {
  try {
    return decodeNodeMessage(bytes)
  } catch (error) {
    if (error instanceof SpbError) return undefined
    throw error
  }
}
