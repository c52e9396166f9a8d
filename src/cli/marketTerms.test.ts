import { describe, expect, it } from 'vitest'
import { seconds, wei } from '../protocol/units.ts'
import { describeMarketTerms, parseMarketTerms, requireSameTerms } from './marketTerms.ts'

const refusal = (code: string) => expect.objectContaining({ code })

const terms = parseMarketTerms({
  ...{ grace: '5m', longestLife: '1h', withdrawalDelay: '2h' },
  ...{ minimum: '0', fee: '1gwei', burn: '0.5' },
})

describe('a market’s terms', () => {
  it('are those that were typed', () => {
    expect(terms).toEqual({
      ...{ graceSeconds: 300, longestLifeSeconds: 3600, withdrawalDelaySeconds: 7200 },
      ...{ minimumAmountWei: 0n, feeWei: 10n ** 9n, burnWei: 5n * 10n ** 17n },
    })
    expect(parseMarketTerms({})).toEqual({})
    expect(() => parseMarketTerms({ fee: '-1' })).toThrow(refusal('input/amount'))
    expect(() => parseMarketTerms({ grace: '5' })).toThrow(refusal('input/duration'))
  })

  it('cannot be others than the market has', () => {
    const found = {
      ...{ graceSeconds: seconds(300), longestLifeSeconds: seconds(3600) },
      ...{ withdrawalDelaySeconds: seconds(7200), minimumAmountWei: wei(0n) },
      ...{ feeWei: wei(10n ** 9n), burnWei: wei(5n * 10n ** 17n) },
    }
    expect(() => requireSameTerms(terms, found)).not.toThrow()
    expect(() => requireSameTerms({ burnWei: wei(0n) }, found)).toThrow(refusal('input/option'))
    const texts = describeMarketTerms(found).map(([name, text]) => `${name}: ${text}`)
    expect(texts).toContain('grace: 5 min')
    expect(texts).toContain('fee a trade: 0.000000001 ether')
  })
})
