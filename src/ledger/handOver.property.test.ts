import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addBlock,
  openEpochOne,
  openingEvents,
  openLedger,
  takeOver,
  verify,
  vote,
} from '../../test/support/epochFixture.ts'
import {
  makeSubmission,
  partyOf,
  startSeconds,
  testFacts,
} from '../../test/support/tradeFixture.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type HandOverReport, makeReport } from './handOverReport.ts'
import { accountStateOf, type LedgerState } from './ledgerState.ts'
import { applyVoid, certify, closingOf, recordVoidVote } from './voting.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const balanceWei = 100n
const balances = new Map([[consumer.address, balanceWei]])

/** A consumer who signs several CTPs at each nonce: small and large, short and long. */
const pool = [0, 1, 2, 3].flatMap((nonce) =>
  [50n, 60n].flatMap((amountWei) =>
    [300, 2_000].map((life) => {
      const expirySeconds = startSeconds + life
      return verify(makeSubmission({ consumer, producer, nonce, amountWei, expirySeconds }))
    }),
  ),
)

/**
 * Ledgers 0 to 2 are the honest members of epoch 1, and 0, 3 and 4 those of epoch 2. The fourth
 * member of each, who does anything, is no ledger: two honest votes and his make a quorum.
 */
const honest: Record<number, readonly number[]> = { 1: [0, 1, 2], 2: [0, 3, 4] }

const ledger = fc.nat(4)
const someone = fc.subarray([0, 1, 2, 3, 4], { minLength: 1 })
/** One of the four CTPs of a nonce; votes are mostly asked for at the ledger's next nonce. */
const variant = fc.constantFrom(0, 0, 0, 1, 2, 3)
const shift = fc.constantFrom(0, 0, 0, 0, 0, 1, -1)
const pick = fc.nat(pool.length - 1)
const command = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('vote' as const),
      ledger,
      who: someone,
      variant,
      shift,
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('certify' as const), who: someone, pick }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('void' as const), ledger, pick }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('voided' as const), ledger, pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('end' as const), who: someone }) },
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('open' as const), isHelped: fc.boolean() }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('follow' as const), who: someone }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('start' as const), who: someone }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('time' as const), seconds: fc.constantFrom(1, 400) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), ledger }) },
)
type Command = typeof command extends fc.Arbitrary<infer Value> ? Value : never

/** Ways in which a hand-over could be wrong, to see that the check would tell. */
type Bug = 'starts from nothing' | 'votes after its end'

class Play {
  readonly ledgers = Array.from({ length: 5 }, () => openEpochOne(balances))
  readonly votes = new Map<string, Set<number>>()
  readonly voids = new Map<string, Set<number>>()
  readonly reports = new Map<number, HandOverReport>()
  readonly started = new Set<number>()
  nowSeconds = startSeconds + 1
  /** The reports behind epoch 2, once the chain has them. */
  opened: { member: number; report: HandOverReport }[] | undefined
  readonly #bug: Bug | undefined

  constructor(bug?: Bug) {
    this.#bug = bug
  }

  epochOf(at: number): number {
    return this.ledgers[at]!.committee.epoch
  }

  /** True where the desk of that member would let it sign. */
  isVoting(at: number): boolean {
    const epoch = this.epochOf(at)
    if (!honest[epoch]!.includes(at)) return false
    if (epoch === 2) return this.started.has(at)
    return !this.reports.has(at) || this.#bug === 'votes after its end'
  }

  run(step: Command): void {
    switch (step.kind) {
      case 'vote':
        this.#vote(step)
        return
      case 'certify':
        for (const at of step.who) this.#certify(at, step.pick)
        return
      case 'void':
        this.#void(step.ledger, step.pick)
        return
      case 'voided':
        this.#applyVoid(step.ledger, pool[step.pick]!.ctp.nonce)
        return
      case 'end':
        for (const at of step.who) this.#end(at)
        return
      case 'open':
        this.#open(step.isHelped)
        return
      case 'follow':
        for (const at of step.who) this.#follow(this.ledgers[at]!)
        return
      case 'start':
        for (const at of step.who) this.#start(at)
        return
      case 'time':
        this.nowSeconds += step.seconds
        return
      case 'restart':
        this.ledgers[step.ledger] = openLedger(this.ledgers[step.ledger]!.store)
    }
  }

  /** Asks some members for a vote at the next nonce as one of the ledgers knows it. */
  #vote({ ledger: at, who, variant: which, shift: by }: Extract<Command, { kind: 'vote' }>): void {
    const known = this.ledgers[at]!
    const chain = accountStateOf(known, consumer.address)
    const place = 4 * (known.accounts.nextNonceOf(consumer.address, chain) + by) + which
    const ctp = pool[place]
    if (ctp === undefined) return
    for (const each of who) {
      if (!this.isVoting(each) || vote(this.ledgers[each]!, ctp) !== 'voted') continue
      add(this.votes, `${this.epochOf(each)} ${place}`, each)
    }
  }

  #certify(at: number, place: number): void {
    const state = this.ledgers[at]!
    const known = [1, 2].filter((epoch) => epoch <= state.committee.epoch)
    // The one that is picked, or the next that there is.
    for (let step = 0; step < pool.length; step++) {
      const next = (place + step) % pool.length
      const epoch = known.find((each) => this.isCertifiable(each, next))
      if (epoch === undefined || closingOf(state, consumer.address, pool[next]!.ctp.nonce)) continue
      certify(state, pool[next]!, epoch, [])
      return
    }
  }

  #void(at: number, place: number): void {
    if (!this.isVoting(at)) return
    const { nonce } = pool[place]!.ctp
    try {
      recordVoidVote(this.ledgers[at]!, pool[place]!)
    } catch (error) {
      if (error instanceof SpbError) return
      throw error
    }
    add(this.voids, `${this.epochOf(at)} ${nonce}`, at)
  }

  #applyVoid(at: number, nonce: number): void {
    const state = this.ledgers[at]!
    for (const epoch of [1, 2]) {
      if (epoch > state.committee.epoch) continue
      if ((this.voids.get(`${epoch} ${nonce}`)?.size ?? 0) < 2) continue
      applyVoid(state, { epoch, account: consumer.address, nonce, signatures: [] })
    }
  }

  #end(at: number): void {
    if (at > 2 || this.epochOf(at) !== 1 || this.reports.has(at)) return
    this.reports.set(at, makeReport(this.ledgers[at]!))
  }

  /** Three ends: of all honest ones, or of two and of him who says that he knows of nothing. */
  #open(isHelped: boolean): void {
    if (this.opened !== undefined) return
    const ends = [...this.reports].sort(([a], [b]) => a - b)
    const chosen = ends.slice(0, isHelped ? 2 : 3).map(([member, report]) => ({ member, report }))
    if (chosen.length < (isHelped ? 2 : 3)) return
    if (isHelped) chosen.push({ member: 3, report: makeReport(openLedger()) })
    this.opened = chosen
  }

  /** A ledger sees the newest block, and the opening in it. */
  #follow(state: LedgerState): void {
    const seconds = this.nowSeconds - state.confirmed!.timeSeconds
    const isNews = this.opened !== undefined && state.committee.epoch === 1
    const number = state.confirmed!.number + 1
    const ends = this.opened?.map(({ member, report: { votesRoot } }) => ({ member, votesRoot }))
    const events = isNews ? openingEvents(number, 1, ends!) : []
    addBlock(state, { seconds, events })
  }

  #start(at: number): void {
    if (this.epochOf(at) !== 2 || this.started.has(at)) return
    if (this.#bug !== 'starts from nothing') {
      takeOver(
        this.ledgers[at]!,
        this.opened!.map(({ report }) => report),
      )
    }
    this.started.add(at)
  }

  isCertifiable(epoch: number, place: number): boolean {
    return (this.votes.get(`${epoch} ${place}`)?.size ?? 0) >= 2
  }

  /** What could be shown to be held at this moment, whoever certifies it. */
  listHeld(): { nonce: number; amountWei: bigint }[] {
    const { graceSeconds } = testFacts.options
    return pool.flatMap(({ ctp }, place) => {
      const isLive = this.nowSeconds <= ctp.expirySeconds + graceSeconds
      const isHeld = this.isCertifiable(1, place) || this.isCertifiable(2, place)
      return isLive && isHeld ? [{ nonce: ctp.nonce, amountWei: ctp.amountWei }] : []
    })
  }
}

function add(map: Map<string, Set<number>>, key: string, at: number): void {
  const known = map.get(key)
  if (known === undefined) map.set(key, new Set([at]))
  else known.add(at)
}

/** Steps in any order, with a change of epoch in the middle should there have been none. */
const play = fc
  .tuple(
    fc.array(command, { minLength: 4, maxLength: 30, size: 'max' }),
    fc.record({ ending: someone, isHelped: fc.boolean(), following: someone, starting: someone }),
    fc.array(command, { minLength: 4, maxLength: 40, size: 'max' }),
  )
  .map(([before, { ending, isHelped, following, starting }, after]): Command[] => [
    ...before,
    { kind: 'end', who: ending },
    { kind: 'open', isHelped },
    { kind: 'follow', who: following },
    { kind: 'start', who: starting },
    ...after,
  ])

const holds = (bug?: Bug) =>
  fc.property(play, (commands) => {
    const world = new Play(bug)
    for (const step of commands) {
      world.run(step)
      const live = world.listHeld()
      const sum = live.reduce((total, { amountWei }) => total + amountWei, 0n)
      expect(sum).toBeLessThanOrEqual(balanceWei)
      expect(new Set(live.map(({ nonce }) => nonce)).size).toBe(live.length)
    }
  })

describe('P2 across epochs', () => {
  it('never lets certified live CTPs exceed the balance, nor share a nonce', () => {
    fc.assert(holds(), { seed: 1, numRuns: 300 })
  })

  it.each(['starts from nothing', 'votes after its end'] as const)(
    'would tell a member that %s',
    (bug) => {
      expect(fc.check(holds(bug), { seed: 1, numRuns: 600, endOnFailure: true }).failed).toBe(true)
    },
  )
})
