import { describe, expect, it } from 'vitest'
import {
  addressFor,
  idOf,
  keyOf,
  makeCtp,
  makeSubmission,
  market,
  otherAddressSameChain,
  sameAddressOtherChain,
  type TradeChanges,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Hex, type Signature } from './bytes.ts'
import { type CtpSubmission, identifyCtp, verifyCtpSubmission } from './ctpSubmission.ts'
import { signMessage } from './signature.ts'
import { seconds, wei, wh } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const zeros: Signature = bytesToHex(new Uint8Array(64))

/** The other signature by the same key over the same digest: s replaced by order − s. */
function twinOf(signature: Signature): Signature {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const s = BigInt(`0x${signature.slice(66)}`) & ((1n << 255n) - 1n)
  return `${signature.slice(0, 66)}${(order - s).toString(16).padStart(64, '0')}` as Hex
}

describe('identifyCtp', () => {
  it('finds consumer and id', () => {
    const { submission, consumer, ctpId } = makeSubmission()
    const { ctp, consumerSignature } = submission
    expect(identifyCtp(market, submission)).toEqual({ ctp, consumerSignature, consumer, ctpId })
  })

  it('gives two consumers of equal fields different ids', () => {
    const a = identifyCtp(market, makeSubmission({ consumer: 'a' }).submission)
    const b = identifyCtp(market, makeSubmission({ consumer: 'b' }).submission)
    expect(a.ctp).toEqual(b.ctp)
    expect(a.consumer).not.toBe(b.consumer)
    expect(a.ctpId).not.toBe(b.ctpId)
  })

  it.each<[string, TradeChanges, string]>([
    ['no money', { ctp: { amountWei: wei(0n) } }, 'input/amount'],
    ['no energy', { ctp: { energyWh: wh(0) } }, 'input/energy'],
    ['a consumer who is the producer', { consumer: 'producer' }, 'ctp/self-trade'],
  ])('refuses a CTP of %s', (_name, changes, code) => {
    const { submission } = makeSubmission(changes)
    expect(() => identifyCtp(market, submission)).toThrow(refusal(code))
  })

  it('refuses a malformed signature', () => {
    const signed = { ctp: makeCtp(), consumerSignature: zeros }
    expect(() => identifyCtp(market, signed)).toThrow(refusal('signature/invalid'))
  })

  it('takes no twin of a signature for the consumer’s', () => {
    const { submission, consumer } = makeSubmission()
    const consumerSignature = twinOf(submission.consumerSignature)
    const altered = identifyCtp(market, { ctp: submission.ctp, consumerSignature })
    expect(altered.consumer).not.toBe(consumer)
  })
})

describe('verifyCtpSubmission', () => {
  it('passes a valid one on with consumer, id and voucher', () => {
    const { submission, consumer, ctpId } = makeSubmission()
    expect(verifyCtpSubmission(market, submission)).toEqual({
      ctp: submission.ctp,
      consumerSignature: submission.consumerSignature,
      consumer,
      ctpId,
      voucher: { witness: addressFor('witness'), manufacturer: addressFor('manufacturer') },
      submission,
    })
  })

  it('takes an equal market that is another object', () => {
    expect(() => verifyCtpSubmission({ ...market }, makeSubmission().submission)).not.toThrow()
  })

  it.each([
    ['chain', sameAddressOtherChain],
    ['market', otherAddressSameChain],
  ])('refuses a CTP that names another %s (P5)', (_name, other) => {
    const { submission } = makeSubmission()
    expect(() => verifyCtpSubmission(other, submission)).toThrow(refusal('ctp/wrong-market'))
    expect(() => verifyCtpSubmission(market, { ...submission, market: other })).toThrow(
      refusal('ctp/wrong-market'),
    )
  })

  it('refuses what was signed for another market under a false name (P5)', () => {
    const { submission } = makeSubmission()
    const renamed = { ...submission, market: otherAddressSameChain }
    expect(() => verifyCtpSubmission(otherAddressSameChain, renamed)).toThrow(
      refusal('meter/not-ready'),
    )
  })

  it('refuses a MeterReady by another key', () => {
    const { submission } = makeSubmission({ readySigner: 'meter 3' })
    expect(() => verifyCtpSubmission(market, submission)).toThrow(refusal('meter/not-ready'))
  })

  it.each<[string, (valid: CtpSubmission) => Partial<CtpSubmission>]>([
    ['malformed MeterReady', () => ({ meterReadySignature: zeros })],
    [
      'twin of the MeterReady’s signature',
      (valid) => ({ meterReadySignature: twinOf(valid.meterReadySignature) }),
    ],
    [
      'twin of the consumer’s signature, which makes him another with another id',
      (valid) => ({ consumerSignature: twinOf(valid.consumerSignature) }),
    ],
    ['CTP changed after signing', (valid) => ({ ctp: { ...valid.ctp, nonce: 1 } })],
    [
      'MeterReady of another CTP',
      () => ({
        meterReadySignature: makeSubmission({ ctp: { nonce: 1 } }).submission.meterReadySignature,
      }),
    ],
    [
      'MeterReady of another consumer’s CTP',
      () => ({
        meterReadySignature: makeSubmission({ consumer: 'b' }).submission.meterReadySignature,
      }),
    ],
    ['Accept in the place of the MeterReady', acceptAsReady],
  ])('refuses a %s', (_name, change) => {
    const { submission } = makeSubmission()
    expect(() => verifyCtpSubmission(market, { ...submission, ...change(submission) })).toThrow(
      refusal('meter/not-ready'),
    )
  })

  function acceptAsReady({ ctp }: CtpSubmission): Partial<CtpSubmission> {
    const message = { ctpId: idOf(ctp, addressFor('consumer')) }
    return { meterReadySignature: signMessage(market, 'Accept', message, keyOf('meter 2')) }
  }

  it.each<[string, TradeChanges, string]>([
    ['no money', { ctp: { amountWei: wei(0n) } }, 'input/amount'],
    ['no energy', { ctp: { energyWh: wh(0) } }, 'input/energy'],
    ['self trade', { consumer: 'producer' }, 'ctp/self-trade'],
    ['strange CoE', { coeSigner: 'stranger' }, 'meter/coe-invalid'],
    ['expired CoE', { coe: { notAfterSeconds: seconds(1) } }, 'meter/coe-expired'],
    ['expired witness', { witness: { notAfterSeconds: seconds(1) } }, 'meter/witness-expired'],
    [
      'own witness',
      { witness: { meter: addressFor('meter 2') }, coeSigner: 'meter 2' },
      'meter/self-witnessed',
    ],
    [
      'meter key out of the tree',
      { ctp: { meterKey: addressFor('stranger') }, readySigner: 'stranger' },
      'merkle/invalid-path',
    ],
    ['Accept by the consumer', { acceptSigner: 'consumer' }, 'offer/not-accepted'],
  ])('refuses a submission with %s', (_name, changes, code) => {
    const { submission } = makeSubmission(changes)
    expect(() => verifyCtpSubmission(market, submission)).toThrow(refusal(code))
  })

  it('refuses a malformed consumer’s signature', () => {
    const { submission } = makeSubmission()
    expect(() => verifyCtpSubmission(market, { ...submission, consumerSignature: zeros })).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('takes the producer’s Accept, and no twin or malformed one', () => {
    const { submission } = makeSubmission({ ctp: { offerId: 0n }, acceptSigner: 'producer' })
    expect(verifyCtpSubmission(market, submission).submission.acceptSignature).toBeDefined()
    for (const acceptSignature of [twinOf(submission.acceptSignature!), zeros]) {
      expect(() => verifyCtpSubmission(market, { ...submission, acceptSignature })).toThrow(
        refusal('offer/not-accepted'),
      )
    }
  })

  it('takes no MeterReady for an Accept', () => {
    const { submission, ctpId } = makeSubmission()
    const acceptSignature = signMessage(market, 'MeterReady', { ctpId }, keyOf('producer'))
    expect(() => verifyCtpSubmission(market, { ...submission, acceptSignature })).toThrow(
      refusal('offer/not-accepted'),
    )
  })

  it('checks in the order of the design', () => {
    const wrong = makeSubmission({
      readySigner: 'stranger',
      coeSigner: 'stranger',
      acceptSigner: 'stranger',
    }).submission
    const valid = makeSubmission().submission
    const codes: string[] = []
    const steps: Partial<CtpSubmission>[] = [
      { market },
      { consumerSignature: valid.consumerSignature },
      { meterReadySignature: valid.meterReadySignature },
      { evidence: valid.evidence },
    ]
    let submission: CtpSubmission = {
      ...wrong,
      market: sameAddressOtherChain,
      consumerSignature: zeros,
    }
    for (const step of steps) {
      expect(() => verifyCtpSubmission(market, submission)).toThrow(
        expect.toSatisfy((error: { code: string }) => codes.push(error.code) > 0),
      )
      submission = { ...submission, ...step }
    }
    expect(() => verifyCtpSubmission(market, submission)).toThrow(refusal('offer/not-accepted'))
    expect(codes).toEqual([
      'ctp/wrong-market',
      'signature/invalid',
      'meter/not-ready',
      'meter/coe-invalid',
    ])
  })
})
