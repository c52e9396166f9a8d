import fc from 'fast-check'
import { hashTypedData } from 'viem'
import { describe, expect, it } from 'vitest'
import { arbitraryAddress, arbitraryMessage } from '../../test/protocol/messageArbitraries.ts'
import { bytesToHex } from './bytes.ts'
import { ctpIdOf, digestOf, type Market } from './digest.ts'
import { fieldsOf, messageNames } from './messages.ts'

const arbitraryMarket: fc.Arbitrary<Market> = fc.record({
  chainId: fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  address: arbitraryAddress,
})
const marketMessages = messageNames.filter((name) => name !== 'MeterCertificate')

describe.each(marketMessages)('the digest of %s', (name) => {
  it('is what an independent implementation computes', () => {
    const types = { [name]: fieldsOf(name).map(([field, type]) => ({ name: field, type })) }
    fc.assert(
      fc.property(arbitraryMarket, arbitraryMessage(name), (market, message) => {
        const domain = {
          name: 'SPB',
          version: '1',
          chainId: market.chainId,
          verifyingContract: market.address,
        }
        const typedData = { domain, types, primaryType: name, message }
        expect(bytesToHex(digestOf(market, name, message))).toBe(hashTypedData(typedData as never))
      }),
      { seed: 1, numRuns: 25 },
    )
  })

  it('is worthless on another chain and in another market (P5)', () => {
    fc.assert(
      fc.property(
        arbitraryMarket,
        arbitraryMarket,
        arbitraryMessage(name),
        (market, other, message) => {
          fc.pre(market.chainId !== other.chainId && market.address !== other.address)
          const digests = [
            market,
            { ...market, chainId: other.chainId },
            { ...market, address: other.address },
          ].map((each) => bytesToHex(digestOf(each, name, message)))
          expect(new Set(digests).size).toBe(3)
        },
      ),
      { seed: 1, numRuns: 50 },
    )
  })

  it('changes with every field', () => {
    fc.assert(
      fc.property(
        arbitraryMarket,
        arbitraryMessage(name),
        arbitraryMessage(name),
        (market, message, other) => {
          const before = digestOf(market, name, message)
          const values = [message, other] as unknown as Record<string, unknown>[]
          for (const [field] of fieldsOf(name)) {
            const isSame = values[0]![field] === values[1]![field]
            const changed = { ...message, [field]: values[1]![field] }
            const after = digestOf(market, name, changed)
            expect(bytesToHex(after) === bytesToHex(before)).toBe(isSame)
          }
        },
      ),
      { seed: 1, numRuns: 50 },
    )
  })
})

describe('digests of different messages', () => {
  it('never coincide, also where fields are equal (P5)', () => {
    const bytes32 = arbitraryMessage('MeterReady').map(({ ctpId }) => ctpId)
    const all = fc.tuple(...messageNames.map((name) => arbitraryMessage(name)))
    fc.assert(
      fc.property(arbitraryMarket, all, bytes32, (market, messages, word) => {
        const digests = messages.map((message, index) =>
          digestOf(market, messageNames[index]!, message as never),
        )
        digests.push(
          digestOf(market, 'MeterReady', { ctpId: word }),
          digestOf(market, 'Accept', { ctpId: word }),
          digestOf(market, 'HoldVote', { epoch: 1, ctpsRoot: word }),
          digestOf(market, 'EpochEnd', { epoch: 1, votesRoot: word }),
        )
        expect(new Set(digests.map(bytesToHex)).size).toBe(digests.length)
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})

describe('the id of a CTP', () => {
  it('differs between consumers of equal fields, and between CTPs of one consumer', () => {
    const ctp = arbitraryMessage('Ctp')
    fc.assert(
      fc.property(
        arbitraryMarket,
        fc.tuple(ctp, ctp),
        fc.tuple(arbitraryAddress, arbitraryAddress),
        (market, ctps, consumers) => {
          fc.pre(consumers[0] !== consumers[1])
          const [a, b] = ctps.map((each) => digestOf(market, 'Ctp', each))
          const ids = consumers.flatMap((each) => [ctpIdOf(a!, each), ctpIdOf(b!, each)])
          expect(new Set(ids).size).toBe(4)
        },
      ),
      { seed: 1, numRuns: 100 },
    )
  })
})
