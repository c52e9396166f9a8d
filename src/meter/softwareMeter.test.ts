import { describe, expect, it } from 'vitest'
import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterState, MeterStorage } from '../ports/meterStorage.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import {
  type CtpSubmission,
  decodeCtpSubmission,
  encodeCtpSubmission,
  verifyCtpSubmission,
} from '../protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import { encodeMeterEvidence } from '../protocol/meterEvidence.ts'
import { addressOf, signMessage } from '../protocol/signature.ts'
import { verifyErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, type Wh, wh } from '../protocol/units.ts'
import { createLocalWitness } from './localWitness.ts'
import { softwareMeterModel } from './manufactureSoftwareMeter.ts'
import { summarizeMeter } from './meterSummary.ts'
import { treeRetentionSeconds } from './meterTrees.ts'
import {
  bytes32,
  consumer,
  consumerKey,
  day,
  later,
  makeCtp,
  makeMeter,
  makeReadyMeter,
  manufacturer,
  market,
  now,
  otherMarket,
  renewal,
  standing,
  witnessOf,
} from './neighbourhood.cases.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'
import { longestCoeSeconds } from './witness.ts'

const otherAccount = addressOf(bytes32(0xc1))
const refusal = (code: string) => expect.objectContaining({ code })
const idOf = (ctp: Ctp): Bytes32 => ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)

/** Takes a key and binds it to a CTP. */
function bindFresh(meter: SoftwareMeter, changes: Partial<Ctp> = {}): Bytes32 {
  const ctp = makeCtp(meter.takeKey(changes.expirySeconds ?? later(3600)).meterKey, changes)
  meter.bind(ctp, consumer, market)
  return idOf(ctp)
}

/** A storage whose every save goes past a watcher, which may throw. */
function watch(storage: MeterStorage, see: (state: MeterState) => void): MeterStorage {
  return {
    ...storage,
    save(state) {
      see(state)
      storage.save(state)
    },
  }
}

describe('a whole trade', () => {
  it('passes every check of the nodes, from key to receipt', async () => {
    const meter = await makeReadyMeter()
    const { meterKey } = meter.takeKey(later(3600))
    const ctp = makeCtp(meterKey)
    const readiness = meter.bind(ctp, consumer, market)
    const consumerSignature = signMessage(market, 'Ctp', ctp, consumerKey)
    const submission: CtpSubmission = { market, ctp, consumerSignature, ...readiness }
    const sent = decodeCtpSubmission(JSON.parse(JSON.stringify(encodeCtpSubmission(submission))))
    const verified = verifyCtpSubmission(market, sent)
    expect(verified.consumer).toBe(consumer)
    expect(verified.voucher).toEqual({
      witness: makeMeter(2).identity,
      manufacturer: manufacturer.address,
    })

    const unready = { ...sent, meterReadySignature: consumerSignature }
    const verify = () => verifyCtpSubmission(market, unready)
    expect(verify).toThrow(refusal('meter/not-ready'))

    const signed = meter.receipt(verified.ctpId, wh(400), later(60))
    expect(signed.erc).toEqual({
      ctpId: verified.ctpId,
      deliveredWh: 400,
      measuredAtSeconds: later(60),
    })
    expect(() => verifyErc(market, signed, meterKey)).not.toThrow()
    expect(() => verifyErc(otherMarket, signed, meterKey)).toThrow(refusal('erc/wrong-key'))
  })
})

describe('P9: what a trade shows of the meter', () => {
  /** Each run of 20 bytes or more in hexadecimal that stands in a text. */
  const wordsOf = (value: unknown): Set<string> =>
    new Set(JSON.stringify(value).match(/[0-9a-f]{40,}/g) ?? [])

  it('is neither its identity nor its certificate', async () => {
    const meter = await makeReadyMeter()
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    const { evidence, meterReadySignature } = meter.bind(ctp, consumer, market)
    const receipt = meter.receipt(idOf(ctp), wh(1), now)
    const shown = JSON.stringify([encodeMeterEvidence(evidence), meterReadySignature, receipt])
    expect(shown).not.toContain(meter.identity.slice(2))
    expect(shown).not.toContain(meter.signedCertificate.manufacturerSignature.slice(2))
    expect(shown).not.toContain(meter.state.name)
  })

  it('shares nothing between two CoEs but witness and manufacturer', async () => {
    const meter = makeMeter(1, { treeHeight: 1 })
    const show = async (witness: SoftwareMeter) => {
      await meter.renew(market, witnessOf(witness), renewal())
      return [0, 1].map(() => {
        const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
        const ready = meter.bind(ctp, consumer, market)
        const { meterReadySignature, evidence } = ready
        return { ctp: ctp.meterKey, meterReadySignature, ...encodeMeterEvidence(evidence) }
      })
    }
    const first = wordsOf(await show(makeMeter(2)))
    const second = wordsOf(await show(makeMeter(3)))
    const shared = [...first].filter((word) => second.has(word))
    expect(shared).toEqual([softwareMeterModel.slice(2)])
    expect(first.size).toBeGreaterThan(6)
  })

  it('is a tree of one account: keys of another account’s trees are not taken', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const own = meter.takeKey(later(60), consumer)
    expect(meter.keysLeft(later(60), otherAccount)).toBe(7)
    meter.bind(makeCtp(own.meterKey), consumer, market)
    const keysLeft = () => [consumer, otherAccount].map((each) => meter.keysLeft(later(60), each))
    expect(keysLeft()).toEqual([7, 0])
    for (const each of [meter, openSoftwareMeter(storage)]) {
      const take = () => each.takeKey(later(60), otherAccount)
      expect(take).toThrow(refusal('meter/other-account'))
      expect(each.state.trees[0]!.nextLeaf).toBe(1)
    }
    await meter.renew(market, witnessOf(makeMeter(3)), renewal())
    expect(keysLeft()).toEqual([15, 8])
    const other = meter.takeKey(later(60), otherAccount)
    meter.bind(makeCtp(other.meterKey), otherAccount, market)
    expect([own, other].map(({ reference }) => reference.tree)).toEqual([0, 1])
    expect(keysLeft()).toEqual([7, 7])
    // Back to the old account, the old tree goes on.
    expect(meter.takeKey(later(60), consumer).reference).toEqual({ tree: 0, leaf: 1 })
  })

  it('is a tree of one account: the first binding says whose, whoever took keys', async () => {
    const meter = await makeReadyMeter()
    const [first, second, third] = [otherAccount, consumer, undefined].map(
      (account) => meter.takeKey(later(60), account).meterKey,
    )
    const ctp = makeCtp(second!)
    const ready = meter.bind(ctp, consumer, market)
    for (const [meterKey, nonce] of [[first!, 0] as const, [third!, 1] as const]) {
      const bind = () => meter.bind(makeCtp(meterKey, { nonce }), otherAccount, market)
      expect(bind).toThrow(refusal('meter/other-account'))
    }
    expect(meter.bind(ctp, consumer, market)).toEqual(ready)
    expect(meter.bind(makeCtp(first!, { nonce: 1 }), consumer, market)).toBeDefined()
    const accounts = meter.state.trees[0]!.bindings.map((binding) => binding.consumer)
    expect(new Set(accounts)).toEqual(new Set([consumer]))
  })

  it('is no longer two accounts where a tree of an earlier version had two', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    for (const nonce of [0, 1]) bindFresh(meter, { nonce })
    const state = storage.load()!
    const [tree] = state.trees
    const [first, second] = tree!.bindings
    const bindings = [first!, { ...second!, consumer: otherAccount }]
    storage.save({ ...state, trees: [{ ...tree!, bindings }] })
    const shared = openSoftwareMeter(storage)
    for (const account of [consumer, otherAccount]) {
      const take = () => shared.takeKey(later(60), account)
      expect(take).toThrow(refusal('meter/other-account'))
    }
  })

  it('tells a used-up tree, and one that ends too soon, from another account’s', async () => {
    const meter = await makeReadyMeter({ treeHeight: 1 })
    bindFresh(meter)
    const far = seconds(now + 8 * day)
    expect(() => meter.takeKey(far, otherAccount)).toThrow(refusal('meter/coe-expired'))
    meter.takeKey(later(60), consumer)
    expect(() => meter.takeKey(later(60), otherAccount)).toThrow(refusal('meter/exhausted'))
  })

  it('begins at a full hour, so that its times do not single it out', async () => {
    const { coe } = (await makeReadyMeter()).state.trees[0]!.coe
    expect(coe.notBeforeSeconds % 3600).toBe(0)
    expect(now - coe.notBeforeSeconds).toBeLessThan(3600)
    expect(coe.notAfterSeconds - coe.notBeforeSeconds).toBe(longestCoeSeconds)
  })
})

describe('making and opening a meter', () => {
  it('needs an empty storage', () => {
    const storage = openMeterMemory()
    makeMeter(1, {}, storage)
    expect(() => makeMeter(1, {}, storage)).toThrow(refusal('meter/exists'))
  })

  it('needs a meter in the storage', () => {
    expect(() => openSoftwareMeter(openMeterMemory())).toThrow(refusal('meter/unknown'))
  })

  it.each([0, 17, 2.5])('refuses a tree %s high', (treeHeight) => {
    expect(() => makeMeter(1, { treeHeight })).toThrow(refusal('input/number'))
  })

  it('keeps its name, certificate and trees', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const again = openSoftwareMeter(storage)
    expect(again.state).toEqual(meter.state)
    expect(again.identity).toBe(meter.identity)
    expect(again.market).toEqual(market)
    expect(again.signedCertificate.certificate).toEqual({
      meter: meter.identity,
      model: softwareMeterModel,
      notAfterSeconds: later(365 * day),
    })
    expect('seed' in again.state).toBe(false)
  })

  it('does not change with the caller’s seed', async () => {
    const seed = bytes32(1)
    const storage = openMeterMemory()
    const meter = makeMeter(1, { seed }, storage)
    seed.fill(9)
    expect(openSoftwareMeter(storage).identity).toBe(meter.identity)
  })

  it('closes its storage', () => {
    const meter = makeMeter(1)
    meter.close()
    const release = meter.renew(market, witnessOf(makeMeter(2)), renewal())
    return expect(release).rejects.toThrow(refusal('store/failed'))
  })
})

describe('taking keys', () => {
  it('gives each key once, then none', async () => {
    const meter = await makeReadyMeter()
    const keys = Array.from({ length: 8 }, () => meter.takeKey(later(60)))
    expect(new Set(keys.map(({ meterKey }) => meterKey)).size).toBe(8)
    expect(keys.map(({ reference }) => reference.leaf)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
    expect(meter.keysLeft(later(60))).toBe(0)
    expect(() => meter.takeKey(later(60))).toThrow(refusal('meter/exhausted'))
  })

  it('gives none before the first tree', () => {
    expect(makeMeter(1).keysLeft(now)).toBe(0)
    expect(() => makeMeter(1).takeKey(now)).toThrow(refusal('meter/exhausted'))
  })

  it('gives none that the CoE does not cover', async () => {
    const meter = await makeReadyMeter()
    const { notBeforeSeconds, notAfterSeconds } = meter.state.trees[0]!.coe.coe
    for (const expiry of [notBeforeSeconds - 1, notAfterSeconds + 1]) {
      expect(() => meter.takeKey(seconds(expiry))).toThrow(refusal('meter/coe-expired'))
      expect(meter.keysLeft(seconds(expiry))).toBe(0)
    }
    for (const expiry of [notBeforeSeconds, notAfterSeconds]) {
      expect(() => meter.takeKey(expiry)).not.toThrow()
    }
    expect(meter.keysLeft(later(60))).toBe(6)
  })

  it('loses a reserved key in a crash rather than use it twice', async () => {
    const storage = openMeterMemory()
    const { meterKey } = (await makeReadyMeter({}, storage)).takeKey(later(60))
    const restarted = openSoftwareMeter(storage)
    expect(restarted.takeKey(later(60)).meterKey).not.toBe(meterKey)
    const ctp = makeCtp(meterKey)
    const bind = () => restarted.bind(ctp, consumer, market)
    expect(bind).toThrow(refusal('meter/key-unknown'))
  })
})

describe('binding', () => {
  it('gives the same answer for the same CTP, also after a restart', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    const first = meter.bind(ctp, consumer, market)
    expect(meter.bind({ ...ctp }, consumer, market)).toEqual(first)
    expect(openSoftwareMeter(storage).bind(ctp, consumer, market)).toEqual(first)
    expect(meter.state.trees[0]!.bindings).toHaveLength(1)
  })

  it('refuses another CTP on the same key, also after a restart', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    meter.bind(ctp, consumer, market)
    const other = { ...ctp, nonce: 1 }
    expect(() => meter.bind(other, consumer, market)).toThrow(refusal('meter/key-used'))
    const stranger = addressOf(bytes32(0xc1))
    expect(() => meter.bind(ctp, stranger, market)).toThrow(refusal('meter/key-used'))
    const again = openSoftwareMeter(storage)
    expect(() => again.bind(other, consumer, market)).toThrow(refusal('meter/key-used'))
  })

  it('refuses a key that is not its own', async () => {
    const meter = await makeReadyMeter()
    const foreign: Address = addressOf(bytes32(0xdd))
    const bind = () => meter.bind(makeCtp(foreign), consumer, market)
    expect(bind).toThrow(refusal('meter/key-unknown'))
  })

  it('refuses another market than the tree was witnessed for', async () => {
    const meter = await makeReadyMeter()
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    const bind = () => meter.bind(ctp, consumer, otherMarket)
    expect(bind).toThrow(refusal('ctp/wrong-market'))
    expect(() => meter.bind(ctp, consumer, market)).not.toThrow()
  })

  it('refuses an expiry that the CoE does not cover, whatever the key was taken for', async () => {
    const meter = await makeReadyMeter()
    const { meterKey } = meter.takeKey(later(60))
    const ctp = makeCtp(meterKey, { expirySeconds: later(8 * day) })
    expect(() => meter.bind(ctp, consumer, market)).toThrow(refusal('meter/coe-expired'))
  })

  it('keeps what it signs before the signature leaves it', async () => {
    const storage = openMeterMemory()
    await makeReadyMeter({}, storage)
    let isFull = true
    const full = watch(storage, () => {
      if (isFull) throw new SpbError('store/failed')
    })
    const failing = openSoftwareMeter(full)
    expect(() => failing.takeKey(later(60))).toThrow(refusal('store/failed'))
    isFull = false
    const { meterKey } = failing.takeKey(later(60))
    isFull = true
    const bind = () => failing.bind(makeCtp(meterKey), consumer, market)
    expect(bind).toThrow(refusal('store/failed'))
    expect(failing.bindingOf(idOf(makeCtp(meterKey)))).toBeUndefined()
    isFull = false
    expect(bind).not.toThrow()
    isFull = true
    const receipt = () => failing.receipt(idOf(makeCtp(meterKey)), wh(5), now)
    expect(receipt).toThrow(refusal('store/failed'))
    expect(failing.receiptOf(idOf(makeCtp(meterKey)))).toBeUndefined()
  })
})

describe('receipts by hand', () => {
  it('only grow, and repeat themselves', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const ctpId = bindFresh(meter)
    expect(meter.receiptOf(ctpId)).toBeUndefined()
    const first = meter.receipt(ctpId, wh(100), now)
    expect(meter.receipt(ctpId, wh(100), later(50))).toEqual(first)
    expect(openSoftwareMeter(storage).receiptOf(ctpId)).toEqual(first)
    const lower = () => meter.receipt(ctpId, wh(99), later(60))
    expect(lower).toThrow(refusal('erc/lower'))
    const second = meter.receipt(ctpId, wh(1000), later(60))
    expect(second.erc.deliveredWh).toBe(1000)
    expect(meter.receiptOf(ctpId)).toEqual(second)
    expect(meter.bindingOf(ctpId)).toMatchObject({ deliveredWh: 1000, consumer })
  })

  it('refuse nothing, nonsense and strangers', async () => {
    const meter = await makeReadyMeter()
    const ctpId = bindFresh(meter)
    const receipt = (energyWh: number, id = ctpId) => meter.receipt(id, energyWh as Wh, now)
    expect(() => receipt(0)).toThrow(refusal('erc/zero'))
    for (const energyWh of [-1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => receipt(energyWh)).toThrow(refusal('input/energy'))
    }
    const unknown: Bytes32 = `0x${'00'.repeat(32)}`
    expect(() => receipt(1, unknown)).toThrow(refusal('erc/unknown-ctp'))
    expect(() => meter.receiptOf(unknown)).toThrow(refusal('erc/unknown-ctp'))
    expect(() => meter.release(unknown)).toThrow(refusal('erc/unknown-ctp'))
  })
})

describe('acknowledgements', () => {
  it('of its last receipts come before a new CTP', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({}, storage)
    const { meterKey } = meter.takeKey(later(3600))
    const taken = makeCtp(meterKey, { nonce: 1 })
    const ctpId = bindFresh(meter)
    meter.receipt(ctpId, wh(100), now)
    const waits = refusal('meter/unacknowledged')
    const keys = meter.keysLeft(later(60))
    for (const each of [meter, openSoftwareMeter(storage)]) {
      expect(() => each.takeKey(later(60))).toThrow(waits)
      expect(each.keysLeft(later(60))).toBe(keys)
    }
    expect(() => meter.bind(taken, consumer, market)).toThrow(waits)
    meter.acknowledge(ctpId, wh(99))
    expect(() => meter.takeKey(later(60))).toThrow(waits)
    meter.acknowledge(ctpId, wh(100))
    meter.acknowledge(ctpId, wh(5))
    expect(meter.bindingOf(ctpId)?.acknowledgedWh).toBe(100)
    expect(() => meter.takeKey(later(60))).not.toThrow()
    // The key that was taken before is good again.
    expect(() => meter.bind(taken, consumer, market)).not.toThrow()
  })

  it('is retryable, says which CTP it waits for, and does not stop what is bound', async () => {
    const meter = await makeReadyMeter()
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    const ready = meter.bind(ctp, consumer, market)
    meter.receipt(idOf(ctp), wh(100), now)
    try {
      meter.takeKey(later(60))
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        isRetryable: true,
        meta: { ctpId: idOf(ctp), receiptedWh: 100, acknowledgedWh: 0 },
      })
    }
    expect(meter.bind(ctp, consumer, market)).toEqual(ready)
    expect(meter.receipt(idOf(ctp), wh(200), now).erc.deliveredWh).toBe(200)
  })

  it('are not wanted of energy that was never receipted, nor of what was released', async () => {
    const meter = await makeReadyMeter()
    const ids = [0, 1].map((nonce) => bindFresh(meter, { nonce }))
    meter.recordReading({ timeSeconds: now, importWh: 0 })
    meter.recordReading({ timeSeconds: later(900), importWh: 1500 })
    expect(() => meter.takeKey(later(1000))).not.toThrow()
    meter.receiptOf(ids[0]!)
    expect(() => meter.takeKey(later(1000))).toThrow(refusal('meter/unacknowledged'))
    meter.release(ids[0]!)
    expect(() => meter.takeKey(later(1000))).not.toThrow()
  })

  it('are kept with the next thing, or at the end', async () => {
    const storage = openMeterMemory()
    let saves = 0
    const meter = await makeReadyMeter(
      {},
      watch(storage, () => {
        saves += 1
      }),
    )
    const ctpId = bindFresh(meter)
    meter.receipt(ctpId, wh(100), now)
    saves = 0
    meter.acknowledge(ctpId, wh(100))
    expect(saves).toBe(0)
    expect(openSoftwareMeter(storage).bindingOf(ctpId)?.acknowledgedWh).toBe(0)
    meter.close()
    expect(saves).toBe(1)
    expect(openSoftwareMeter(storage).bindingOf(ctpId)?.acknowledgedWh).toBe(100)
    meter.close()
    expect(saves).toBe(1)
  })

  it('refuse nonsense and strangers', async () => {
    const meter = await makeReadyMeter()
    const ctpId = bindFresh(meter)
    for (const energyWh of [-1, 1.5, Number.NaN, 2 ** 32]) {
      const acknowledge = () => meter.acknowledge(ctpId, energyWh as Wh)
      expect(acknowledge).toThrow(refusal('input/energy'))
    }
    const unknown: Bytes32 = `0x${'00'.repeat(32)}`
    expect(() => meter.acknowledge(unknown, wh(1))).toThrow(refusal('erc/unknown-ctp'))
  })
})

describe('renewal', () => {
  it('goes on with the old tree first, and keeps its bindings', async () => {
    const meter = await makeReadyMeter({ treeHeight: 1 })
    const old = bindFresh(meter)
    await meter.renew(market, witnessOf(makeMeter(3)), renewal())
    expect(meter.keysLeft(later(60))).toBe(3)
    const trees = [0, 1, 2].map(() => meter.takeKey(later(60)).reference.tree)
    expect(trees).toEqual([0, 1, 1])
    expect(meter.receipt(old, wh(7), now).erc.deliveredWh).toBe(7)
  })

  it('takes keys of the newest tree’s market only', async () => {
    const meter = await makeReadyMeter()
    const old = bindFresh(meter)
    await meter.renew(otherMarket, witnessOf(makeMeter(2)), renewal())
    expect(meter.market).toEqual(otherMarket)
    expect(meter.takeKey(later(60)).reference.tree).toBe(1)
    expect(meter.keysLeft(later(60))).toBe(7)
    expect(() => meter.receipt(old, wh(7), now)).not.toThrow()
  })

  it('never shows a root to two witnesses', async () => {
    const storage = openMeterMemory()
    const roots: string[] = []
    const deaf = {
      ...witnessOf(makeMeter(2)),
      certify: ({ coe }: { coe: { root: string } }) => {
        roots.push(coe.root)
        return Promise.reject(new SpbError('node/unreachable'))
      },
    }
    const renew = (meter: SoftwareMeter) => meter.renew(market, deaf, renewal())
    await expect(renew(makeMeter(1, {}, storage))).rejects.toThrow(refusal('node/unreachable'))
    await expect(renew(openSoftwareMeter(storage))).rejects.toThrow(refusal('node/unreachable'))
    expect(new Set(roots).size).toBe(2)
  })

  it('keeps both trees of two renewals at once', async () => {
    const meter = makeMeter(1)
    const witness = witnessOf(makeMeter(2))
    await Promise.all([0, 1].map(() => meter.renew(market, witness, renewal())))
    expect(meter.keysLeft(later(60))).toBe(16)
    expect(new Set(meter.state.trees.map(({ number }) => number)).size).toBe(2)
  })

  it('ends with the first of both certificates', async () => {
    const short = makeMeter(1, { notAfterSeconds: later(100) })
    const byLong = await short.renew(market, witnessOf(makeMeter(2)), renewal())
    expect(byLong.coe.notAfterSeconds).toBe(later(100))
    const byShort = await makeMeter(2).renew(market, witnessOf(short), renewal())
    expect(byShort.coe.notAfterSeconds).toBe(later(100))
  })

  it('is refused where a certificate is over', async () => {
    const over = makeMeter(1, { notAfterSeconds: later(-1) })
    const asOwner = over.renew(market, witnessOf(makeMeter(2)), renewal())
    await expect(asOwner).rejects.toThrow(refusal('meter/certificate-expired'))
    const asWitness = makeMeter(2).renew(market, witnessOf(over), renewal())
    await expect(asWitness).rejects.toThrow(refusal('meter/witness-expired'))
  })

  it('begins now where it is for less than a day', async () => {
    const lifetimeSeconds = seconds(600)
    const witness = witnessOf(makeMeter(2))
    const { coe } = await makeMeter(1).renew(market, witness, renewal({ lifetimeSeconds }))
    expect([coe.notBeforeSeconds, coe.notAfterSeconds]).toEqual([now, later(600)])
  })

  it('forgets trees whose CoE ended long ago, never their numbers', async () => {
    const meter = await makeReadyMeter({ notAfterSeconds: later(365 * day) })
    const old = bindFresh(meter)
    const { notAfterSeconds } = meter.state.trees[0]!.coe.coe
    const renewAt = (nowSeconds: number) => {
      const policy = { standing, nowSeconds: () => seconds(nowSeconds) }
      const witness = createLocalWitness(makeMeter(2), policy)
      return meter.renew(market, witness, renewal({ nowSeconds: seconds(nowSeconds) }))
    }
    await renewAt(notAfterSeconds + treeRetentionSeconds)
    expect(meter.receiptOf(old)).toBeUndefined()
    await renewAt(notAfterSeconds + treeRetentionSeconds + 1)
    expect(() => meter.receiptOf(old)).toThrow(refusal('erc/unknown-ctp'))
    expect(meter.state.trees.map(({ number }) => number)).toEqual([1, 2])
    expect(meter.recordReading({ timeSeconds: now, importWh: 10 }).grown).toEqual([])
  })

  it('refuses a CTP beyond the witness’s certificate, should a CoE go further', async () => {
    const storage = openMeterMemory()
    await makeReadyMeter({}, storage)
    const state = storage.load()!
    const tree = state.trees[0]!
    const witness = { ...tree.coe.witness, notAfterSeconds: later(60) }
    storage.save({ ...state, trees: [{ ...tree, coe: { ...tree.coe, witness } }] })
    const meter = openSoftwareMeter(storage)
    expect(() => meter.takeKey(later(61))).toThrow(refusal('meter/witness-expired'))
    const ctp = makeCtp(meter.takeKey(later(60)).meterKey, { expirySeconds: later(61) })
    expect(() => meter.bind(ctp, consumer, market)).toThrow(refusal('meter/witness-expired'))
  })
})

describe('a meter’s summary', () => {
  it('says what is left and what came', async () => {
    const meter = await makeReadyMeter()
    const [first, second] = [0, 1].map((nonce) => bindFresh(meter, { nonce }))
    meter.receipt(first!, wh(12), now)
    meter.receipt(second!, wh(30), now)
    meter.acknowledge(first!, wh(12))
    const { coe } = meter.state.trees[0]!.coe
    expect(summarizeMeter(meter.state, now)).toEqual({
      name: 'm1',
      meter: meter.identity,
      model: softwareMeterModel,
      certificateEndSeconds: later(365 * day),
      market,
      keysLeft: 6,
      trees: [
        {
          number: 0,
          market,
          keys: 8,
          unusedKeys: 6,
          witness: makeMeter(2).identity,
          fromSeconds: coe.notBeforeSeconds,
          untilSeconds: coe.notAfterSeconds,
        },
      ],
      boundCtps: 2,
      receiptedWh: 42,
      unacknowledged: [{ ctpId: second, receiptedWh: 30, acknowledgedWh: 0 }],
      incidents: { counts: {}, recent: [] },
    })
  })

  it('shows register and incidents once it measures', async () => {
    const meter = await makeReadyMeter()
    const ctpId = bindFresh(meter)
    for (const [delta, importWh] of [
      [0, 100],
      [10, 120],
      [20, 130],
      [30, 7],
    ] as const) {
      meter.recordReading({ timeSeconds: later(delta), importWh, serial: 'E12' })
    }
    expect(summarizeMeter(meter.state, now)).toMatchObject({
      register: { timeSeconds: later(30), importWh: 7, serial: 'E12', countedWh: 30 },
      receiptedWh: 0,
      unacknowledged: [],
      incidents: {
        counts: { baseline: 1, reset: 1 },
        recent: [
          { kind: 'baseline', timeSeconds: now, energyWh: 0 },
          { kind: 'reset', timeSeconds: later(30), energyWh: 0 },
        ],
      },
    })
    meter.receiptOf(ctpId)
    expect(summarizeMeter(meter.state, now)).toMatchObject({
      receiptedWh: 30,
      unacknowledged: [{ ctpId, receiptedWh: 30, acknowledgedWh: 0 }],
    })
  })
})
