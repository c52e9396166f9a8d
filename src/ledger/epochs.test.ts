import { describe, expect, it } from 'vitest'
import {
  addBlock,
  handOver,
  newMembers,
  oldMembers,
  openEpochOne,
  openEpochTwo,
  openLedger,
} from '../../test/support/epochFixture.ts'
import { testFacts } from '../../test/support/tradeFixture.ts'
import { forgetChain, rollBack } from './chainUpdates.ts'
import { committeeOf, endsBehind, epochReasonOf, isEpochStarted } from './epochs.ts'
import { makeReport } from './handOverReport.ts'

const { longestLifeSeconds, graceSeconds } = testFacts.options
const addresses = (parties: typeof oldMembers) => parties.map(({ address }) => address)

function openTwo() {
  const state = openEpochOne(new Map())
  const report = makeReport(state)
  openEpochTwo(
    state,
    [0, 1, 2].map((member) => ({ member, report })),
  )
  return { state, report }
}

describe('epochs', () => {
  it('knows the committees whose certificates count, and until when', () => {
    const { state } = openTwo()
    expect(committeeOf(state, 2)?.members).toEqual(addresses(newMembers))
    expect(committeeOf(state, 1)).toEqual({ epoch: 1, members: addresses(oldMembers) })
    expect(committeeOf(state, 3)).toBeUndefined()
    expect(committeeOf(state, 0)).toBeUndefined()
    addBlock(state, { seconds: longestLifeSeconds + graceSeconds })
    expect(committeeOf(state, 1)).toBeDefined()
    addBlock(state)
    expect(committeeOf(state, 1)).toBeUndefined()
  })

  it('has the last words behind the present epoch, after a restart too', () => {
    const { state, report } = openTwo()
    const { votesRoot } = report
    expect(endsBehind(state)).toMatchObject([0, 1, 2].map((member) => ({ member, votesRoot })))
    const again = openLedger(state.store)
    expect(endsBehind(again)).toEqual(endsBehind(state))
    expect(committeeOf(again, 1)).toEqual(committeeOf(state, 1))
  })

  it('starts at once in the first epoch, later with the reports of the one before', () => {
    const first = openEpochOne(new Map())
    expect(isEpochStarted(first)).toBe(true)
    expect(epochReasonOf(first)).toBeUndefined()
    const { state } = openTwo()
    expect(epochReasonOf(state)?.code).toBe('epoch/not-started')
    const whole = openEpochOne(new Map())
    handOver(whole, [first, first, first])
    expect(epochReasonOf(whole)).toBeUndefined()
    expect(epochReasonOf(openLedger(whole.store))).toBeUndefined()
  })

  it('stays silent in an epoch that it left, whatever the chain takes back', () => {
    const state = openEpochOne(new Map())
    handOver(state, [state, state, state])
    expect(rollBack(state)).toBe(true)
    expect(state.committee.epoch).toBe(1)
    expect(epochReasonOf(state)?.code).toBe('epoch/ended')
    expect(committeeOf(state, 2)).toBeUndefined()
    forgetChain(state)
    expect(state.epochs.rowOf(1)).toBeUndefined()
  })

  it('starts anew where another chain names other last words', () => {
    const state = openEpochOne(new Map())
    handOver(state, [state, state, state])
    rollBack(state)
    const report = makeReport(state)
    openEpochTwo(
      state,
      [0, 1, 3].map((member) => ({ member, report })),
    )
    expect(epochReasonOf(state)?.code).toBe('epoch/not-started')
  })
})
