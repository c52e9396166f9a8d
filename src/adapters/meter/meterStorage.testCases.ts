import { describe, expect, it } from 'vitest'
import type { MeterState, MeterStorage } from '../../ports/meterStorage.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'

/** One meter's place: opened for the first time, and again by later holders. */
export type MeterStorageHarness = {
  create(): MeterStorage
  reopen(): MeterStorage
  /** Copies what is kept now; the answer puts that copy back. For a time without holder. */
  copy(): () => void
}

const address = (byte: string) => `0x${byte.repeat(20)}` as const
const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const signature = (byte: string) => `0x${byte.repeat(64)}` as const

/** A state that uses every field. */
export const someState: MeterState = {
  name: 'Müller’s "meter"',
  seed: Uint8Array.from({ length: 32 }, (_, index) => 255 - index),
  certificate: { meter: address('11'), model: hash('22'), notAfterSeconds: seconds(2 ** 40 - 1) },
  manufacturerSignature: signature('33'),
  treeHeight: 8,
  nextTree: 5,
  nextOrder: 3,
  trees: [
    {
      number: 4,
      height: 2,
      market: { chainId: 31337, address: address('44') },
      coe: {
        coe: {
          root: hash('55'),
          height: 2,
          notBeforeSeconds: seconds(100),
          notAfterSeconds: seconds(200),
        },
        coeSignature: signature('66'),
        witness: { meter: address('77'), model: hash('88'), notAfterSeconds: seconds(900) },
        witnessSignature: signature('99'),
      },
      nextLeaf: 3,
      bindings: [
        {
          leaf: 2,
          order: 1,
          ctpId: hash('aa'),
          ctp: {
            producer: address('bb'),
            offerId: 2n ** 64n - 1n,
            amountWei: wei(2n ** 96n - 1n),
            energyWh: wh(2 ** 32 - 1),
            nonce: 7,
            expirySeconds: seconds(150),
            meterKey: address('cc'),
          },
          consumer: address('dd'),
          deliveredWh: wh(12),
          measuredAtSeconds: seconds(140),
          ...{ signedWh: wh(11), acknowledgedWh: wh(10), isReleased: true },
        },
      ],
    },
  ],
  register: {
    ...{ timeSeconds: seconds(140), importWh: 2 ** 53 - 1, serial: 'E0031 "x"' },
    ...{ highestWh: 2 ** 53 - 1, countedUntilSeconds: seconds(139), countedWh: 77 },
    peaksWh: [900, 17],
    late: { timeSeconds: seconds(120), importWh: 5, count: 2 },
    aside: { timeSeconds: seconds(150), importWh: 2 ** 52 },
    isLost: true,
  },
  incidents: {
    counts: { gap: 2, restored: 1 },
    recent: [{ kind: 'gap', timeSeconds: seconds(130), energyWh: 12 }],
  },
  floorSeconds: seconds(160),
}
/** As a meter that never measured, with its keys in a secure element. */
const bareState: MeterState = (({ register, incidents, floorSeconds, seed, ...bare }) => bare)(
  someState,
)

const renamed = (name: string): MeterState => ({ ...someState, name })

/** What every place for a meter must do. */
export function describeMeterStorage(name: string, makeHarness: () => MeterStorageHarness): void {
  describeKeeping(name, makeHarness)
  describePutBack(name, makeHarness)
}

function describeKeeping(name: string, makeHarness: () => MeterStorageHarness): void {
  describe(`${name} as a meter’s storage`, () => {
    it('is empty before the first save', () => {
      const storage = makeHarness().create()
      expect(storage.load()).toBeUndefined()
      storage.close()
    })

    it('gives back what was saved last', () => {
      const storage = makeHarness().create()
      storage.save(someState)
      expect(storage.load()).toEqual(someState)
      storage.save(renamed('b'))
      expect(storage.load()).toEqual(renamed('b'))
      storage.close()
    })

    it('keeps what has neither seed nor register', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(bareState)
      first.close()
      const second = harness.reopen()
      expect(second.load()).toEqual(bareState)
      second.close()
    })

    it('gives it back to later holders, who may go on', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(renamed('a'))
      first.save(someState)
      first.close()
      const second = harness.reopen()
      expect(second.load()).toEqual(someState)
      second.save(renamed('b'))
      second.close()
      const third = harness.reopen()
      expect(third.load()).toEqual(renamed('b'))
      third.close()
    })

    it('has one holder at a time', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(someState)
      const locked = expect.objectContaining({ code: 'meter/locked' })
      expect(() => harness.reopen()).toThrow(locked)
      first.save(renamed('still mine'))
      first.close()
      const second = harness.reopen()
      expect(second.load()?.name).toBe('still mine')
      first.close() // Again: that must not open the door to a third.
      expect(() => harness.reopen()).toThrow(locked)
      second.close()
    })

    it('saves nothing once it is closed', () => {
      const harness = makeHarness()
      const storage = harness.create()
      storage.save(someState)
      storage.close()
      const failed = expect.objectContaining({ code: 'store/failed' })
      expect(() => storage.save(renamed('late'))).toThrow(failed)
      const next = harness.reopen()
      expect(next.load()).toEqual(someState)
      next.close()
    })
  })
}

function describePutBack(name: string, makeHarness: () => MeterStorageHarness): void {
  describe(`${name} that was put back from a copy`, () => {
    it('says of a copy that was put back that it is one, until that is dealt with', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(renamed('old'))
      first.close()
      const putBack = harness.copy()
      const second = harness.reopen()
      second.save(renamed('lost'))
      second.close()
      putBack()

      const third = harness.reopen()
      const restored: MeterState = { ...renamed('old'), isRestored: true }
      expect(third.load()).toEqual(restored)
      // Whoever only changes the name leaves the mark.
      third.save({ ...restored, name: 'still marked' })
      third.close()
      const fourth = harness.reopen()
      expect(fourth.load()).toEqual({ ...restored, name: 'still marked' })
      fourth.save(renamed('new'))
      fourth.close()
      const fifth = harness.reopen()
      expect(fifth.load()).toEqual(renamed('new'))
      fifth.close()
    })

    it('says so of a later state than that with which it went on', () => {
      const harness = makeHarness()
      const save = (storage: MeterStorage, name: string) => {
        storage.save(renamed(name))
        storage.close()
      }
      save(harness.create(), 'old')
      const putOldBack = harness.copy()
      for (const name of ['a', 'b', 'c']) save(harness.reopen(), name)
      const putLostBack = harness.copy()
      putOldBack()
      save(harness.reopen(), 'went on')
      putLostBack()
      const last = harness.reopen()
      expect(last.load()).toEqual({ ...renamed('c'), isRestored: true })
      last.close()
    })
  })
}
