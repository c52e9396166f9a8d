import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { MeterReading } from '../ports/meterReading.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { wh } from '../protocol/units.ts'
import {
  type HouseStep,
  houseStep,
  type KnownCtp,
  MeteredHouse,
  surviveCut,
} from './meteredHouse.cases.ts'
import { consumer, later, makeCtp, makeReadyMeter, market } from './neighbourhood.cases.ts'

const steps = fc.array(houseStep, { minLength: 5, maxLength: 50, size: 'max' })

/** One step without power cuts; what the reading in it was, and what became of it. */
async function runStep(house: MeteredHouse, step: HouseStep) {
  if (step.kind === 'bind') await house.bind(step)
  if (step.kind === 'receipt' || step.kind === 'acknowledge' || step.kind === 'release') {
    const known = house.pickCtp(step.pick)
    if (known !== undefined && step.kind === 'receipt') house.receipt(known)
    if (known !== undefined && step.kind === 'acknowledge') house.acknowledge(known.ctpId)
    if (known !== undefined && step.kind === 'release') house.meter.release(known.ctpId)
    return undefined
  }
  const reading = house.nextReading(step)
  return reading && { reading, outcome: house.record(reading) }
}

/** First come, first served, as one would say it. */
class Book {
  readonly #rows: { ctp: KnownCtp; deliveredWh: number; isReleased: boolean }[] = []

  note(house: MeteredHouse): void {
    for (const ctp of house.ctps.slice(this.#rows.length)) {
      this.#rows.push({ ctp, deliveredWh: 0, isReleased: false })
    }
    for (const row of this.#rows) {
      row.isReleased = house.meter.bindingOf(row.ctp.ctpId)?.isReleased ?? true
    }
  }

  share(energyWh: number, { timeSeconds }: MeterReading): Bytes32[] {
    let leftWh = energyWh
    const grown: Bytes32[] = []
    for (const row of this.#rows) {
      if (row.isReleased || row.ctp.expirySeconds < timeSeconds) continue
      const shareWh = Math.min(leftWh, row.ctp.energyWh - row.deliveredWh)
      leftWh -= shareWh
      row.deliveredWh += shareWh
      if (shareWh > 0) grown.push(row.ctp.ctpId)
    }
    return grown
  }

  check(house: MeteredHouse): void {
    for (const { ctp, deliveredWh } of this.#rows) {
      expect(house.deliveredOf(ctp)).toBe(deliveredWh)
    }
  }
}

test('energy goes once, to the CTP that was bound the earliest', async () => {
  let [receiptedWh, shared] = [0, 0]
  const property = fc.asyncProperty(steps, async (played) => {
    const house = new MeteredHouse()
    await house.start()
    const book = new Book()
    for (const step of played) {
      const taken = await runStep(house, step)
      book.note(house)
      if (taken === undefined) continue
      const { kind, importedWh, grown } = taken.outcome
      if (kind !== 'energy') expect([importedWh, grown]).toEqual([0, []])
      expect(book.share(importedWh, taken.reading)).toEqual(grown)
      book.check(house)
      shared += grown.length > 1 ? 1 : 0
    }
    expect(house.receiptedWh).toBeLessThanOrEqual(house.usedWh)
    for (const ctp of house.ctps) house.receipt(ctp)
    expect(house.receiptedWh).toBeLessThanOrEqual(house.usedWh)
    for (const all of house.receipts.values()) expect(all).toEqual(all.toSorted((a, b) => a - b))
    receiptedWh += house.receiptedWh
  })
  await fc.assert(property, { seed: 1, numRuns: 150 })
  // The steps do lead to receipts, and to intervals that several CTPs share.
  expect(receiptedWh).toBeGreaterThan(10_000)
  expect(shared).toBeGreaterThan(20)
})

test('a power cut at any saving loses nothing and repeats nothing', async () => {
  const cuts = fc.array(fc.record({ isSaved: fc.boolean(), after: fc.nat(4), rewind: fc.nat(6) }), {
    maxLength: 8,
  })
  let happened = 0
  const property = fc.asyncProperty(steps, cuts, async (played, planned) => {
    const [calm, shaken] = [new MeteredHouse(), new MeteredHouse()]
    await calm.start()
    await shaken.start()
    const waiting = [...planned]
    for (const step of played) {
      await runStep(calm, step)
      // A CTP whose binding was cut off was never sent: that is another matter.
      if (step.kind === 'bind' || step.kind === 'release') {
        shaken.cut = undefined
        await runStep(shaken, step)
        continue
      }
      if (shaken.cut === undefined && waiting.length > 0) shaken.cut = { ...waiting[0]! }
      const reading = shaken.nextReading(step)
      const known = 'pick' in step ? shaken.pickCtp(step.pick) : undefined
      const work = () => {
        if (reading !== undefined) shaken.record(reading)
        else if (step.kind === 'receipt' && known !== undefined) shaken.receipt(known)
        else if (step.kind === 'acknowledge' && known !== undefined) shaken.acknowledge(known.ctpId)
      }
      if (!surviveCut(shaken, work)) continue
      happened += 1
      const { rewind } = waiting.shift()!
      // The source tells once more what it told last.
      const last = step.kind === 'again' ? [] : shaken.readings.slice(-1 - rewind, -1)
      for (const each of reading === undefined ? [] : last) shaken.record(each)
      work()
    }
    const deliveries = (house: MeteredHouse) => house.ctps.map((ctp) => house.deliveredOf(ctp))
    expect(deliveries(shaken)).toEqual(deliveries(calm))
    for (const all of shaken.receipts.values()) expect(all).toEqual(all.toSorted((a, b) => a - b))
    for (const of of shaken.spoken.values()) expect(of.size).toBe(1)
  })
  await fc.assert(property, { seed: 1, numRuns: 150 })
  expect(happened).toBeGreaterThan(100)
})

test('P6: no key speaks of two CTPs, no Wh counts twice, whatever is put back', async () => {
  type Disaster = { kind: 'restore'; pick: number } | { kind: 'cut'; isSaved: boolean }
  const disaster: fc.Arbitrary<Disaster> = fc.oneof(
    fc.record({ kind: fc.constant('restore' as const), pick: fc.nat(1000) }),
    fc.record({ kind: fc.constant('cut' as const), isSaved: fc.boolean() }),
  )
  const all = fc.array(
    fc.oneof({ weight: 9, arbitrary: houseStep }, { weight: 2, arbitrary: disaster }),
    {
      ...{ minLength: 10, maxLength: 60, size: 'max' as const },
    },
  )
  let [restored, receiptedWh] = [0, 0]
  const property = fc.asyncProperty(all, async (played) => {
    const house = new MeteredHouse()
    await house.start()
    for (const step of played) {
      if (step.kind === 'restore') {
        // Any state that ever lay on the disk.
        house.memory.saved = house.history[step.pick % house.history.length]!
        const before = house.meter.state.incidents?.counts.restored
        house.cut = undefined
        house.open()
        restored += house.meter.state.incidents?.counts.restored === before ? 0 : 1
      } else if (step.kind === 'cut') {
        house.cut = { isSaved: step.isSaved, after: 0 }
      } else {
        const end = await runStep(house, step).then(
          () => () => undefined,
          (error: unknown) => () => {
            throw error
          },
        )
        surviveCut(house, end)
      }
    }
    house.cut = undefined
    house.open()
    for (const ctp of house.ctps) if (house.meter.bindingOf(ctp.ctpId)) house.receipt(ctp)
    for (const of of house.spoken.values()) expect(of.size).toBe(1)
    expect(house.receiptedWh).toBeLessThanOrEqual(house.usedWh)
    receiptedWh += house.receiptedWh
  })
  await fc.assert(property, { seed: 1, numRuns: 150 })
  expect(restored).toBeGreaterThan(200)
  expect(receiptedWh).toBeGreaterThan(5_000)
})

test('readings of one interval deliver the same, however many they are', async () => {
  const parts = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 })
  const energies = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 })
  const property = fc.asyncProperty(parts, energies, async (split, wanted) => {
    const wholeWh = split.reduce((total, part) => total + part, 0)
    const ends = []
    for (const each of [split, split.toReversed(), [wholeWh]]) {
      const meter = await makeReadyMeter()
      for (const [nonce, energyWh] of wanted.entries()) {
        const { meterKey } = meter.takeKey(later(3600))
        meter.bind(makeCtp(meterKey, { nonce, energyWh: wh(energyWh) }), consumer, market)
      }
      let importWh = 70
      meter.recordReading({ timeSeconds: later(0), importWh })
      for (const [at, part] of each.entries()) {
        importWh += part
        const timeSeconds = later((600 * (at + 1)) / each.length)
        meter.recordReading({ timeSeconds, importWh })
      }
      ends.push(meter.state.trees[0]!.bindings.map(({ deliveredWh }) => deliveredWh))
    }
    expect(ends[1]).toEqual(ends[0])
    expect(ends[2]).toEqual(ends[0])
  })
  await fc.assert(property, { seed: 1, numRuns: 40 })
})
