import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { arbitraryPeerRecord } from '../../test/protocol/nodeMessageArbitraries.ts'
import {
  addressFor,
  keyOf,
  market,
  otherAddressSameChain,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import type { SignedPeerRecord } from './nodeMessages.ts'
import { messageLimits } from './nodeMessages.ts'
import {
  decodePeerRecord,
  encodePeerRecord,
  signerOfPeerRecord,
  signPeerRecord,
} from './peerRecord.ts'

const unsigned = {
  peerId: '12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp',
  addresses: ['/ip4/127.0.0.1/tcp/4001', '/dns4/node-0.example.org/tcp/4001'],
  sequence: 7n,
}
const record = signPeerRecord(market, unsigned, keyOf('member 0'))

describe('a peer record', () => {
  it('says who signed it', () => {
    expect(record).toEqual({ ...unsigned, signature: record.signature })
    expect(signerOfPeerRecord(market, record)).toBe(addressFor('member 0'))
    const malformed: SignedPeerRecord = { ...record, signature: `0x${'ff'.repeat(64)}` }
    expect(signerOfPeerRecord(market, malformed)).toBeUndefined()
  })

  it.each([
    ['another peer id', { peerId: `${unsigned.peerId}x` }],
    ['another address', { addresses: [unsigned.addresses[0]!] }],
    ['another order', { addresses: [...unsigned.addresses].reverse() }],
    ['another sequence', { sequence: 8n }],
  ])('with %s is nobody’s word', (_, change) => {
    expect(signerOfPeerRecord(market, { ...record, ...change })).not.toBe(addressFor('member 0'))
  })

  it('is worthless in another market or chain', () => {
    for (const other of [sameAddressOtherChain, otherAddressSameChain]) {
      expect(signerOfPeerRecord(other, record)).not.toBe(addressFor('member 0'))
    }
  })

  it('is read as it was written', () => {
    expect(decodePeerRecord(encodePeerRecord(record))).toEqual(record)
    fc.assert(
      fc.property(arbitraryPeerRecord, (any) => {
        expect(decodePeerRecord(encodePeerRecord(any))).toEqual(any)
      }),
      { seed: 1, numRuns: 200 },
    )
  })

  const codeOf = (change: Partial<SignedPeerRecord>) => {
    const bytes = encodePeerRecord({ ...record, ...change })
    return expect(() => decodePeerRecord(bytes))
  }
  const text = (length: number) => 'a'.repeat(length)

  it('may be as large as its limits say, and no larger', () => {
    const largest = {
      ...record,
      peerId: text(messageLimits.peerIdLength),
      addresses: Array.from({ length: messageLimits.addresses }, () =>
        text(messageLimits.addressLength),
      ),
    }
    expect(decodePeerRecord(encodePeerRecord(largest))).toEqual(largest)
    const tooLarge = expect.objectContaining({ code: 'input/too-large' })
    codeOf({ peerId: text(messageLimits.peerIdLength + 1) }).toThrow(tooLarge)
    codeOf({ addresses: [text(messageLimits.addressLength + 1)] }).toThrow(tooLarge)
    codeOf({ addresses: [...largest.addresses, 'a'] }).toThrow(tooLarge)
  })

  it('has addresses that cannot be cut in two, or be nothing', () => {
    const wrong = expect.objectContaining({ code: 'input/shape' })
    codeOf({ addresses: ['a\nb'] }).toThrow(wrong)
    codeOf({ addresses: [''] }).toThrow(wrong)
  })

  it('is refused where it is cut off, goes on, or is not text', () => {
    const bytes = encodePeerRecord(record)
    const wrong = expect.objectContaining({ code: 'input/shape' })
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodePeerRecord(bytes.subarray(0, length))).toThrow(wrong)
    }
    expect(() => decodePeerRecord(Uint8Array.of(...bytes, 0))).toThrow(wrong)
    bytes[2] = 0xff
    expect(() => decodePeerRecord(bytes)).toThrow(wrong)
  })

  it('keeps a mark at its begin, which some readers of text drop', () => {
    const marked = { ...record, peerId: `\ufeff${unsigned.peerId}` }
    expect(decodePeerRecord(encodePeerRecord(marked))).toEqual(marked)
  })
})
