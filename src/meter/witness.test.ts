import { describe, expect, it } from 'vitest'
import { digestOf } from '../protocol/digest.ts'
import { type SignedCoe, verifyCoe } from '../protocol/meterEvidence.ts'
import { recoverSigner } from '../protocol/signature.ts'
import type { Standing } from '../protocol/standing.ts'
import { maxUint40, type Seconds, seconds } from '../protocol/units.ts'
import { type CoeRequest, possessionDigestOf } from './coeRequest.ts'
import { issueMeterCertificate } from './manufacturer.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  bytes32,
  day,
  endingStanding,
  later,
  makeMeter,
  manufacturer,
  market,
  now,
  otherMarket,
  renewal,
  standing,
  stranger,
  witnessOf,
} from './neighbourhood.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import type { RenewalOptions } from './treeRenewal.ts'
import { chooseWitness, furthestBeginSeconds, longestCoeSeconds, type Witness } from './witness.ts'

const owner = makeMeter(1)
const witness = makeMeter(2)
const policy = { nowSeconds: now, standing }
const week = longestCoeSeconds
const refusal = (code: string) => expect.objectContaining({ code })

type Unsigned = Omit<CoeRequest, 'possession'>

const plain: Unsigned = {
  market,
  witness: witness.identity,
  coe: {
    root: `0x${'ab'.repeat(32)}`,
    height: 8,
    notBeforeSeconds: now,
    notAfterSeconds: later(longestCoeSeconds),
  },
  owner: owner.signedCertificate,
}

/** A request signed by the identity key of the meter of a seed; the owner's unless told. */
function sign(changes: Partial<Unsigned> = {}, seedFill = 1): CoeRequest {
  const request = { ...plain, ...changes }
  const signer = createSeedSigner(bytes32(seedFill))
  return { ...request, possession: signer.signAsIdentity(possessionDigestOf(request)) }
}

describe('a witness', () => {
  it('vouches for another meter’s tree without naming the meter', () => {
    const signed = witness.certify(sign(), policy)
    const voucher = { witness: witness.identity, manufacturer: manufacturer.address }
    expect(verifyCoe(market, signed)).toEqual(voucher)
    expect(signed.coe).toEqual(plain.coe)
    expect(JSON.stringify(signed)).not.toContain(owner.identity.slice(2))
  })

  it('P6: never vouches for itself', () => {
    const own = sign({ owner: witness.signedCertificate }, 2)
    expect(() => witness.certify(own, policy)).toThrow(refusal('meter/self-witnessed'))
  })

  it('refuses a request for another witness', () => {
    const request = sign({ witness: makeMeter(3).identity })
    expect(() => witness.certify(request, policy)).toThrow(refusal('meter/coe-invalid'))
  })

  it('P6: refuses a meter whose manufacturer it does not trust', () => {
    const certificate = owner.signedCertificate.certificate
    const request = sign({ owner: issueMeterCertificate(stranger, certificate) })
    expect(() => witness.certify(request, policy)).toThrow(refusal('meter/owner-untrusted'))
  })

  it('P6: refuses a meter whose manufacturer’s standing ends before the CoE would', () => {
    const end = plain.coe.notAfterSeconds
    const until = (endsSeconds: number) => ({
      ...policy,
      standing: endingStanding(seconds(endsSeconds)),
    })
    expect(() => witness.certify(sign(), until(end - 1))).toThrow(refusal('meter/owner-untrusted'))
    expect(() => witness.certify(sign(), until(end))).not.toThrow()
  })

  it('P6: refuses a revoked meter, also where the end is announced for after the CoE', () => {
    for (const endsSeconds of [seconds(1), now, later(longestCoeSeconds + day)]) {
      const revoked = endingStanding(seconds(maxUint40), { meter: owner.identity, endsSeconds })
      expect(() => witness.certify(sign(), { ...policy, standing: revoked })).toThrow(
        refusal('meter/revoked'),
      )
    }
  })

  it('P6: does not vouch when it is revoked itself', () => {
    const revocation = { meter: witness.identity, endsSeconds: later(day) }
    const revoked = endingStanding(seconds(maxUint40), revocation)
    expect(() => witness.certify(sign(), { ...policy, standing: revoked })).toThrow(
      refusal('meter/revoked'),
    )
  })

  it('takes a revocation that was put off for good for none', () => {
    const endsSeconds = seconds(maxUint40)
    const revoked = [owner, witness].map(({ identity: meter }) => ({ meter, endsSeconds }))
    const forgiven = endingStanding(endsSeconds, ...revoked)
    expect(() => witness.certify(sign(), { ...policy, standing: forgiven })).not.toThrow()
  })

  it('refuses a certificate that is over, or ends before the CoE would', () => {
    const { certificate } = owner.signedCertificate
    for (const notAfterSeconds of [seconds(now - 1), later(longestCoeSeconds - 1)]) {
      const short = issueMeterCertificate(manufacturer, { ...certificate, notAfterSeconds })
      const request = sign({ owner: short })
      expect(() => witness.certify(request, policy)).toThrow(refusal('meter/certificate-expired'))
    }
    const notAfterSeconds = later(longestCoeSeconds)
    const long = issueMeterCertificate(manufacturer, { ...certificate, notAfterSeconds })
    expect(() => witness.certify(sign({ owner: long }), policy)).not.toThrow()
  })

  it('refuses a request by somebody who only knows the certificate', () => {
    expect(() => witness.certify(sign({}, 9), policy)).toThrow(refusal('signature/invalid'))
  })

  it.each<[string, Partial<Unsigned>]>([
    ['market', { market: otherMarket }],
    ['root', { coe: { ...plain.coe, root: `0x${'cd'.repeat(32)}` } }],
    ['height', { coe: { ...plain.coe, height: 7 } }],
    ['begin', { coe: { ...plain.coe, notBeforeSeconds: later(1) } }],
    ['end', { coe: { ...plain.coe, notAfterSeconds: later(5) } }],
  ])('refuses a request whose %s was altered', (_, change) => {
    const altered = { ...sign(), ...change }
    expect(() => witness.certify(altered, policy)).toThrow(refusal('signature/invalid'))
  })

  it.each([
    ['too high a tree', { height: 17 }],
    ['a tree without height', { height: 0 }],
    ['too long a time', { notAfterSeconds: later(longestCoeSeconds + 1) }],
    ['an end before the begin', { notBeforeSeconds: later(11), notAfterSeconds: later(10) }],
    ['an end too far from now', { notBeforeSeconds: later(60), notAfterSeconds: later(week + 1) }],
    [
      'a begin far ahead, for which a stolen meter would stock up',
      { notBeforeSeconds: later(furthestBeginSeconds + 1), notAfterSeconds: later(2 * day) },
    ],
    ['a time that is over', { notBeforeSeconds: later(-9), notAfterSeconds: later(-1) }],
  ])('refuses %s', (_, change) => {
    const request = sign({ coe: { ...plain.coe, ...change } })
    expect(() => witness.certify(request, policy)).toThrow(refusal('meter/coe-invalid'))
  })

  it('takes a begin as far ahead as clocks may differ', () => {
    const notBeforeSeconds = later(furthestBeginSeconds)
    const request = sign({ coe: { ...plain.coe, notBeforeSeconds } })
    expect(() => witness.certify(request, policy)).not.toThrow()
  })

  it('keeps to the longest time of its policy', () => {
    const coe = { ...plain.coe, notAfterSeconds: later(61) }
    const strict = { ...policy, longestSeconds: seconds(60) }
    expect(() => witness.certify(sign({ coe }), strict)).toThrow(refusal('meter/coe-invalid'))
  })

  it('does not vouch beyond its own certificate', () => {
    const short = makeMeter(3, { notAfterSeconds: later(day) })
    const request = sign({ witness: short.identity })
    expect(() => short.certify(request, policy)).toThrow(refusal('meter/witness-expired'))
  })
})

describe('proof of possession', () => {
  it('is worth nothing as a CoE', () => {
    const { possession, coe } = sign()
    expect(recoverSigner(possessionDigestOf(plain), possession)).toBe(owner.identity)
    expect(recoverSigner(digestOf(market, 'CoE', coe), possession)).not.toBe(owner.identity)
  })
})

describe('asking a witness', () => {
  const honest = witnessOf(witness)
  const answering = (change: (signed: SignedCoe) => SignedCoe): Witness => ({
    ...honest,
    certify: async (request) => change(await honest.certify(request)),
  })
  const witnessUnder = (trusted: Standing) => async (request: CoeRequest) =>
    witness.certify(request, { nowSeconds: now, standing: trusted })
  const renewWith = (asked: Witness) => makeMeter(1).renew(market, asked, renewal())

  it('refuses an answer to something else', async () => {
    const changed = [
      answering((signed) => ({ ...signed, coe: { ...signed.coe, root: plain.coe.root } })),
      answering((signed) => ({ ...signed, coe: { ...signed.coe, height: 4 } })),
      answering((signed) => ({ ...signed, coe: { ...signed.coe, notBeforeSeconds: now } })),
      answering((signed) => ({ ...signed, coe: { ...signed.coe, notAfterSeconds: now } })),
      answering((signed) => ({ ...signed, witness: makeMeter(3).signedCertificate.certificate })),
      answering((signed) => ({ ...signed, coeSignature: signed.witnessSignature })),
    ]
    for (const asked of changed) {
      await expect(renewWith(asked)).rejects.toThrow(refusal('meter/coe-invalid'))
    }
  })

  it('refuses the word of a meter that it did not ask', async () => {
    const { certificate, manufacturerSignature } = makeMeter(3).signedCertificate
    const signer = createSeedSigner(bytes32(3))
    const asked = answering(({ coe }) => ({
      coe,
      coeSignature: signer.signAsIdentity(digestOf(market, 'CoE', coe)),
      witness: certificate,
      witnessSignature: manufacturerSignature,
    }))
    await expect(renewWith(asked)).rejects.toThrow(refusal('meter/coe-invalid'))
  })

  it('refuses itself', async () => {
    const meter = makeMeter(1)
    const asked = meter.renew(market, witnessOf(meter), renewal())
    await expect(asked).rejects.toThrow(refusal('meter/self-witnessed'))
  })

  it('says nothing to a witness whom the market does not trust', async () => {
    let isAsked = false
    const untrusted: Witness = {
      signedCertificate: issueMeterCertificate(stranger, witness.signedCertificate.certificate),
      certify: (request) => {
        isAsked = true
        return honest.certify(request)
      },
    }
    await expect(renewWith(untrusted)).rejects.toThrow(refusal('meter/witness-untrusted'))
    expect(isAsked).toBe(false)
  })

  it('P6: says nothing to a witness that is revoked', async () => {
    let isAsked = false
    const revoked: Witness = {
      ...honest,
      certify: (request) => {
        isAsked = true
        return honest.certify(request)
      },
    }
    const revocation = { meter: witness.identity, endsSeconds: later(day) }
    const asked = makeMeter(1).renew(
      market,
      revoked,
      renewal({ standing: endingStanding(seconds(maxUint40), revocation) }),
    )
    await expect(asked).rejects.toThrow(refusal('meter/revoked'))
    expect(isAsked).toBe(false)
  })

  it('asks for no longer than the standing of the manufacturers lasts', async () => {
    const ending = endingStanding(later(2 * day))
    const asked = { ...honest, certify: witnessUnder(ending) }
    const { coe } = await makeMeter(1).renew(market, asked, renewal({ standing: ending }))
    const end = later(2 * day)
    expect(coe.notAfterSeconds).toBe(end - (end % day))
  })

  it('does not ask for a meter that no witness could help', async () => {
    const ask = (meter: SoftwareMeter, changes: Partial<RenewalOptions> = {}) =>
      meter.renew(market, honest, renewal(changes))
    const revoked = { meter: makeMeter(1).identity, endsSeconds: later(day) }
    await expect(
      ask(makeMeter(1), { standing: endingStanding(seconds(maxUint40), revoked) }),
    ).rejects.toThrow(refusal('meter/revoked'))
    await expect(ask(makeMeter(1, { notAfterSeconds: later(-1) }))).rejects.toThrow(
      refusal('meter/certificate-expired'),
    )
    await expect(ask(makeMeter(1, { manufacturer: stranger }))).rejects.toThrow(
      refusal('meter/owner-untrusted'),
    )
    await expect(ask(makeMeter(1), { standing: endingStanding(later(-1)) })).rejects.toThrow(
      refusal('meter/owner-untrusted'),
    )
  })

  it('P9: does not show when the owner’s certificate ends', async () => {
    const endOf = async (notAfterSeconds: Seconds) => {
      const { coe } = await makeMeter(1, { notAfterSeconds }).renew(market, honest, renewal())
      return coe.notAfterSeconds
    }
    const midnight = later(3 * day - ((now + 3 * day) % day))
    expect(await endOf(midnight)).toBe(midnight)
    expect(await endOf(seconds(midnight + 7777))).toBe(midnight)
    // On its last day there is no other way.
    expect(await endOf(later(100))).toBe(later(100))
  })

  it('begins early enough for a witness whose clock is behind', async () => {
    const atFullHour = seconds(now - (now % 3600))
    const behind: Witness = {
      ...honest,
      certify: async (request) =>
        witness.certify(request, { nowSeconds: seconds(atFullHour - 299), standing }),
    }
    const { coe } = await makeMeter(1).renew(market, behind, renewal({ nowSeconds: atFullHour }))
    expect(coe.notBeforeSeconds).toBe(atFullHour - 3600)
  })

  it('refuses an answer with another certificate than the witness showed', async () => {
    const { certificate } = witness.signedCertificate
    const untrusted = answering((signed) => ({
      ...signed,
      witnessSignature: issueMeterCertificate(stranger, certificate).manufacturerSignature,
    }))
    await expect(renewWith(untrusted)).rejects.toThrow(refusal('meter/witness-untrusted'))
    const short = { ...certificate, notAfterSeconds: later(60) }
    const shorter = answering((signed) => ({
      ...signed,
      witness: short,
      witnessSignature: issueMeterCertificate(manufacturer, short).manufacturerSignature,
    }))
    await expect(renewWith(shorter)).rejects.toThrow(refusal('meter/witness-expired'))
  })
})

describe('chooseWitness', () => {
  const witnesses = [owner, witness, makeMeter(3)].map(witnessOf)

  it('picks any of the others, never the owner', () => {
    const picked = [0, 1].map((pick) => {
      return chooseWitness(witnesses, owner.identity, (bound) => {
        expect(bound).toBe(2)
        return pick
      })
    })
    expect(picked).toEqual([witnesses[1], witnesses[2]])
  })

  it('fails where there is no other', () => {
    const pick = () => chooseWitness([witnesses[0]!], owner.identity, () => 0)
    expect(pick).toThrow(refusal('meter/no-witness'))
  })
})
