import { describe, expect, it } from 'vitest'
import {
  makeContext,
  makeManyRecords,
  members,
  openLedger,
  peerOf,
  receiptOf,
  submissionOf,
  type TestContext,
  type TestRecord,
} from '../../test/support/syncFixture.ts'
import { testMarket } from '../../test/support/tradeFixture.ts'
import { certifyRecord } from '../ledger/ctpRecords.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { RecoveryCache } from '../ledger/recoveryCache.ts'
import { recordVote } from '../ledger/voting.ts'
import { type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import { verifyCtpSubmission } from '../protocol/ctpSubmission.ts'
import type {
  NodeMessage,
  RecordsTell,
  TreeAnswer,
  TreePlace,
  TreeTell,
} from '../protocol/nodeMessages.ts'
import { decodeNodeMessage, encodeNodeMessage } from '../protocol/wire/nodeMessageCodec.ts'
import { CatchUp, catchUpDefaults } from './catchUp.ts'
import type { Judgement } from './nodeContext.ts'
import { SyncDesk, syncDeskDefaults } from './syncDesk.ts'

type TestNode = {
  state: LedgerState
  context: TestContext
  catchUp: CatchUp
  desk: SyncDesk
  certified: Bytes32[]
  receipted: Bytes32[]
}

const others = (self: number) => [0, 1, 2, 3].filter((index) => index !== self)
const rootOf = ({ state }: TestNode) => bytesToHex(state.tree.root())

/** Four members of which each can reach each, over the real form of messages. */
class SyncWorld {
  readonly nodes: TestNode[]
  readonly judgements: Exclude<Judgement, { verdict: 'accept' }>[] = []
  /** Bytes that went over the wire, by kind. */
  readonly bytes = new Map<string, number>()
  /** What a member says in place of a message of its own; undefined: it says nothing. */
  tamper = (_from: number, message: NodeMessage): NodeMessage | undefined => message

  constructor() {
    this.nodes = members.map((_, self) => {
      const state = openLedger()
      const context = makeContext(state, self, others(self))
      const certified: Bytes32[] = []
      const receipted: Bytes32[] = []
      const catchUp = new CatchUp(catchUpDefaults, context, {
        onCertified: ({ ctpId }) => certified.push(ctpId),
        onReceipted: (ctpId) => receipted.push(ctpId),
      })
      const desk = new SyncDesk(syncDeskDefaults, context)
      return { state, context, catchUp, desk, certified, receipted }
    })
  }

  /** Gives members records, as gossip would. */
  know(selves: number[], records: readonly TestRecord[]): void {
    const cache = new RecoveryCache(testMarket)
    for (const self of selves) {
      for (const record of records) certifyRecord(this.nodes[self]!.state, record, cache)
    }
  }

  /** Time passes at one member, or at all. */
  tick(ms = 0, selves = [0, 1, 2, 3]): void {
    for (const { context } of this.nodes) context.clock.nowMs += ms
    for (const self of selves) this.nodes[self]!.catchUp.tick()
    this.run()
  }

  /** Delivers messages until none is on its way; how many they were. */
  run(): number {
    let count = 0
    for (let isMoving = true; isMoving; ) {
      isMoving = false
      for (const [from, { context }] of this.nodes.entries()) {
        for (const effect of context.effects.splice(0)) {
          if (effect.kind !== 'send') continue
          const message = this.tamper(from, effect.message)
          if (message === undefined) continue
          count++
          isMoving = true
          this.#deliver(from, Number(effect.peer.at(-1)), encodeNodeMessage(message), message.kind)
        }
      }
    }
    return count
  }

  #deliver(from: number, to: number, bytes: Uint8Array, kind: string): void {
    this.bytes.set(kind, (this.bytes.get(kind) ?? 0) + bytes.length)
    const message = decodeNodeMessage(bytes)
    const { desk, catchUp } = this.nodes[to]!
    const isAsk = message.kind === 'treeAsk' || message.kind === 'recordsAsk'
    const judgement = isAsk
      ? desk.take(peerOf(from), message)
      : catchUp.take(peerOf(from), message as TreeTell | RecordsTell)
    if (judgement.verdict !== 'accept') this.judgements.push(judgement)
  }
}

/** A world in which member 0 has nothing and the others have some records. */
function openBehind(count: number): { world: SyncWorld; behind: TestNode; records: TestRecord[] } {
  const world = new SyncWorld()
  const records = makeManyRecords(count)
  world.know([1, 2, 3], records)
  return { world, behind: world.nodes[0]!, records }
}

describe('CatchUp at the start', () => {
  it('fetches all that others know, once, and has then caught up', () => {
    const { world, behind, records } = openBehind(320)
    expect(behind.catchUp.hasCaughtUp).toBe(false)
    world.tick(0, [0])
    expect(behind.catchUp.hasCaughtUp).toBe(true)
    expect(behind.catchUp.roundCount).toBe(0)
    expect(rootOf(behind)).toBe(rootOf(world.nodes[1]!))
    expect([...behind.certified].sort()).toEqual(records.map(({ ctpId }) => ctpId).sort())
    expect(world.judgements).toEqual([])
    // Each record a few hundred bytes, whichever of the three peers it came from.
    expect(world.bytes.get('recordsTell')! / records.length).toBeLessThan(800)
  })

  it('has caught up once 2f other members were compared with, not before', () => {
    const { world, behind } = openBehind(1)
    const { catchUp, context } = behind
    for (const index of [2, 3]) context.peers.noteConnection(peerOf(index), false)
    world.tick(0, [0])
    expect(behind.certified).toHaveLength(1)
    expect(catchUp.hasCaughtUp).toBe(false)
    context.peers.noteConnection(peerOf(2), true)
    catchUp.greet(peerOf(2), rootOf(world.nodes[2]!))
    expect(catchUp.hasCaughtUp).toBe(true)
  })

  it('needs nobody where it is the only member', () => {
    const { behind } = openBehind(0)
    behind.state.committee = { epoch: 1, members: [members[0]!.address] }
    expect(behind.catchUp.hasCaughtUp).toBe(true)
  })

  it('certifies what it had only voted for', () => {
    const world = new SyncWorld()
    const node = world.nodes[0]!
    const submission = submissionOf()
    recordVote(node.state, verifyCtpSubmission(testMarket, submission))
    const { ctpId } = [...node.state.live.values()][0]!
    const known = makeManyRecords(1, 5)
    world.know([1, 2, 3], known)
    world.tick(0, [0])
    expect(node.state.live.get(ctpId)?.state).toBe('proposed')
    expect(node.certified).toEqual([known[0]!.ctpId])
  })
})

describe('CatchUp later on', () => {
  it('costs what the difference costs, not what the databases hold', () => {
    const { world, behind } = openBehind(320)
    world.tick(0, [0])
    world.bytes.clear()
    world.know([1, 2, 3], makeManyRecords(3, 3_000))
    behind.catchUp.noteRoot(peerOf(1), rootOf(world.nodes[1]!))
    world.tick(catchUpDefaults.everyMs, [0])
    expect(rootOf(behind)).toBe(rootOf(world.nodes[1]!))
    const bytes = [...world.bytes.values()].reduce((sum, each) => sum + each, 0)
    expect(bytes).toBeLessThan(30_000)
  })

  it('asks one member in turn every few seconds, and nobody whose root is its own', () => {
    const { world, behind } = openBehind(5)
    world.tick(0, [0])
    for (const index of [1, 2, 3]) behind.catchUp.noteRoot(peerOf(index), rootOf(behind))
    world.bytes.clear()
    world.tick(catchUpDefaults.everyMs, [0])
    expect(world.bytes.size).toBe(0)
    for (const index of [1, 2, 3]) behind.catchUp.noteRoot(peerOf(index), `0x${'11'.repeat(32)}`)
    const asked: number[] = []
    world.tamper = (from, message) => {
      if (message.kind === 'treeTell') asked.push(from)
      return message
    }
    for (let count = 0; count < 3; count++) world.tick(catchUpDefaults.everyMs, [0])
    expect(asked.sort()).toEqual([1, 2, 3])
    world.tick(1, [0])
    expect(asked).toHaveLength(3)
  })

  it('takes higher receipts in, and gives its own to who has lower ones', () => {
    const { world, behind, records } = openBehind(300)
    world.tick(0, [0])
    const [first, second, third] = records
    world.know([1], [{ ...first!, receipt: receiptOf(first!, 100) }])
    world.know([0], [{ ...second!, receipt: receiptOf(second!, 200) }])
    world.know([0], [{ ...third!, receipt: receiptOf(third!, 300) }])
    world.know([1], [{ ...third!, receipt: receiptOf(third!, 50) }])
    behind.catchUp.compareWith(peerOf(1))
    world.run()
    expect(rootOf(behind)).toBe(rootOf(world.nodes[1]!))
    expect(behind.receipted).toEqual([first!.ctpId])
    const given = world.nodes[1]!
    expect([...given.receipted].sort()).toEqual([second!.ctpId, third!.ctpId].sort())
    expect(given.state.live.get(third!.ctpId)?.deliveredWh).toBe(300)
  })

  it('takes records that it did not ask for, and knows them the second time', () => {
    const { behind } = openBehind(0)
    const [record] = makeManyRecords(1)
    const tell = { kind: 'recordsTell' as const, id: 0, records: [record!] }
    expect(behind.catchUp.take(peerOf(1), tell)).toEqual({ verdict: 'accept' })
    const known = { verdict: 'ignore', code: 'network/known' }
    expect(behind.catchUp.take(peerOf(1), tell)).toEqual(known)
    expect(behind.certified).toEqual([record!.ctpId])
  })
})

describe('P8: peers that lie or stall', () => {
  const blamed = (code: string) => ({ verdict: 'reject', code })

  it('one that is silent is left alone, and the others suffice', () => {
    const { world, behind } = openBehind(400)
    world.tamper = (from, message) => (from === 1 ? undefined : message)
    world.tick(0, [0])
    world.tick(1_000, [0])
    expect(behind.catchUp.hasCaughtUp).toBe(true)
    expect(rootOf(behind)).toBe(rootOf(world.nodes[2]!))
    expect(behind.catchUp.roundCount).toBe(1)
    world.tick(catchUpDefaults.stallMs + 1, [0])
    expect(behind.catchUp.roundCount).toBe(0)
    behind.catchUp.compareWith(peerOf(1))
    expect(behind.catchUp.roundCount).toBe(0)
    world.tick(catchUpDefaults.restMs, [0])
    behind.catchUp.compareWith(peerOf(1))
    expect(behind.catchUp.roundCount).toBe(1)
    behind.catchUp.noteConnection(peerOf(1), false)
    expect(behind.catchUp.roundCount).toBe(0)
  })

  it('one that keeps records back does not keep others from showing them', () => {
    const { world, behind } = openBehind(300)
    world.tamper = (from, message) =>
      from === 1 && message.kind === 'recordsTell' ? { ...message, records: [] } : message
    world.tick(0, [0])
    expect(rootOf(behind)).toBe(rootOf(world.nodes[2]!))
    expect(behind.catchUp.hasCaughtUp).toBe(true)
  })

  it('one that forges a vote is blamed', () => {
    const { world, behind } = openBehind(100)
    world.tamper = (from, message) => {
      if (from !== 1 || message.kind !== 'recordsTell') return message
      const [first, ...rest] = message.records
      const { votes } = first!.certificate
      const forged = votes.map((vote) => ({ ...vote, signature: votes[0]!.signature }))
      const certificate = { ...first!.certificate, votes: forged }
      return { ...message, records: [{ certificate }, ...rest] }
    }
    world.tick(0, [0])
    expect(world.judgements).toContainEqual(blamed('signature/invalid'))
    expect(rootOf(behind)).toBe(rootOf(world.nodes[2]!))
    expect(behind.catchUp.hasCaughtUp).toBe(true)
  })

  it.each([
    ['too few answers', (tell: TreeTell): TreeTell => ({ ...tell, answers: [] })],
    [
      'too few hashes',
      (tell: TreeTell): TreeTell => ({
        ...tell,
        answers: tell.answers.map((answer) => ({ ...answer, kind: 'hashes', hashes: [] })),
      }),
    ],
    [
      'leaves of another place',
      (tell: TreeTell): TreeTell => ({
        ...tell,
        answers: tell.answers.map(() => ({
          kind: 'leaves',
          leaves: ['0', 'f'].map((digit) => ({
            ctpId: `0x${digit.repeat(64)}`,
            digest: `0x${'22'.repeat(32)}`,
          })),
        })),
      }),
    ],
  ])('one that gives %s is blamed', (_, change) => {
    const { behind, world } = openBehind(300)
    const { catchUp } = behind
    let tell: TreeTell | undefined
    world.tamper = (_from, message) => {
      // The second look is below the root, where a place excludes leaves.
      if (message.kind !== 'treeTell' || message.answers.length === 1) return message
      tell = message
      return undefined
    }
    catchUp.compareWith(peerOf(1))
    world.run()
    expect(catchUp.take(peerOf(1), change(tell!))).toEqual(blamed('network/wrong-answer'))
    expect(catchUp.roundCount).toBe(0)
  })

  it('one that invents subtrees without end is found out', () => {
    const { world, behind } = openBehind(0)
    let invented = 0
    const invent = (): Bytes32 => `0x${(++invented).toString(16).padStart(64, '0')}`
    world.tamper = (from, message) => {
      if (from !== 1 || message.kind !== 'treeTell') return message
      const answers = message.answers.map(() => ({
        kind: 'hashes' as const,
        hashes: Array.from({ length: 16 }, invent),
      }))
      return { ...message, root: invent(), answers }
    }
    behind.catchUp.compareWith(peerOf(1))
    world.run()
    expect(world.judgements[0]).toEqual(blamed('network/wrong-answer'))
    behind.catchUp.compareWith(peerOf(1))
    expect(behind.catchUp.roundCount).toBe(0)
  })

  it('one that names CTPs without end, and shows none of them, is found out', () => {
    const { world, behind } = openBehind(0)
    const asked: TreePlace[][] = []
    let named = 0
    const name = (prefix: Hex) => {
      const tail = (++named).toString(16).padStart(66 - prefix.length, '0')
      return { ctpId: `${prefix}${tail}` as Bytes32, digest: `0x${'22'.repeat(32)}` as Bytes32 }
    }
    world.tamper = (from, message) => {
      if (message.kind === 'treeAsk') asked.push(message.places)
      if (from !== 1 || message.kind !== 'treeTell') return message
      const answers = asked.shift()!.map(({ prefix, bits }): TreeAnswer => {
        if (bits > 8) {
          return { kind: 'leaves', leaves: Array.from({ length: 64 }, () => name(prefix)) }
        }
        const hashes = Array.from({ length: 16 }, () => name('0x').ctpId)
        return { kind: 'hashes', hashes }
      })
      return { ...message, root: name('0x').ctpId, answers }
    }
    behind.catchUp.compareWith(peerOf(1))
    world.run()
    expect(world.judgements[0]).toEqual(blamed('network/wrong-answer'))
    expect(behind.catchUp.roundCount).toBe(0)
    expect(named).toBeLessThan(30_000)
  })

  it('answers that nobody asked for are ignored', () => {
    const { world, behind } = openBehind(10)
    const unasked = { verdict: 'ignore', code: 'network/unasked' }
    const tell = { kind: 'treeTell' as const, id: 1, root: rootOf(behind), answers: [] }
    expect(behind.catchUp.take(peerOf(1), tell)).toEqual(unasked)
    behind.catchUp.compareWith(peerOf(1))
    expect(behind.catchUp.take(peerOf(2), tell)).toEqual(unasked)
    const records = { kind: 'recordsTell' as const, id: 1, records: [] }
    expect(behind.catchUp.take(peerOf(1), records)).toEqual(unasked)
    world.run()
    expect(behind.certified).toHaveLength(10)
  })

  it('one of another epoch is left alone for a while, without blame', () => {
    const { world, behind } = openBehind(10)
    behind.state.committee = { ...behind.state.committee, epoch: 2 }
    behind.catchUp.compareWith(peerOf(1))
    world.run()
    expect(world.judgements).toEqual([{ verdict: 'ignore', code: 'certificate/wrong-epoch' }])
    const [record] = makeManyRecords(1)
    const tell = { kind: 'recordsTell' as const, id: 0, records: [record!] }
    expect(behind.catchUp.take(peerOf(1), tell)).toMatchObject({ verdict: 'ignore' })
  })

  it('a stranger is not compared with', () => {
    const { behind } = openBehind(10)
    behind.context.peers.noteConnection('stranger', true)
    behind.catchUp.greet('stranger', `0x${'11'.repeat(32)}`)
    expect(behind.catchUp.roundCount).toBe(0)
  })
})
