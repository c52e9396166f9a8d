import { describe, expect, it } from 'vitest'
import { keyOf, market, otherAddressSameChain } from '../../test/protocol/tradeFixture.ts'
import { bytesToHex } from './bytes.ts'
import { addressOf, signDigest, signMessage } from './signature.ts'
import { type Standing, standingOf } from './standing.ts'
import { maxUint40, type Seconds, seconds } from './units.ts'
import { witnessPostCodec } from './witnessCodecs.ts'
import {
  checkWitnessPost,
  longestPostSeconds,
  postDigestOf,
  tokenHashOf,
  type WitnessPost,
} from './witnessPost.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const now = seconds(1_760_000_123)
const later = (delta: number): Seconds => seconds(now + delta)
const manufacturer = addressOf(keyOf('maker'))
const certificate = {
  meter: addressOf(keyOf('meter')),
  model: `0x${'11'.repeat(32)}`,
  notAfterSeconds: later(1_000_000),
} as const

function makePost(
  changes: Partial<WitnessPost> = {},
  { signer = 'meter', maker = 'maker' } = {},
): WitnessPost {
  const terms = {
    relay: addressOf(keyOf('node')),
    sealingKey: `0x${'22'.repeat(32)}`,
    tokenHash: bytesToHex(tokenHashOf(`0x${'33'.repeat(32)}`)),
    notAfterSeconds: later(86_400),
    certificate,
    ...changes,
  } as const
  const digest = postDigestOf(market, terms.certificate.meter, terms)
  return {
    ...terms,
    manufacturerSignature: signMessage(market, 'MeterCertificate', terms.certificate, keyOf(maker)),
    signature: signDigest(digest, keyOf(signer)),
  }
}

const trusting = (endsSeconds: Seconds, revokedAtSeconds?: Seconds): Standing =>
  standingOf({
    manufacturers: [{ manufacturer, endsSeconds }],
    revokedMeters:
      revokedAtSeconds === undefined
        ? []
        : [{ meter: certificate.meter, endsSeconds: revokedAtSeconds }],
  })
const rules = { market, standing: trusting(seconds(maxUint40)), nowSeconds: now }
const check = (post: WitnessPost, changes: Partial<typeof rules> = {}) =>
  checkWitnessPost(post, { ...rules, ...changes })

describe('a witness’s post', () => {
  it('is taken from a certified meter in good standing, also as JSON', () => {
    const post = makePost()
    expect(check(post)).toBe(manufacturer)
    const json = JSON.parse(JSON.stringify(witnessPostCodec.encode(post)))
    expect(witnessPostCodec.decode(json, 'post')).toEqual(post)
  })

  it.each<[string, Partial<WitnessPost>]>([
    ['sealing key', { sealingKey: `0x${'44'.repeat(32)}` }],
    ['node', { relay: addressOf(keyOf('cheat')) }],
    ['token', { tokenHash: `0x${'44'.repeat(32)}` }],
    ['end', { notAfterSeconds: later(86_399) }],
    ['meter', { certificate: { ...certificate, meter: addressOf(keyOf('cheat')) } }],
    ['signature', { signature: `0x${'00'.repeat(64)}` }],
  ])('is refused where a relay put in another %s', (_name, change) => {
    expect(() => check({ ...makePost(), ...change })).toThrow(refusal('witness/post-invalid'))
  })

  it('is refused where another key signed it, and in another market (P5)', () => {
    expect(() => check(makePost({}, { signer: 'cheat' }))).toThrow(refusal('witness/post-invalid'))
    expect(() => check(makePost(), { market: otherAddressSameChain })).toThrow(
      refusal('witness/post-invalid'),
    )
  })

  it('counts up to its end, and for a day and an hour at most', () => {
    expect(() => check(makePost({ notAfterSeconds: now }))).not.toThrow()
    expect(() => check(makePost({ notAfterSeconds: later(longestPostSeconds) }))).not.toThrow()
    for (const notAfterSeconds of [later(-1), later(longestPostSeconds + 1)]) {
      expect(() => check(makePost({ notAfterSeconds }))).toThrow(refusal('witness/post-invalid'))
    }
  })

  it('P6: is refused of a meter whose manufacturer is not in good standing', () => {
    expect(() => check(makePost({}, { maker: 'cheat' }))).toThrow(
      refusal('meter/witness-untrusted'),
    )
    expect(() => check(makePost(), { standing: trusting(later(-1)) })).toThrow(
      refusal('meter/witness-untrusted'),
    )
    expect(() => check(makePost(), { standing: trusting(now) })).not.toThrow()
  })

  it('P6: is refused of a meter that nobody certified, or whose certificate is over', () => {
    const uncertified = { ...makePost(), manufacturerSignature: `0x${'00'.repeat(64)}` } as const
    expect(() => check(uncertified)).toThrow(refusal('signature/invalid'))
    const over = makePost({ certificate: { ...certificate, notAfterSeconds: later(-1) } })
    expect(() => check(over)).toThrow(refusal('meter/witness-expired'))
  })

  it('P6: is refused of a revoked meter, from the announcement on', () => {
    const standing = trusting(seconds(maxUint40), later(1_000_000))
    expect(() => check(makePost(), { standing })).toThrow(refusal('meter/revoked'))
  })
})
