import { describe, expect, it } from 'vitest'
import { type MeterMemory, openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterSigner } from '../ports/meterSigner.ts'
import { recoverSigner } from '../protocol/signature.ts'
import { verifyErc } from '../protocol/signedErc.ts'
import { assert } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import { manufactureSoftwareMeter } from './manufactureSoftwareMeter.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  bytes32,
  consumer,
  day,
  later,
  makeCtp,
  makeMeter,
  manufacturer,
  market,
  now,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import { openSoftwareMeter } from './softwareMeter.ts'

const refusal = (code: string) => expect.objectContaining({ code })

/**
 * A secure element: its keys never leave it, and it lets each one-time key speak of one CTP only,
 * with energy that never falls, whatever the program outside asks for.
 */
class FakeElement implements MeterSigner {
  readonly #keys: MeterSigner
  readonly #spoken = new Map<string, { ctpId: string; deliveredWh: number }>()
  signatures = 0

  constructor(fill: number) {
    this.#keys = createSeedSigner(bytes32(fill))
  }

  get identity() {
    return this.#keys.identity
  }

  leafKeys(tree: number, height: number) {
    return this.#keys.leafKeys(tree, height)
  }

  signAsIdentity(digest: Uint8Array) {
    this.signatures += 1
    return this.#keys.signAsIdentity(digest)
  }

  signAsLeaf(...[key, statement]: Parameters<MeterSigner['signAsLeaf']>) {
    const place = `${key.tree}/${key.leaf}`
    const { ctpId } = statement.message
    const before = this.#spoken.get(place) ?? { ctpId, deliveredWh: 0 }
    const deliveredWh =
      statement.name === 'Erc' ? statement.message.deliveredWh : before.deliveredWh
    assert(before.ctpId === ctpId, 'the element signs for one CTP a key')
    assert(deliveredWh >= before.deliveredWh, 'the element takes no energy back')
    this.#spoken.set(place, { ctpId, deliveredWh })
    this.signatures += 1
    return this.#keys.signAsLeaf(key, statement)
  }
}

const notAfterSeconds = later(365 * day)

function makeElementMeter(fill = 1) {
  const element = new FakeElement(fill)
  const memory: MeterMemory = {}
  const meter = manufactureSoftwareMeter(
    { name: 'm', signer: element, manufacturer, notAfterSeconds, treeHeight: 3 },
    openMeterMemory(memory),
  )
  const reopen = (signer: MeterSigner = element) => {
    memory.isHeld = false
    return openSoftwareMeter(openMeterMemory(memory), { signer })
  }
  return { element, memory, meter, reopen }
}

describe('a meter with its keys in a secure element', () => {
  it('trades as any other, and keeps no seed', async () => {
    const { element, memory, meter, reopen } = makeElementMeter()
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    const ctp = makeCtp(meter.takeKey(later(3600)).meterKey)
    const { meterReadySignature } = meter.bind(ctp, consumer, market)
    const restarted = reopen()
    expect(restarted.bind(ctp, consumer, market).meterReadySignature).toBe(meterReadySignature)
    restarted.recordReading({ timeSeconds: now, importWh: 0 })
    const [ctpId] = restarted.recordReading({ timeSeconds: later(900), importWh: 700 }).grown
    const signed = restarted.receiptOf(ctpId!)!
    expect(() => verifyErc(market, signed, ctp.meterKey)).not.toThrow()
    expect(signed.erc.deliveredWh).toBe(700)
    // The CoE request, twice ready, once receipted.
    expect(element.signatures).toBe(4)
    expect(memory.saved?.state.seed).toBeUndefined()
  })

  it('cannot be made to sign for two CTPs with one key, also with its state put back', async () => {
    const { element, memory, meter, reopen } = makeElementMeter()
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    const copy = memory.saved!
    const { meterKey } = meter.takeKey(later(3600))
    const ctp = makeCtp(meterKey)
    meter.bind(ctp, consumer, market)
    // Not even the guard notices here: state and guard were put back with the whole disk.
    memory.saved = copy
    memory.lastGeneration = copy.generation
    const restored = reopen()
    expect(restored.takeKey(later(3600)).meterKey).toBe(meterKey)
    const other = { ...ctp, nonce: 1 }
    const count = element.signatures
    expect(() => restored.bind(other, consumer, market)).toThrow('one CTP a key')
    expect(element.signatures).toBe(count)
  })

  it('does not open without its element, nor with that of another meter', () => {
    const { memory, reopen } = makeElementMeter()
    memory.isHeld = false
    const missing = refusal('meter/element-missing')
    expect(() => openSoftwareMeter(openMeterMemory(memory))).toThrow(missing)
    expect(() => reopen(new FakeElement(9))).toThrow(missing)
    expect(() => reopen()).not.toThrow()
  })

  it('is made with keys from one place', () => {
    const make = (keys: object) =>
      manufactureSoftwareMeter(
        { name: 'm', manufacturer, notAfterSeconds, ...keys },
        openMeterMemory(),
      )
    expect(() => make({})).toThrow('Invariant broken')
    const both = { seed: bytes32(1), signer: new FakeElement(1) }
    expect(() => make(both)).toThrow('Invariant broken')
  })
})

describe('the height of a tree', () => {
  it('of 1 gives two keys', async () => {
    const meter = makeMeter(1, { treeHeight: 1 })
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    expect(meter.keysLeft(later(60))).toBe(2)
    for (const leaf of [0, 1]) {
      const { meterKey, reference } = meter.takeKey(later(3600))
      expect(reference.leaf).toBe(leaf)
      const ready = meter.bind(makeCtp(meterKey, { nonce: leaf }), consumer, market)
      expect(ready.evidence.path).toMatchObject({ index: leaf, siblings: { length: 1 } })
    }
    expect(() => meter.takeKey(later(60))).toThrow(refusal('meter/exhausted'))
  })

  it('of 16 gives 65,536 keys, the last of them as good as the first', async () => {
    // Real keys would take a while; those that are not used need not be real.
    const real = createSeedSigner(bytes32(1))
    const last = 2 ** 16 - 1
    const filler = real.leafKeys(9, 1)[0]!
    const signer: MeterSigner = {
      ...real,
      leafKeys: (_, height) => Array.from({ length: 2 ** height }, () => filler).with(last, key),
    }
    const key = real.identity
    const memory: MeterMemory = {}
    const meter = manufactureSoftwareMeter(
      { name: 'm', signer, manufacturer, notAfterSeconds, treeHeight: 16 },
      openMeterMemory(memory),
    )
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    expect(meter.keysLeft(later(60))).toBe(65_536)
    const { state, generation } = memory.saved!
    const trees = state.trees.map((tree) => ({ ...tree, nextLeaf: last }))
    memory.saved = { state: { ...state, trees }, generation }
    memory.isHeld = false
    const nearEnd = openSoftwareMeter(openMeterMemory(memory), { signer })
    expect(nearEnd.keysLeft(later(60))).toBe(1)
    const { meterKey, reference } = nearEnd.takeKey(later(3600))
    expect([meterKey, reference.leaf]).toEqual([key, last])
    const ready = nearEnd.bind(makeCtp(meterKey, { energyWh: wh(1) }), consumer, market)
    expect(ready.evidence.path).toMatchObject({ index: last, siblings: { length: 16 } })
    expect(recoverSigner(bytes32(3), real.signAsIdentity(bytes32(3)))).toBe(key)
    expect(() => nearEnd.takeKey(later(60))).toThrow(refusal('meter/exhausted'))
  })
})
