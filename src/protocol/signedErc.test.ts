import { describe, expect, it } from 'vitest'
import {
  addressFor,
  bytes32For,
  keyOf,
  market,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex } from './bytes.ts'
import type { Erc } from './messages.ts'
import { signMessage } from './signature.ts'
import { type SignedErc, verifyErc } from './signedErc.ts'
import { maxUint32, seconds, wh } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const meterKey = addressFor('meter')

function makeErc(change: Partial<Erc> = {}, signer = 'meter'): SignedErc {
  const ctpId = bytes32For('ctp')
  const erc = { ctpId, deliveredWh: wh(700), measuredAtSeconds: seconds(9), ...change }
  return { erc, signature: signMessage(market, 'Erc', erc, keyOf(signer)) }
}

describe('verifyErc', () => {
  it.each([1, 700, maxUint32])('takes a receipt of %i Wh by the meter key', (delivered) => {
    expect(() => verifyErc(market, makeErc({ deliveredWh: wh(delivered) }), meterKey)).not.toThrow()
  })

  it('refuses a receipt of no energy', () => {
    expect(() => verifyErc(market, makeErc({ deliveredWh: wh(0) }), meterKey)).toThrow(
      refusal('erc/zero'),
    )
  })

  it('refuses another key’s receipt (P6)', () => {
    expect(() => verifyErc(market, makeErc({}, 'stranger'), meterKey)).toThrow(
      refusal('erc/wrong-key'),
    )
  })

  it.each<[string, Partial<Erc>]>([
    ['CTP', { ctpId: bytes32For('other ctp') }],
    ['energy', { deliveredWh: wh(701) }],
    ['time', { measuredAtSeconds: seconds(10) }],
  ])('refuses a receipt whose %s was changed (P6)', (_name, change) => {
    const signed = makeErc()
    const forged = { ...signed, erc: { ...signed.erc, ...change } }
    expect(() => verifyErc(market, forged, meterKey)).toThrow(refusal('erc/wrong-key'))
  })

  it('refuses a malformed signature, and a receipt of another chain (P5)', () => {
    const wrongKey = refusal('erc/wrong-key')
    const malformed = { ...makeErc(), signature: bytesToHex(new Uint8Array(64)) }
    expect(() => verifyErc(market, malformed, meterKey)).toThrow(wrongKey)
    expect(() => verifyErc(sameAddressOtherChain, makeErc(), meterKey)).toThrow(wrongKey)
  })
})
