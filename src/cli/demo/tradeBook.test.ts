import { describe, expect, it } from 'vitest'
import { makeSubmission, partyOf } from '../../../test/support/tradeFixture.ts'
import type { Bytes32 } from '../../protocol/bytes.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'
import type { CtpState, CtpView } from '../../protocol/views.ts'
import { TradeBook } from './tradeBook.ts'

const { ctp, consumerSignature } = makeSubmission({
  ...{ consumer: partyOf('consumer'), producer: partyOf('producer'), amountWei: 1_000n },
})

/** A trade of 500 Wh for 1,000 wei. */
function view(number: number, state: CtpState, deliveredWh = 0): CtpView {
  const ctpId: Bytes32 = `0x${number.toString(16).padStart(64, '0')}`
  return {
    ...{ number, ctpId, ctp, consumerSignature, state, deliveredWh: wh(deliveredWh) },
    consumer: partyOf('consumer').address,
    paymentWei: wei(BigInt(2 * Math.min(500, deliveredWh))),
    ...{ settlesFromSeconds: seconds(0), freeAtSeconds: seconds(0) },
  }
}

/** Home 0 buys of 1 in full and in part, and nothing of 2; home 1 buys of 2, still open. */
function makeBook(): TradeBook {
  const book = new TradeBook()
  for (const number of [1, 2]) book.add(view(number, 'held'), 0, 1)
  book.add(view(3, 'held'), 0, 2)
  book.add(view(4, 'held'), 1, 2)
  book.update(view(1, 'settled', 600))
  book.update(view(2, 'receipted', 100))
  book.update(view(2, 'settled', 100))
  book.update(view(3, 'expired'))
  book.update(view(99, 'settled', 500))
  return book
}

describe('TradeBook', () => {
  it('sums a home’s settled trades, never more than was committed', () => {
    const book = makeBook()
    expect(book.sumsOf(0)).toEqual({ boughtWh: 600, soldWh: 0, spentWei: 1_200n, earnedWei: 0n })
    expect(book.sumsOf(1)).toEqual({ boughtWh: 0, soldWh: 600, spentWei: 0n, earnedWei: 1_200n })
    expect(book.sumsOf(2)).toEqual({ boughtWh: 0, soldWh: 0, spentWei: 0n, earnedWei: 0n })
  })

  it('knows who bought from whom', () => {
    const pair = { consumer: 0, producer: 1, energyWh: 600, paidWei: 1_200n }
    expect(makeBook().pairs()).toEqual([pair])
  })

  it('knows what came free because a producer failed; an open trade is not free', () => {
    const { amountWei, producers } = makeBook().freed()
    expect(amountWei).toBe(1_800n)
    expect(producers.get(1)).toEqual({ nothing: 0, part: 1, freedWei: 800n })
    expect(producers.get(2)).toEqual({ nothing: 1, part: 0, freedWei: 1_000n })
  })
})
