import { describe, expect, it } from 'vitest'
import { CommitteeWorld, type Packet } from '../../test/support/committeeFixture.ts'
import { accountOf, codeOf, eventOf } from '../../test/support/machineFixture.ts'
import {
  idOf,
  makeReceipt,
  makeSubmission,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import { type Bytes32, zeroBytes32 } from '../protocol/bytes.ts'
import type { CtpSubmission } from '../protocol/ctpSubmission.ts'
import { limits } from '../protocol/limits.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import { messageLimits, type NodeMessage } from '../protocol/nodeMessages.ts'
import { signPeerRecord } from '../protocol/peerRecord.ts'
import { signMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wei } from '../protocol/units.ts'
import type { CtpView } from '../protocol/views.ts'
import { encodeNodeMessage } from '../protocol/wire/nodeMessageCodec.ts'
import { Greeter } from './greeter.ts'
import type { NodeEffect, NodeInput } from './nodeEffect.ts'
import { NodeRuntime } from './nodeRuntime.ts'
import { PeerBook } from './peerBook.ts'
import { PeerTraffic } from './peerTraffic.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const noSignature = `0x${'00'.repeat(64)}` as const

function openWorld(members = 4): CommitteeWorld {
  const world = new CommitteeWorld(members)
  world.fund(consumer.address, 10_000n)
  return world
}

const deliver = (nonce = 0, amountWei = 1_000n) =>
  makeSubmission({ consumer, producer, nonce, amountWei })

const stateAt = (world: CommitteeWorld, at: number, ctpId: Bytes32) =>
  world.nodes[at]!.state.live.get(ctpId)?.state

const send = (world: CommitteeWorld, from: number, to: number, message: NodeMessage) =>
  world.deliver({ from: `peer-${from}`, to: `peer-${to}`, message, isPublished: false })

const blamed = (world: CommitteeWorld) =>
  world.notes.flatMap(({ effect }) => (effect.kind === 'blame' ? [effect.code] : []))

const opening = (world: CommitteeWorld) =>
  eventOf(world.number + 1, { kind: 'EpochOpened', epoch: 2, members: world.members })

/** The first packet of a kind that a test kept back. */
function keepBack(world: CommitteeWorld, isKept: (packet: Packet) => boolean): Packet[] {
  const kept: Packet[] = []
  world.filter = (packet) => {
    if (!isKept(packet)) return true
    kept.push(packet)
    return false
  }
  return kept
}

describe('a gateway whose members change while it gathers', () => {
  it('P2: never mixes votes of two epochs in one certificate', () => {
    const world = openWorld()
    const asks = keepBack(
      world,
      ({ to, message }) => message.kind === 'voteRequest' && to !== 'peer-1',
    )
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.submit(0, submission)
    world.filter = () => true
    world.block({ events: [opening(world)] }, world.nodes.slice(0, 1))
    const ask = asks.find(({ to }) => to === 'peer-3')!.message
    if (ask.kind !== 'voteRequest') throw new Error('no request')
    const vote = { epoch: 2, ctpsRoot: buildMerkleTree([ctpId]).root }
    const signature = signMessage(testMarket, 'HoldVote', vote, world.nodes[3]!.party.key)
    // Two votes of epoch 1 are there; a third one comes of epoch 2.
    const { node, message } = {
      node: world.nodes[0]!,
      message: { kind: 'voteReply' as const, id: ask.id, epoch: 2 },
    }
    const reply = { ...message, accepted: [0], signature, refusals: [] }
    world.step(node, { kind: 'message', peer: 'peer-3', message: reply })
    expect(stateAt(world, 0, ctpId)).toBe('proposed')
  })

  it('hears from all members again, however late it learns of the epoch', () => {
    const world = openWorld()
    const events = [opening(world)]
    const reasonOf = () => world.nodes[3]!.machine.gate.reason()?.text ?? ''
    expect(reasonOf()).not.toMatch(/heard from/)
    world.block({ events }, world.nodes.slice(0, 3))
    world.block({ events }, world.nodes.slice(3))
    expect(reasonOf()).not.toMatch(/heard from/)
  })
})

describe('a member that gives itself the name of another in the network', () => {
  it('does not take its place: nobody asks or blames the other in its stead', () => {
    const world = openWorld()
    const [, , victim, cheat] = world.nodes
    const claim = (peerId: string, sequence: bigint): NodeMessage => {
      const record = signPeerRecord(
        testMarket,
        { peerId, addresses: [], sequence },
        cheat!.party.key,
      )
      return { kind: 'hello', known: [record], epoch: 1, root: zeroBytes32 }
    }
    const { peers } = world.nodes[0]!.machine
    const highest = 2n ** 63n
    for (const [at, peerId] of ['peer-2', 'peer-9', 'peer-2'].entries()) {
      send(world, 3, 0, claim(peerId, highest + BigInt(at)))
      expect(peers.memberOf('peer-2')).toBe(victim!.party.address)
      expect(peers.peerOf(victim!.party.address)).toBe('peer-2')
      expect(peers.peerOf(cheat!.party.address)).toBeUndefined()
    }
    expect(world.submit(0, deliver())).toMatchObject({ state: 'held' })
    expect(blamed(world)).toEqual([])
  })

  it('gives the name up to whoever shows that it is his', () => {
    const world = openWorld()
    world.stop(2)
    const cheat = world.nodes[3]!
    // The claim is there before the one who has the name is known at all.
    const key = cheat.party.key
    const record = { peerId: 'peer-7', addresses: [], sequence: 2n ** 63n }
    const claim = signPeerRecord(testMarket, record, key)
    send(world, 3, 0, { kind: 'hello', known: [claim], epoch: 1, root: zeroBytes32 })
    const { peers } = world.nodes[0]!.machine
    const owner = world.nodes[2]!.party
    const own = signPeerRecord(testMarket, { ...record, sequence: 2n ** 62n }, owner.key)
    expect(peers.memberOf('peer-7')).toBe(cheat.party.address)
    const hello = { kind: 'hello' as const, known: [], epoch: 1, root: zeroBytes32 }
    send(world, 7, 0, { ...hello, record: own })
    expect(peers.memberOf('peer-7')).toBe(owner.address)
  })
})

describe('what looks like evidence or a certificate and is none', () => {
  it('nobody who is no member can have voted twice: certificate/no-equivocation', () => {
    const world = openWorld()
    const vote = { member: 50, signature: noSignature, path: { index: 0, siblings: [] } }
    const [one, other] = [deliver(0, 1_000n), deliver(0, 2_000n)].map((submission) => {
      const { ctp, consumerSignature } = submission
      return { ctp, consumerSignature, vote }
    })
    send(world, 1, 0, { kind: 'equivocation', epoch: 1, member: 50, votes: [one!, other!] })
    expect(world.nodes[0]!.machine.equivocations.list()).toEqual([])
    expect(blamed(world)).toEqual(['certificate/no-equivocation'])
  })

  it('a batch whose CTP its consumer did not sign is refused also where the CTP is known', () => {
    const world = openWorld()
    const kept = keepBack(
      world,
      ({ to, message }) => to === 'peer-3' && message.kind === 'certificates',
    )
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.submit(0, submission)
    const { message } = kept[0]!
    if (message.kind !== 'certificates') throw new Error('no batch')
    const stranger = makeSubmission({ consumer: partyOf('stranger'), producer })
    const items = message.items.map(({ ctp }) => {
      return { ctp, consumerSignature: stranger.consumerSignature }
    })
    send(world, 1, 3, { ...message, items })
    expect(stateAt(world, 3, ctpId)).toBe('proposed')
    expect(blamed(world)).toHaveLength(1)
    send(world, 1, 3, message)
    expect(stateAt(world, 3, ctpId)).toBe('held')
  })

  it('a batch that was passed on once is not passed on again in another order', () => {
    const world = openWorld()
    world.submit(0, deliver())
    const batch = world.delivered.find(({ message }) => message.kind === 'certificates')!
    const { message } = batch
    if (message.kind !== 'certificates') throw new Error('no batch')
    const verdictOf = (given: NodeMessage) => verdictsOf(world, 1, given).at(-1)
    expect(verdictOf({ ...message, ballots: message.ballots.toReversed() })).toBe('ignore')
  })
})

/** What a node makes of a published message. */
function verdictsOf(world: CommitteeWorld, at: number, message: NodeMessage): string[] {
  const input = { kind: 'message', peer: 'peer-2', message, delivery: 1 } as NodeInput
  const effects: NodeEffect[] = world.nodes[at]!.machine.step([input])
  return effects.flatMap((effect) => (effect.kind === 'verdict' ? [effect.verdict] : []))
}

describe('receipts that come before the certificate', () => {
  it('P3: a forged one does not take the place of the meter’s', () => {
    const world = openWorld()
    const kept = keepBack(
      world,
      ({ to, message }) => to === 'peer-3' && message.kind === 'certificates',
    )
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.submit(0, submission)
    const forged = makeReceipt(testMarket, ctpId, 4_000_000, partyOf('forger'))
    const signed = makeReceipt(testMarket, ctpId, 500, submission.meterKey)
    send(world, 1, 3, { kind: 'receipts', receipts: [forged] })
    send(world, 1, 3, { kind: 'receipts', receipts: [signed] })
    send(world, 1, 3, { kind: 'receipts', receipts: [forged] })
    world.deliver({ ...kept[0]!, isPublished: true })
    expect(world.nodes[3]!.state.live.get(ctpId)?.deliveredWh).toBe(500)
  })

  it('one that overtook the certificate that a gateway makes itself is taken then', () => {
    const world = openWorld()
    const replies = keepBack(world, ({ message }) => message.kind === 'voteReply')
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.submit(0, submission)
    const signed = makeReceipt(testMarket, ctpId, 500, submission.meterKey)
    send(world, 1, 0, { kind: 'receipts', receipts: [signed] })
    world.filter = () => true
    for (const reply of replies) world.deliver(reply)
    expect(stateAt(world, 0, ctpId)).toBe('receipted')
  })

  it('are passed on only where each was checked: else the honest are blamed for them', () => {
    const world = openWorld()
    const submission = deliver()
    const ctpId = idOf(submission, consumer)
    world.submit(0, submission)
    const half = makeReceipt(testMarket, ctpId, 250, submission.meterKey)
    const full = makeReceipt(testMarket, ctpId, 500, submission.meterKey)
    const unknown = makeReceipt(testMarket, `0x${'ab'.repeat(32)}`, 9, partyOf('forger'))
    const mixed: NodeMessage = { kind: 'receipts', receipts: [half, unknown] }
    expect(verdictsOf(world, 1, mixed)).toEqual(['ignore'])
    expect(world.nodes[1]!.state.live.get(ctpId)?.deliveredWh).toBe(250)
    expect(verdictsOf(world, 1, { kind: 'receipts', receipts: [full] })).toEqual(['accept'])
  })
})

describe('CTPs that wait', () => {
  it('for one that gets no certificate are answered, and do not wait for good', () => {
    const world = openWorld()
    world.filter = ({ message }) => message.kind !== 'voteReply'
    const [first, second] = [world.begin(0, deliver(0)), world.begin(0, deliver(1))]
    world.pump()
    for (let second = 0; second < 12; second++) world.tick()
    expect(codeOf(world.answers.get(first))).toBe('certificate/too-few-votes')
    expect(codeOf(world.answers.get(second))).toBe('ctp/nonce-skipped')
    const third = world.begin(0, deliver(1))
    world.tick()
    expect(codeOf(world.answers.get(third))).toBe('ctp/nonce-skipped')
  })

  it('go on waiting while another one of their account ends', () => {
    const world = openWorld()
    expect(world.submit(0, deliver(0))).toMatchObject({ state: 'held' })
    const replies = keepBack(world, ({ message }) => message.kind === 'voteReply')
    const requests = [world.begin(0, deliver(1)), world.begin(0, deliver(2))]
    world.pump()
    const used = { balanceWei: wei(9_000n), nonceBitmap: 1n }
    world.block({ accounts: [accountOf(consumer.address, used)] })
    world.filter = () => true
    for (const reply of replies) world.deliver(reply)
    world.pump()
    for (const request of requests) {
      expect(codeOf(world.answers.get(request))).toMatchObject({ state: 'held' })
    }
  })

  it('a member far behind is shown an account’s nonces from the first that it lacks', () => {
    const world = openWorld()
    const behind = ({ to, message }: Packet) =>
      !(to === 'peer-3' && message.kind !== 'hello' && message.kind !== 'voteReply')
    world.filter = behind
    const short = (nonce: number, expirySeconds: number): CtpSubmission =>
      makeSubmission({ consumer, producer, nonce, amountWei: 100n, expirySeconds })
    for (let nonce = 0; nonce < 70; nonce++) {
      if (nonce === 35) world.block({ seconds: 900 + 601 })
      const answer = world.submit(0, short(nonce, world.nowSeconds + 900))
      expect(codeOf(answer)).toMatchObject({ state: 'held' })
    }
    world.block({ seconds: 900 + 601 })
    world.filter = () => true
    world.stop(2)
    const answer = world.submit(0, short(70, world.nowSeconds + 900)) as CtpView
    expect(codeOf(answer)).toMatchObject({ state: 'held' })
  })
})

describe('what is asked of members', () => {
  it('blames whoever asks for votes for what no consumer signed', () => {
    const world = openWorld()
    const { meterKey: _, ...submission } = deliver()
    const items = [{ submission: { ...submission, consumerSignature: noSignature }, vouches: [] }]
    send(world, 1, 0, { kind: 'voteRequest', id: 1, items })
    expect(blamed(world)).toEqual(['signature/invalid'])
  })

  it('P2: a member that voided a nonce does not vote there, whatever the chain takes back', () => {
    const world = openWorld()
    const { meterKey: _, ...submission } = deliver()
    const { ctp, consumerSignature } = submission
    world.filter = ({ message }) => message.kind !== 'voteReply'
    world.submit(0, submission)
    world.block({ seconds: 900 + 601 })
    const shown = { ctp, consumerSignature }
    const answer = world.ask(0, (request) => ({ kind: 'void', request, shown }))
    expect(answer).toMatchObject({ nonce: 0 })
    for (const node of world.nodes) world.step(node, { kind: 'reorganised' })
    const replies = keepBack(world, ({ message }) => message.kind === 'voteReply')
    const items = [{ submission, vouches: [] }]
    for (const to of [1, 2, 3]) send(world, 0, to, { kind: 'voteRequest', id: 1, items })
    world.submit(0, submission)
    for (const { message } of replies) {
      expect(message).toMatchObject({ accepted: [], refusals: [{ code: 'ctp/nonce-closed' }] })
    }
    expect(replies.length).toBeGreaterThanOrEqual(3)
  })

  it('an account cannot have nonces voided without end: node/overloaded', () => {
    const world = openWorld()
    const shownAt = (nonce: number) => {
      const { ctp, consumerSignature } = makeSubmission({
        ...{ consumer, producer, nonce, expirySeconds: startSeconds - 10_000 },
      })
      return { ctp, consumerSignature }
    }
    const ask = (nonce: number) => {
      const shown = shownAt(nonce)
      return codeOf(world.ask(0, (request) => ({ kind: 'void', request, shown })))
    }
    for (let nonce = 0; nonce < 64; nonce++) expect(ask(nonce)).toMatchObject({ nonce })
    expect(ask(64)).toBe('node/overloaded')
    world.block({ seconds: 601 })
    expect(ask(64)).toMatchObject({ nonce: 64 })
  })

  it('asks nobody about an account without money: ctp/insufficient-balance', () => {
    const world = new CommitteeWorld(4, 1)
    const { ctp, consumerSignature } = makeSubmission({ consumer: partyOf('made up'), producer })
    const shown = { ctp, consumerSignature }
    const answer = world.ask(4, (request) => ({ kind: 'void', request, shown }))
    expect(codeOf(answer)).toBe('ctp/insufficient-balance')
    expect(world.delivered.some(({ message }) => message.kind === 'voidRequest')).toBe(false)
  })
})

describe('batches that a gateway spreads', () => {
  it('stay within what others read, however the votes came', () => {
    const world = new CommitteeWorld(7)
    const parties = Array.from({ length: 64 }, (_, at) => partyOf(`consumer ${at}`))
    for (const { address } of parties) world.fund(address, 10_000n)
    const late = new Set(['peer-4', 'peer-5', 'peer-6'])
    world.filter = ({ to, message }) => !(message.kind === 'voteRequest' && late.has(to))
    const ids = parties.map((party) => {
      const submission = makeSubmission({
        ...{ consumer: party, producer, expirySeconds: startSeconds + 3_000 },
      })
      world.submit(0, submission)
      return idOf(submission, party)
    })
    world.filter = ({ to, message }) =>
      !(message.kind === 'voteRequest' && (to === 'peer-5' || to === 'peer-6'))
    world.tick(3)
    for (const ctpId of ids) expect(stateAt(world, 6, ctpId)).toBe('held')
    expect(blamed(world)).toEqual([])
    for (const { message } of world.delivered) {
      if (message.kind !== 'certificates') continue
      expect(message.ballots.length).toBeLessThanOrEqual(messageLimits.ballots)
    }
  })
})

describe('what a node says', () => {
  it('is within what others read, also in the largest committee', () => {
    const parties = Array.from({ length: limits.members }, (_, at) => partyOf(`large ${at}`))
    const store = createMemoryStore()
    const peers = new PeerBook(testMarket, store)
    const take = (at: number, sequence: bigint) => {
      const record = { peerId: `peer-${at}`, addresses: [], sequence }
      peers.take(signPeerRecord(testMarket, record, parties[at]!.key), () => true)
    }
    for (const at of parties.keys()) take(at, 1n)
    take(99, 2n)
    const said: NodeEffect[] = []
    const observer = partyOf('observer')
    const greeter = new Greeter({
      ...{ memberKey: observer.key, memberAddress: observer.address, peers, gate: {} as never },
      state: {
        ...{ market: testMarket, store, tree: { root: () => new Uint8Array(32) } },
        committee: { epoch: 1, members: parties.map(({ address }) => address) },
      } as never,
      nowMs: () => 0,
      emit: (effect) => said.push(effect),
    })
    greeter.noteConnection('peer-99', true)
    const [hello] = said
    if (hello?.kind !== 'send' || hello.message.kind !== 'hello') throw new Error('no hello')
    expect(() => encodeNodeMessage(hello.message)).not.toThrow()
    const own = hello.message.known.filter(({ peerId }) => peerId === 'peer-99')
    expect(own.map(({ sequence }) => sequence)).toEqual([2n, 1n])
  })

  it('and cannot be said ends the node in order, with all who wait answered', async () => {
    const fault = new Error('the wire breaks')
    const log = {
      info: () => {
        throw fault
      },
      warn: () => {},
      error: () => {},
    }
    const options = { confirmations: 1, pollMs: 0, waitingRequests: 10, inputsPerStep: 10 }
    const effects = [{ kind: 'log', level: 'info', message: 'breaks', meta: {} }]
    const runtime = new NodeRuntime(options, {
      ...{ machine: { step: () => effects }, state: { store: { sync: () => {} } } },
      ...{ chain: {}, verifier: {}, clock: {}, log },
      scheduler: { defer: (run: () => void) => queueMicrotask(run) },
    } as never)
    const shown = deliver()
    const answer = runtime.ask((request) => ({ kind: 'void', request, shown }))
    await expect(answer).rejects.toBeInstanceOf(SpbError)
    expect(runtime.failure).toMatchObject({ code: 'node/internal', cause: fault })
  })
})

describe('a peer that sends more than a node can take', () => {
  function openTraffic() {
    const pushed: NodeInput[] = []
    const checks: number[] = []
    let onDirect: (peer: string, bytes: Uint8Array) => void = () => {}
    const network = {
      self: 'self',
      addresses: () => [],
      start: async (handlers: { onDirect: typeof onDirect }) => {
        onDirect = handlers.onDirect
      },
      report: () => {},
      close: async () => {},
    }
    const verifier = {
      verify: (submissions: readonly unknown[]) => {
        checks.push(submissions.length)
        return new Promise<never>(() => {})
      },
      close: async () => {},
    }
    const quiet = { info: () => {}, warn: () => {}, error: () => {} }
    const traffic = new PeerTraffic({
      ...{ network: network as never, verifier: verifier as never, log: quiet as never, mark: 1 },
      push: (input) => pushed.push(input),
      fail: () => {},
    })
    return {
      traffic,
      pushed,
      checks,
      send: (...args: Parameters<typeof onDirect>) => onDirect(...args),
    }
  }

  it('fills a bounded queue of its own, and leaves the others theirs', async () => {
    const { traffic, pushed, send: receive } = openTraffic()
    await traffic.start()
    pushed.length = 0
    const ask: NodeMessage = { kind: 'recordsAsk', id: 1, ctpIds: [] }
    const bytes = encodeNodeMessage(ask)
    for (let count = 0; count < 10_000; count++) receive('flooder', bytes)
    const most = pushed.length
    expect(most).toBeLessThan(1_000)
    expect(traffic.dropped).toBe(10_000 - most)
    receive('honest', bytes)
    expect(pushed).toHaveLength(most + 1)
    traffic.noteTaken(pushed.splice(0))
    receive('flooder', bytes)
    expect(pushed).toHaveLength(1)
  })

  it('has few vote requests under check at a time', async () => {
    const { traffic, checks, send: receive } = openTraffic()
    await traffic.start()
    const { meterKey: _, ...submission } = deliver()
    const items = [{ submission, vouches: [] }]
    const bytes = encodeNodeMessage({ kind: 'voteRequest', id: 1, items })
    for (let count = 0; count < 1_000; count++) receive('flooder', bytes)
    const most = checks.length
    expect(most).toBeLessThan(100)
    receive('honest', bytes)
    expect(checks).toHaveLength(most + 1)
  })
})
