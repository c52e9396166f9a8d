import { describe, expect, it } from 'vitest'
import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterStorage } from '../ports/meterStorage.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import { verifyErc } from '../protocol/signedErc.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import { keptIncidents } from './incidentLog.ts'
import {
  consumer,
  later,
  makeCtp,
  makeMeter,
  makeReadyMeter,
  market,
  now,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const idOf = (ctp: Ctp): Bytes32 => ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)

function bindFresh(meter: SoftwareMeter, changes: Partial<Ctp> = {}): Bytes32 {
  const ctp = makeCtp(meter.takeKey(changes.expirySeconds ?? later(3600)).meterKey, changes)
  meter.bind(ctp, consumer, market)
  return idOf(ctp)
}

/** A reading so many seconds from now. */
const read = (meter: SoftwareMeter, delta: number, importWh: number) =>
  meter.recordReading({ timeSeconds: later(delta), importWh })

const deliveredTo = (meter: SoftwareMeter, ids: readonly Bytes32[]) =>
  ids.map((id) => meter.bindingOf(id)!.deliveredWh)

describe('a reading', () => {
  it('serves overlapping CTPs in the order of binding, in parts', async () => {
    const meter = await makeReadyMeter()
    const keys = [0, 1].map(() => meter.takeKey(later(3600)).meterKey)
    const ctps = [makeCtp(keys[1]!), makeCtp(keys[0]!, { nonce: 1 })]
    for (const ctp of ctps) meter.bind(ctp, consumer, market)
    const ids = ctps.map(idOf)
    expect(read(meter, 0, 5000)).toEqual({ kind: 'baseline', importedWh: 0, grown: [] })

    const first = read(meter, 100, 5600)
    expect(first).toEqual({ kind: 'energy', importedWh: 600, grown: [ids[0]] })
    const second = read(meter, 200, 6200)
    expect(second).toEqual({ kind: 'energy', importedWh: 600, grown: ids })
    expect(deliveredTo(meter, ids)).toEqual([1000, 200])
    for (const [at, id] of ids.entries()) {
      const signed = meter.receiptOf(id)!
      expect(signed.erc.measuredAtSeconds).toBe(later(200))
      expect(() => verifyErc(market, signed, ctps[at]!.meterKey)).not.toThrow()
    }
    expect(read(meter, 900, 11_200)).toEqual({ kind: 'energy', importedWh: 5000, grown: [ids[1]] })
    expect(deliveredTo(meter, ids)).toEqual([1000, 1000])
    expect(read(meter, 1000, 11_300).grown).toEqual([])
  })

  it('serves what is bound at the end of its interval, the earliest bound first', async () => {
    const meter = await makeReadyMeter()
    read(meter, 0, 0)
    const ids = [bindFresh(meter)]
    expect(read(meter, 100, 100)).toEqual({ kind: 'energy', importedWh: 100, grown: ids })
    ids.push(bindFresh(meter, { nonce: 1, energyWh: wh(30) }))
    expect(read(meter, 200, 300).grown).toEqual([ids[0]])
    expect(read(meter, 300, 1150).grown).toEqual(ids)
    expect(deliveredTo(meter, ids)).toEqual([1000, 30])
  })

  it('serves a CTP up to and with its expiry', async () => {
    const meter = await makeReadyMeter()
    const ids = [later(100), later(99)].map((expirySeconds, nonce) =>
      bindFresh(meter, { expirySeconds, nonce }),
    )
    read(meter, 0, 0)
    read(meter, 100, 900)
    expect(deliveredTo(meter, ids)).toEqual([900, 0])
    expect(read(meter, 101, 910).grown).toEqual([])
  })

  it('does not serve what was released', async () => {
    const meter = await makeReadyMeter()
    const ids = [0, 1].map((nonce) => bindFresh(meter, { nonce }))
    read(meter, 0, 0)
    read(meter, 10, 10)
    meter.release(ids[0]!)
    read(meter, 20, 30)
    expect(deliveredTo(meter, ids)).toEqual([10, 20])
    expect(meter.receiptOf(ids[0]!)?.erc.deliveredWh).toBe(10)
  })

  it('adds to what was receipted by hand before, and ends receipts by hand', async () => {
    const meter = await makeReadyMeter()
    const ids = [0, 1].map((nonce) => bindFresh(meter, { nonce }))
    meter.receipt(ids[0]!, wh(1200), now)
    meter.receipt(ids[1]!, wh(950), now)
    read(meter, 0, 7)
    const byHand = () => meter.receipt(ids[1]!, wh(960), now)
    expect(byHand).toThrow(refusal('meter/measured'))
    read(meter, 100, 107)
    expect(deliveredTo(meter, ids)).toEqual([1200, 1000])
    expect(meter.receiptOf(ids[1]!)?.erc.deliveredWh).toBe(1000)
  })

  it('goes on after a restart in the order of binding, over several trees', async () => {
    const storage = openMeterMemory()
    const meter = await makeReadyMeter({ treeHeight: 1 }, storage)
    const early = meter.takeKey(later(3600)).meterKey
    bindFresh(meter, { nonce: 5, energyWh: wh(1) })
    await meter.renew(market, witnessOf(makeMeter(3)), renewal())
    const first = bindFresh(meter, { nonce: 1 })
    const last = makeCtp(early)
    meter.bind(last, consumer, market)
    read(meter, 0, 10)
    const restarted = openSoftwareMeter(storage)
    expect(read(restarted, 100, 1111).importedWh).toBe(1101)
    expect(deliveredTo(restarted, [first, idOf(last)])).toEqual([1000, 100])
  })

  it('keeps to the rules it is given', async () => {
    const meter = await makeReadyMeter()
    const ids = [bindFresh(meter)]
    read(meter, 0, 0)
    const reading = { timeSeconds: later(10), importWh: 100 }
    expect(meter.recordReading(reading, { highestWatts: 1000 }).kind).toBe('jump')
    expect(deliveredTo(meter, ids)).toEqual([0])
  })

  it('that is none is refused, and nothing happens', async () => {
    const meter = await makeReadyMeter()
    read(meter, 0, 10)
    const before = meter.state
    expect(() => read(meter, 10, -1)).toThrow(refusal('source/value'))
    expect(() => read(meter, 0.5, 20)).toThrow(refusal('source/time'))
    expect(meter.state).toEqual(before)
  })
})

describe('incidents', () => {
  it('are counted for good, and the last ones kept', async () => {
    const meter = await makeReadyMeter()
    read(meter, 0, 0)
    for (let at = 0; at < 500; at++) read(meter, -1 - at, 0)
    read(meter, 4000, 70)
    const { counts, recent } = meter.state.incidents!
    expect(counts).toEqual({ baseline: 1, late: 500, gap: 1 })
    expect(recent).toHaveLength(keptIncidents)
    expect(recent.at(-1)).toEqual({ kind: 'gap', timeSeconds: later(4000), energyWh: 70 })
    expect(recent[0]).toEqual({ kind: 'late', timeSeconds: later(-402), energyWh: 0 })
  })
})

describe('saving readings', () => {
  /** A meter that counts its savings, and can be told to fail. */
  async function makeWatched() {
    const watched = { saves: 0, isFull: false, meter: undefined as unknown as SoftwareMeter }
    const memory = openMeterMemory()
    const storage: MeterStorage = {
      ...memory,
      save(state) {
        if (watched.isFull) throw new SpbError('store/failed')
        watched.saves += 1
        memory.save(state)
      },
    }
    watched.meter = await makeReadyMeter({}, storage)
    return { watched, memory, meter: watched.meter }
  }

  it('happens once for all CTPs, before anything is signed', async () => {
    const { watched, memory, meter } = await makeWatched()
    const ids = [0, 1, 2].map((nonce) => bindFresh(meter, { nonce }))
    read(meter, 0, 0)
    watched.saves = 0
    expect(read(meter, 900, 3000).grown).toEqual(ids)
    expect(watched.saves).toBe(1)
    // A power cut here loses nothing.
    const restarted = openSoftwareMeter(memory)
    expect(ids.map((id) => restarted.receiptOf(id)?.erc.deliveredWh)).toEqual([1000, 1000, 1000])
  })

  it('waits while no CTP could get energy', async () => {
    const { watched, memory, meter } = await makeWatched()
    bindFresh(meter, { expirySeconds: later(50) })
    read(meter, 0, 0)
    read(meter, 60, 600)
    watched.saves = 0
    for (let at = 1; at <= 100; at++) read(meter, 60 + at, 600 + at)
    read(meter, 100, 0)
    read(meter, 160, 700)
    expect(watched.saves).toBe(0)
    expect(meter.state.register).toMatchObject({ importWh: 700, countedWh: 700 })
    // What is bound is kept together with the register at which it begins.
    const id = bindFresh(meter, { nonce: 1 })
    expect(openSoftwareMeter(memory).state.register).toEqual(meter.state.register)
    expect(read(meter, 200, 720).grown).toEqual([id])
    expect(meter.bindingOf(id)?.deliveredWh).toBe(20)
  })

  it('happens at the end for what waited', async () => {
    const { memory, meter } = await makeWatched()
    read(meter, 0, 0)
    read(meter, 60, 600)
    expect(openSoftwareMeter(memory).state.register?.importWh).toBe(0)
    meter.close()
    expect(openSoftwareMeter(memory).state.register?.importWh).toBe(600)
  })

  it('that fails changes nothing: the same reading comes again', async () => {
    const { watched, meter } = await makeWatched()
    const ids = [bindFresh(meter)]
    read(meter, 0, 0)
    watched.isFull = true
    expect(() => read(meter, 100, 300)).toThrow(refusal('store/failed'))
    expect(deliveredTo(meter, ids)).toEqual([0])
    watched.isFull = false
    expect(read(meter, 100, 300)).toMatchObject({ kind: 'energy', importedWh: 300 })
    expect(deliveredTo(meter, ids)).toEqual([300])
    // That it was signed is kept before the signature leaves.
    watched.isFull = true
    expect(() => meter.receiptOf(ids[0]!)).toThrow(refusal('store/failed'))
    expect(meter.bindingOf(ids[0]!)?.signedWh).toBe(0)
    watched.isFull = false
    const signed = meter.receiptOf(ids[0]!)
    expect(meter.bindingOf(ids[0]!)?.signedWh).toBe(300)
    watched.isFull = true
    expect(meter.receiptOf(ids[0]!)).toEqual(signed)
  })

  it('that fails at the end says so, and closes all the same', async () => {
    const { watched, meter } = await makeWatched()
    read(meter, 0, 0)
    read(meter, 10, 1)
    watched.isFull = true
    expect(() => meter.close()).toThrow(refusal('store/failed'))
    expect(() => meter.close()).not.toThrow()
  })
})
