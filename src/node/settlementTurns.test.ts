import { describe, expect, it } from 'vitest'
import { openLedger } from '../../test/support/syncFixture.ts'
import { startSeconds } from '../../test/support/tradeFixture.ts'
import type { LiveCtp } from '../ledger/ctpRow.ts'
import { seconds } from '../protocol/units.ts'
import { isUrgent, membersAheadOf, rankOf, stepOf } from './settlementTurns.ts'

const memberIndexes = (count: number) => [...Array(count).keys()]

describe('turns', () => {
  it('go to every member for a span of blocks, in the order of the committee', () => {
    const turns = memberIndexes(18).map((head) =>
      memberIndexes(4).findIndex((member) => rankOf(member, head, 4, 2) === 0),
    )
    expect(turns).toEqual([0, 0, 1, 1, 2, 2, 3, 3, 0, 0, 1, 1, 2, 2, 3, 3, 0, 0])
  })

  it.each([1, 4, 7, 100])('give each of %i members another rank at each head', (count) => {
    for (const head of [0, 1, 5, 123_456_789]) {
      const ranks = memberIndexes(count).map((member) => rankOf(member, head, count, 4))
      expect(ranks.toSorted((a, b) => a - b)).toEqual(memberIndexes(count))
    }
  })

  it('count members before one’s own, those without a connection as a tenth', () => {
    const all = () => true
    expect(membersAheadOf(2, 0, 4, all)).toBe(0)
    expect(membersAheadOf(2, 3, 4, all)).toBe(3)
    // Of rank 2 at index 1: members 0 and 3 come before.
    expect(membersAheadOf(1, 2, 4, (member) => member !== 3)).toBe(1.1)
    expect(membersAheadOf(1, 2, 4, (member) => member === 2)).toBe(0.2)
  })
})

describe('waits over a trade', () => {
  const state = openLedger()
  const expiringIn = (left: number) => {
    return { expirySeconds: seconds(state.head!.timeSeconds + left) } as LiveCtp
  }

  it('are shortened so that all members get their turn while there is time', () => {
    expect(stepOf(state, expiringIn(900), 10_000)).toBe(10_000)
    // The grace is 600 s: of the 80 s left a quarter goes to the four members.
    expect(stepOf(state, expiringIn(-520), 10_000)).toBe(5_000)
    expect(stepOf(state, expiringIn(-601), 10_000)).toBe(0)
  })

  it('are urgent from half of the grace on', () => {
    const ctp = { expirySeconds: seconds(startSeconds) } as LiveCtp
    expect(isUrgent(state, ctp, startSeconds + 299)).toBe(false)
    expect(isUrgent(state, ctp, startSeconds + 300)).toBe(true)
  })
})
