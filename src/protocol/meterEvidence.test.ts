import { describe, expect, it } from 'vitest'
import {
  addressFor,
  bytes32For,
  expirySeconds,
  keyOf,
  makeEvidence,
  market,
  meterTree,
  otherAddressSameChain,
  type TradeChanges,
} from '../../test/protocol/tradeFixture.ts'
import { type Address, bytesToHex, type Hex } from './bytes.ts'
import { buildMerkleTree, hashLeaf, rootOfPath } from './merkle.ts'
import {
  type MeterEvidence,
  type Voucher,
  type VoucherCache,
  verifyCoe,
  verifyMeterEvidence,
} from './meterEvidence.ts'
import { signMessage } from './signature.ts'
import { maxUint40, type Seconds, seconds } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const meterKey = addressFor('meter 2')
const voucher: Voucher = {
  witness: addressFor('witness'),
  manufacturer: addressFor('manufacturer'),
}
const zeros: Hex = bytesToHex(new Uint8Array(64))

function verify(
  evidence: MeterEvidence,
  key: Address = meterKey,
  expiry: Seconds = expirySeconds,
  cache?: VoucherCache,
): Voucher {
  return verifyMeterEvidence(market, evidence, key, expiry, cache)
}

describe('verifyMeterEvidence', () => {
  it('says who vouches', () => {
    expect(verify(makeEvidence())).toEqual(voucher)
  })

  it('takes a tree of a single key', () => {
    const { root, height, pathOf } = buildMerkleTree([meterKey])
    const evidence = makeEvidence({ coe: { root, height } })
    expect(verify({ ...evidence, path: pathOf(0) })).toEqual(voucher)
  })

  it('takes the highest tree, and none higher', () => {
    const tall = (height: number) => {
      const siblings = Array.from({ length: height }, (_, level) => bytes32For(`${level}`))
      return { index: 2 ** height - 1, siblings }
    }
    const evidenceAt = (height: number) => {
      const path = tall(height)
      const root = rootAt(path.siblings)
      return { ...makeEvidence({ coe: { root, height } }), path }
    }
    expect(verify(evidenceAt(16))).toEqual(voucher)
    expect(() => verify(evidenceAt(17))).toThrow(refusal('meter/coe-invalid'))
  })

  it.each<[string, Partial<MeterEvidence>]>([
    ['shorter than the tree is high', { path: { index: 2, siblings: [] } }],
    ['of another leaf', { path: meterTree.pathOf(1) }],
    ['with a wrong index', { path: { ...meterTree.pathOf(2), index: 3 } }],
    ['with an index out of the tree', { path: { ...meterTree.pathOf(2), index: 10 } }],
    [
      'of another tree',
      { path: buildMerkleTree(['m', 'n', 'o', 'p', 'q'].map(addressFor)).pathOf(2) },
    ],
  ])('refuses a path %s', (_name, change) => {
    expect(() => verify({ ...makeEvidence(), ...change })).toThrow(refusal('merkle/invalid-path'))
  })

  it('refuses a height that is not the path’s', () => {
    for (const height of [2, 4]) {
      expect(() => verify(makeEvidence({ coe: { height } }))).toThrow(
        refusal('merkle/invalid-path'),
      )
    }
  })

  it('refuses a key that is not in the tree', () => {
    expect(() => verify(makeEvidence(), addressFor('stranger'))).toThrow(
      refusal('merkle/invalid-path'),
    )
  })

  it('refuses a node in the place of a leaf', () => {
    const leaves = ['meter 2', 'meter 3'].map((label) => bytesToHex(hashLeaf(addressFor(label))))
    const { height, siblings } = { height: 2, siblings: meterTree.pathOf(2).siblings.slice(1) }
    const evidence = { ...makeEvidence({ coe: { height } }), path: { index: 1, siblings } }
    const node = `0x${leaves.map((leaf) => leaf.slice(2)).join('')}` as Hex
    expect(() => verify(evidence, node)).toThrow(refusal('merkle/invalid-path'))
  })

  it('refuses a witness who vouches for himself', () => {
    const changes = { witness: { meter: meterKey }, coeSigner: 'meter 2' }
    expect(() => verify(makeEvidence(changes))).toThrow(refusal('meter/self-witnessed'))
  })

  it('compares the CoE’s ends with the CTP’s expiry', () => {
    const at = (notBefore: number, notAfter: number) =>
      makeEvidence({
        coe: {
          notBeforeSeconds: seconds(expirySeconds + notBefore),
          notAfterSeconds: seconds(expirySeconds + notAfter),
        },
      })
    expect(verify(at(0, 0))).toEqual(voucher)
    expect(() => verify(at(1, 10))).toThrow(refusal('meter/coe-expired'))
    expect(() => verify(at(-10, -1))).toThrow(refusal('meter/coe-expired'))
    expect(() => verify(at(1, -1))).toThrow(refusal('meter/coe-expired'))
  })

  it('compares the end of the witness’s certificate with the CTP’s expiry', () => {
    const at = (end: number) =>
      makeEvidence({ witness: { notAfterSeconds: seconds(expirySeconds + end) } })
    expect(verify(at(0))).toEqual(voucher)
    expect(() => verify(at(-1))).toThrow(refusal('meter/witness-expired'))
  })

  it('takes the furthest expiry there is', () => {
    const end = { notAfterSeconds: seconds(maxUint40) }
    const evidence = makeEvidence({ coe: end, witness: end })
    expect(verify(evidence, meterKey, seconds(maxUint40))).toEqual(voucher)
  })
})

/** The root over the fixture's key as the last leaf. */
function rootAt(siblings: readonly Hex[]): Hex {
  return rootOfPath(meterKey, { index: 2 ** siblings.length - 1, siblings: [...siblings] })!
}

describe('verifyCoe', () => {
  it('says who vouches', () => {
    expect(verifyCoe(market, makeEvidence())).toEqual(voucher)
  })

  it.each<[string, TradeChanges, Partial<MeterEvidence>]>([
    ['signed by someone else', { coeSigner: 'stranger' }, {}],
    ['with a malformed signature', {}, { coeSignature: zeros }],
    ['with a malformed signature of the manufacturer', {}, { witnessSignature: zeros }],
    ['of a tree that is too high', { coe: { height: 17 } }, {}],
  ])('refuses a CoE %s', (_name, changes, change) => {
    expect(() => verifyCoe(market, { ...makeEvidence(changes), ...change })).toThrow(
      refusal('meter/coe-invalid'),
    )
  })

  it('refuses a CoE of another market (P5)', () => {
    expect(() => verifyCoe(otherAddressSameChain, makeEvidence())).toThrow(
      refusal('meter/coe-invalid'),
    )
  })

  it.each<[string, Partial<MeterEvidence['coe']>]>([
    ['root', { root: bytes32For('root') }],
    ['height', { height: 2 }],
    ['begin', { notBeforeSeconds: seconds(0) }],
    ['end', { notAfterSeconds: seconds(maxUint40) }],
  ])('refuses a CoE whose %s was changed', (_name, change) => {
    const evidence = makeEvidence()
    const forged = { ...evidence, coe: { ...evidence.coe, ...change } }
    expect(() => verifyCoe(market, forged)).toThrow(refusal('meter/coe-invalid'))
  })

  it('names another manufacturer where the witness’s certificate was changed', () => {
    const evidence = makeEvidence()
    const end = { notAfterSeconds: seconds(maxUint40) }
    const longer = { ...evidence, witness: { ...evidence.witness, ...end } }
    expect(verifyCoe(market, longer).manufacturer).not.toBe(voucher.manufacturer)
    const own = makeEvidence({ manufacturer: 'cheat' })
    expect(verifyCoe(market, own).manufacturer).toBe(addressFor('cheat'))
  })
})

describe('the cache of vouchers', () => {
  /** A cache that counts, so that a test knows whether it was used. */
  function makeCache() {
    const entries = new Map<string, { key: string; voucher: Voucher }>()
    const counts = { hits: 0, stores: 0 }
    const cache: VoucherCache = {
      get(coeSignature) {
        const entry = entries.get(coeSignature)
        if (entry !== undefined) counts.hits++
        return entry
      },
      set(coeSignature, entry) {
        counts.stores++
        entries.set(coeSignature, entry)
      },
    }
    return { cache, counts }
  }

  it('spares the signature checks of the same CoE', () => {
    const { cache, counts } = makeCache()
    const evidence = makeEvidence()
    expect(verifyCoe(market, evidence, cache)).toEqual(voucher)
    expect(verifyCoe(market, structuredClone(evidence), cache)).toEqual(voucher)
    // Two entries: the CoE's and its witness's certificate.
    expect(counts).toEqual({ hits: 1, stores: 2 })
  })

  it('keeps nothing that was refused', () => {
    const { cache, counts } = makeCache()
    const forged = makeEvidence({ coeSigner: 'stranger' })
    for (let i = 0; i < 2; i++) {
      expect(() => verifyCoe(market, forged, cache)).toThrow(refusal('meter/coe-invalid'))
    }
    expect(counts).toEqual({ hits: 0, stores: 0 })
  })

  it('lets no variant of a known CoE pass as the known one', () => {
    const { cache, counts } = makeCache()
    const evidence = makeEvidence()
    verifyCoe(market, evidence, cache)
    const stolen = { ...evidence.witness, meter: addressFor('cheat') }
    const later = { notAfterSeconds: seconds(maxUint40) }
    const cheat = keyOf('cheat')
    const variants: MeterEvidence[] = [
      { ...evidence, coe: { ...evidence.coe, root: bytes32For('root') } },
      { ...evidence, coe: { ...evidence.coe, height: 5 } },
      { ...evidence, coe: { ...evidence.coe, ...later } },
      { ...evidence, coe: { ...evidence.coe, notBeforeSeconds: seconds(0) } },
      { ...evidence, witness: stolen },
      {
        ...evidence,
        witness: stolen,
        witnessSignature: signMessage(market, 'MeterCertificate', stolen, cheat),
      },
      { ...evidence, witnessSignature: zeros },
    ]
    for (const variant of variants) {
      expect(() => verifyCoe(market, variant, cache)).toThrow(refusal('meter/coe-invalid'))
    }
    expect(counts).toEqual({ hits: variants.length, stores: 2 })
  })

  it.each<[string, Partial<MeterEvidence['witness']>]>([
    ['end', { notAfterSeconds: seconds(maxUint40) }],
    ['model', { model: bytes32For('other model') }],
  ])('recovers another manufacturer where a known witness’s %s was changed', (_name, change) => {
    const { cache, counts } = makeCache()
    const evidence = makeEvidence()
    verifyCoe(market, evidence, cache)
    const forged = { ...evidence, witness: { ...evidence.witness, ...change } }
    expect(verifyCoe(market, forged, cache).manufacturer).not.toBe(voucher.manufacturer)
    // Found under their signatures, but of other contents: checked again.
    expect(counts).toEqual({ hits: 2, stores: 4 })
    expect(verifyCoe(market, evidence, cache)).toEqual(voucher)
  })

  it('does not take what one market’s witness signed for another market (P5)', () => {
    const { cache, counts } = makeCache()
    const evidence = makeEvidence()
    verifyCoe(market, evidence, cache)
    expect(() => verifyCoe(otherAddressSameChain, evidence, cache)).toThrow(
      refusal('meter/coe-invalid'),
    )
    expect(counts.hits).toBe(1)
  })

  it('does not spare what depends on the CTP', () => {
    const { cache } = makeCache()
    const evidence = makeEvidence()
    expect(verify(evidence, meterKey, expirySeconds, cache)).toEqual(voucher)
    const late = seconds(expirySeconds + 2000)
    expect(() => verify(evidence, meterKey, late, cache)).toThrow(refusal('meter/coe-expired'))
    const betweenEnds = seconds(expirySeconds + 501)
    expect(() => verify(evidence, meterKey, betweenEnds, cache)).toThrow(
      refusal('meter/witness-expired'),
    )
    expect(() => verify(evidence, addressFor('stranger'), expirySeconds, cache)).toThrow(
      refusal('merkle/invalid-path'),
    )
  })
})
