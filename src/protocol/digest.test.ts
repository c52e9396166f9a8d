import { describe, expect, it } from 'vitest'
import {
  bytes32For,
  makeCtp,
  market,
  otherAddressSameChain,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, hexToBytes } from './bytes.ts'
import { ctpIdOf, digestOf, domainSeparator, typeStringOf } from './digest.ts'
import { keccak256 } from './keccak.ts'
import { maxUint40, seconds } from './units.ts'

const markets = [market, sameAddressOtherChain, otherAddressSameChain]
const countDistinct = (all: Uint8Array[]) => new Set(all.map(bytesToHex)).size

describe('typeStringOf', () => {
  it('writes types as EIP-712 does', () => {
    expect(typeStringOf('MeterReady')).toBe('MeterReady(bytes32 ctpId)')
    expect(typeStringOf('Ctp')).toBe(
      'Ctp(address producer,uint64 offerId,uint96 amountWei,uint32 energyWh,uint32 nonce,' +
        'uint40 expirySeconds,address meterKey)',
    )
  })
})

describe('domainSeparator', () => {
  it('differs between chains and between markets (P5)', () => {
    expect(countDistinct(markets.map(domainSeparator))).toBe(3)
  })

  it('is the same for equal markets', () => {
    expect(domainSeparator({ ...market })).toEqual(domainSeparator(market))
  })

  it('takes a chain id above 2^32', () => {
    const large = domainSeparator({ ...market, chainId: Number.MAX_SAFE_INTEGER })
    const truncated = domainSeparator({ ...market, chainId: 2 ** 32 - 1 })
    expect(large).not.toEqual(truncated)
  })
})

describe('digestOf', () => {
  it('binds a message to its market and chain (P5)', () => {
    const ctp = makeCtp()
    expect(countDistinct(markets.map((each) => digestOf(each, 'Ctp', ctp)))).toBe(3)
  })

  it('binds no MeterCertificate to a market: a factory knows none', () => {
    const meter = makeCtp().meterKey
    const message = { meter, model: bytes32For('model'), notAfterSeconds: seconds(maxUint40) }
    const digests = markets.map((each) => digestOf(each, 'MeterCertificate', message))
    expect(countDistinct(digests)).toBe(1)
  })

  it('tells messages of equal fields apart', () => {
    const message = { ctpId: bytes32For('ctp') }
    const ready = digestOf(market, 'MeterReady', message)
    expect(ready).not.toEqual(digestOf(market, 'Accept', message))
    const root = bytes32For('root')
    expect(digestOf(market, 'HoldVote', { epoch: 1, ctpsRoot: root })).not.toEqual(
      digestOf(market, 'EpochEnd', { epoch: 1, votesRoot: root }),
    )
  })

  it('changes with every field of a CTP', () => {
    const ctp = makeCtp()
    const changed = [
      makeCtp({ producer: ctp.meterKey }),
      makeCtp({ meterKey: ctp.producer }),
      makeCtp({ offerId: ctp.offerId + 1n }),
      makeCtp({ amountWei: (ctp.amountWei + 1n) as typeof ctp.amountWei }),
      makeCtp({ energyWh: (ctp.energyWh + 1) as typeof ctp.energyWh }),
      makeCtp({ nonce: ctp.nonce + 1 }),
      makeCtp({ expirySeconds: seconds(ctp.expirySeconds + 1) }),
    ]
    const digests = [ctp, ...changed].map((each) => digestOf(market, 'Ctp', each))
    expect(countDistinct(digests)).toBe(8)
  })

  it('hashes a call of any length as a whole', () => {
    const digests = ['0x', '0x00', '0x0000', `0x${'00'.repeat(32)}`, `0x${'00'.repeat(33)}`].map(
      (call) => digestOf(market, 'Governance', { epoch: 0, sequence: 0n, call: call as '0x' }),
    )
    expect(countDistinct(digests)).toBe(5)
  })
})

describe('ctpIdOf', () => {
  it('hashes digest and consumer, so that equal fields of two consumers differ', () => {
    const digest = digestOf(market, 'Ctp', makeCtp())
    const [a, b] = [makeCtp().producer, makeCtp().meterKey]
    expect(ctpIdOf(digest, a)).not.toBe(ctpIdOf(digest, b))
    const packed = Uint8Array.from([...digest, ...hexToBytes(a)])
    expect(ctpIdOf(digest, a)).toBe(bytesToHex(keccak256(packed)))
  })
})
